"""The article's program does what bnlab's run of the article's configuration does."""

import copy
from itertools import pairwise

import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset, Subset

from bnlab.bench import article, configs
from bnlab.data.stream import BatchStream
from bnlab.engine.loop import train
from bnlab.engine.observer import Observer
from bnlab.engine.plan import Plan
from bnlab.launch.build import plan_of, replicate, split_of


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the first 96 images of each part."""
    whole = article.dataset
    monkeypatch.setattr(article, "dataset", lambda *, train: Subset(whole(train=train), range(96)))


def test_its_images_and_labels_are_bnlabs() -> None:
    split = split_of(configs.article_config().data)
    for part, train_part in ((split.train, True), (split.test, False)):
        published: Dataset[tuple[Tensor, int]] = article.dataset(train=train_part)
        assert len(published) == len(part)  # type: ignore[arg-type]  # torchvision's datasets have a length
        for index in (0, 7, len(part) - 1):
            image, label = published[index]
            torch.testing.assert_close(image, part.images[index] / 255, rtol=0, atol=0)
            assert label == part.labels[index]


def test_its_steps_are_those_of_bnlabs_run() -> None:
    config = configs.article_config()
    split, ours = split_of(config.data), replicate(config, seed=3)
    program = article.Program(seed=0)
    linear_and_norms = [m for m in ours.model.modules() if isinstance(m, (nn.Linear, nn.BatchNorm1d))]
    net = program.model
    layers: list[nn.Module] = [net.fc1, net.bn1, net.fc2, net.bn2, net.fc3]
    for theirs, mine in zip(layers, linear_and_norms, strict=True):
        theirs.load_state_dict(copy.deepcopy(mine.state_dict()))
    # In float32 the gradient of a bias before a norm is rounding noise, which Adam blows up to steps of full size.
    program.model.double()
    ours.model.double()

    stream = BatchStream(split.train, [3], 32, False, torch.device("cpu"))
    for images, labels in stream.take(6):
        program.step(split.scaling.to_float(images[0], torch.float64), labels[0])
    train([ours], split, Plan(32, False, plan_of(config).steps_per_epoch, 6, None), torch.device("cpu"), Observer())
    for theirs, mine in zip(layers, linear_and_norms, strict=True):
        for name, value in mine.state_dict().items():
            torch.testing.assert_close(theirs.state_dict()[name], value, rtol=1e-9, atol=1e-9, msg=name)


def test_loader_is_as_published() -> None:
    loader = article.Program(seed=0).loader
    images, labels = next(iter(loader))
    assert images.shape == (32, 1, 28, 28)
    assert labels.shape == (32,)
    assert (loader.num_workers, len(loader), loader.drop_last) == (0, 1875, False)
    again, _ = next(iter(loader))
    assert not torch.equal(images, again), "the order is shuffled anew"


@pytest.mark.usefixtures("small")
def test_a_whole_run_learns_and_times_every_epoch() -> None:
    trained = article.train(seed=0, epochs=8)
    assert len(trained.epoch_seconds) == 8
    assert min(trained.epoch_seconds) > 0
    assert trained.test_accuracy > 0.3


def test_accuracy_by_hand() -> None:
    class OwnInput(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            assert not self.training
            return x

    class Three(Dataset[tuple[Tensor, int]]):
        logits = ((1.0, 0.0), (0.0, 1.0), (3.0, 2.0))

        def __len__(self) -> int:
            return 3

        def __getitem__(self, index: int) -> tuple[Tensor, int]:
            return torch.tensor(self.logits[index]), (0, 1, 1)[index]

    assert article.accuracy(OwnInput(), DataLoader(Three(), batch_size=2)) == pytest.approx(2 / 3)


@pytest.mark.usefixtures("small")
def test_only_the_steps_after_the_warm_up_are_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    now, cost = 0.0, iter([1000.0, *[1.0] * 7])

    def step(self: article.Program, images: Tensor, labels: Tensor) -> float:
        nonlocal now
        now += next(cost)
        return 0.0

    monkeypatch.setattr(article.Program, "step", step)
    monkeypatch.setattr(article, "perf_counter", lambda: now)
    # 3 batches make an epoch: the timed steps go on into further ones.
    assert article.seconds_of_steps(7, warm_up=1) == 7.0


def test_the_network_has_the_articles_widths() -> None:
    linear = [m for m in article.Net().modules() if isinstance(m, nn.Linear)]
    widths = [linear[0].in_features, *(m.out_features for m in linear)]
    assert list(pairwise(widths)) == [(784, 128), (128, 64), (64, 10)]
