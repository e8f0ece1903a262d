"""Loss and accuracy of a stack, on training batches and on held-out images.

Shapes: R replicates, N images, K classes, T batches.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bnlab.data import Part, Split
from bnlab.engine.population import buffers_kept
from bnlab.engine.products import fastest_products
from bnlab.lifting import without_noise

EVALUATION_BATCH = 1000
"""Images per forward pass; fixed, since another size changes the last bits."""


@dataclass
class Score:
    """The score of R replicates on some images, as sums that can be added up.

    Attributes:
        loss_sum: float64 (R,), the sum of the cross-entropy in nats.
        correct: float64 (R,), the number of correct answers.
        images: how many images.
        is_right: bool (R, images), whether each image was answered correctly; None where only sums are kept.
    """

    loss_sum: Tensor
    correct: Tensor
    images: int
    is_right: Tensor | None = None

    @staticmethod
    def zeros(replicates: int) -> Score:
        return Score(torch.zeros(replicates, dtype=torch.float64), torch.zeros(replicates, dtype=torch.float64), 0)

    def __iadd__(self, other: Score) -> Score:
        self.loss_sum = self.loss_sum + other.loss_sum
        self.correct = self.correct + other.correct
        self.images += other.images
        if self.is_right is not None and other.is_right is not None:
            self.is_right = torch.cat([self.is_right, other.is_right], dim=1)
        else:
            self.is_right = None
        return self

    def loss(self, replicate: int) -> float:
        """Mean cross-entropy in nats."""
        return float(self.loss_sum[replicate]) / self.images

    def accuracy(self, replicate: int) -> float:
        """Share of the images whose largest logit is that of the right class, from 0 to 1."""
        return float(self.correct[replicate]) / self.images


def sum_of_losses(scores: Iterable[Score]) -> Tensor:
    """Each replicate's sum of all its losses (R,), which is finite if all of them are."""
    return torch.stack([score.loss_sum for score in scores]).sum(0)


def log_probabilities_of(logits: Tensor) -> Tensor:
    """Log-probabilities (R, K, N) of logits (R, N, K). Over a short last axis PyTorch's kernel would be much slower."""
    return F.log_softmax(logits.mT, dim=1)


def score_batches(
    log_probabilities: Sequence[Tensor], labels: Sequence[Tensor], *, keep_each: bool = False
) -> tuple[Score, Tensor]:
    """The score of T batches of one size together, and the mean losses (T, R) of each.

    Args:
        log_probabilities: (R, K, N) of each batch.
        labels: (R, N) of each batch.
        keep_each: also keep which images were answered correctly.
    """
    answers, right = torch.stack(list(log_probabilities), dim=1), torch.stack(list(labels), dim=1)
    losses = -answers.gather(2, right.unsqueeze(2)).squeeze(2)
    correct = answers.max(2).indices == right  # as argmax, and faster
    is_right = correct.flatten(1).cpu() if keep_each else None
    score = Score(_sum(losses), correct.sum((1, 2)).cpu().double(), right[0].numel(), is_right)
    return score, losses.mean(-1).T


def _sum(losses: Tensor) -> Tensor:
    """The sums (R,) of losses (R, T, N), in float64, on the CPU."""
    if losses.device.type == "mps":  # which has no float64
        losses = losses.cpu()
    return losses.double().sum((1, 2)).cpu()


@torch.no_grad()
def evaluate(
    stack: nn.Module,
    data: Split,
    part: Part,
    device: torch.device,
    *,
    batch_size: int = EVALUATION_BATCH,
    keep_each: bool = False,
) -> Score:
    """The score of all replicates in evaluation mode, in which norms use their running statistics.

    `keep_each` also keeps which images were answered correctly.
    """
    stack.eval()
    score = _score_part(stack, data, part, batch_size, device, keep_each=keep_each)
    stack.train()
    return score


@torch.no_grad()
def evaluate_on_batch_statistics(stack: nn.Module, data: Split, batch_size: int, device: torch.device) -> Score:
    """The test score in training mode, in which each batch is normalized by its own statistics.

    The running statistics stay as they are. All batches have the training's size, since a smaller one would have other
    statistics: the images left over at the end share their batch with earlier images, which are not counted twice.
    """
    with buffers_kept(stack), without_noise(stack):
        return _score_part(stack, data, data.test, batch_size, device, fill_last=True)


def _score_part(
    stack: nn.Module,
    data: Split,
    part: Part,
    batch_size: int,
    device: torch.device,
    *,
    fill_last: bool = False,
    keep_each: bool = False,
) -> Score:
    dtype = next(stack.parameters()).dtype
    total: Score | None = None
    for start in range(0, len(part), batch_size):
        stop = min(start + batch_size, len(part))
        first = max(stop - batch_size, 0) if fill_last else start
        images, labels = part.batch(first, stop)
        with fastest_products():
            log_probabilities = log_probabilities_of(stack(data.scaling.to_float(images.to(device), dtype)))
        labels = labels.to(device).expand(len(log_probabilities), -1)
        log_probabilities, labels = log_probabilities[:, :, start - first :], labels[:, start - first :]
        score, _ = score_batches([log_probabilities], [labels], keep_each=keep_each)
        if total is None:
            total = score
        else:
            total += score
    if total is None:
        raise ValueError("there are no images to evaluate")
    return total
