"""The article's PyTorch program as it was published, with which bnlab's speed is compared.

784-128-64-10 with nn.BatchNorm1d, torchvision's MNIST with ToTensor, DataLoader, Adam; nothing in it is tuned.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from time import perf_counter

import torch
from torch import Tensor, nn, optim
from torch.utils.data import DataLoader, Dataset
from torchvision import datasets, transforms

from bnlab import data


class Net(nn.Module):
    """Images (N, 1, 28, 28) -> logits (N, 10)."""

    def __init__(self) -> None:
        super().__init__()
        self.fc1 = nn.Linear(28 * 28, 128)
        self.bn1 = nn.BatchNorm1d(128)
        self.fc2 = nn.Linear(128, 64)
        self.bn2 = nn.BatchNorm1d(64)
        self.fc3 = nn.Linear(64, 10)
        self.relu = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        x = x.view(-1, 28 * 28)
        x = self.relu(self.bn1(self.fc1(x)))
        x = self.relu(self.bn2(self.fc2(x)))
        logits: Tensor = self.fc3(x)
        return logits


class Program:
    """The published script's objects, and its inner loop as a method."""

    def __init__(self, seed: int) -> None:
        torch.manual_seed(seed)
        self.loader = DataLoader(dataset(train=True), batch_size=32, shuffle=True)
        self.model = Net()
        self.criterion = nn.CrossEntropyLoss()
        self.optimizer = optim.Adam(self.model.parameters(), lr=0.001)

    def step(self, images: Tensor, labels: Tensor) -> float:
        """One batch; returns its loss."""
        self.optimizer.zero_grad()
        outputs = self.model(images)
        loss = self.criterion(outputs, labels)
        loss.backward()
        self.optimizer.step()
        return float(loss.item())


@dataclass(frozen=True)
class Trained:
    """The seconds and the test accuracy of a whole run."""

    epoch_seconds: list[float]
    test_accuracy: float


def dataset(*, train: bool) -> Dataset[tuple[Tensor, int]]:
    """MNIST as torchvision's dataset, from the files that bnlab has unpacked."""
    with data.unpacked_mnist() as root:
        mnist: Dataset[tuple[Tensor, int]] = datasets.MNIST(
            root, train=train, transform=transforms.ToTensor(), download=False
        )
    return mnist


def train(seed: int, epochs: int) -> Trained:
    """Runs the whole program. The seconds are those of the training loop, without the test."""
    program = Program(seed)
    seconds = []
    for _ in range(epochs):
        start = perf_counter()
        running_loss = 0.0
        for images, labels in program.loader:
            running_loss += program.step(images, labels)
        seconds.append(perf_counter() - start)
    return Trained(seconds, accuracy(program.model, DataLoader(dataset(train=False), batch_size=32)))


@torch.no_grad()
def accuracy(model: nn.Module, loader: DataLoader[tuple[Tensor, int]]) -> float:
    """Share of the images whose largest logit is the right class, in evaluation mode."""
    model.eval()
    correct, total = 0, 0
    for images, labels in loader:
        predicted = model(images).argmax(1)
        total += labels.size(0)
        correct += int((predicted == labels).sum().item())
    return correct / total


def seconds_of_steps(steps: int, warm_up: int) -> float:
    """The seconds of `steps` training steps, data loading included, after `warm_up` ones that are not counted."""
    program = Program(seed=0)
    batches = _endless(program.loader)
    for _ in range(warm_up):
        program.step(*next(batches))
    start = perf_counter()
    for _ in range(steps):
        program.step(*next(batches))
    return perf_counter() - start


def _endless(loader: DataLoader[tuple[Tensor, int]]) -> Iterator[tuple[Tensor, Tensor]]:
    while True:
        yield from loader
