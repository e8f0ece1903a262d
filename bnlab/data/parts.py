"""Training, validation and test part of a dataset, and how their bytes become floats."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from bnlab.data.source import Source
from bnlab.errors import UserError
from bnlab.seeds import split_generator


def distinct_seeds(seeds: Sequence[int]) -> tuple[list[int], list[int]]:
    """Each seed once, in the order in which they first come; and of all seeds, which of these each is."""
    distinct = list(dict.fromkeys(seeds))
    number = {seed: number for number, seed in enumerate(distinct)}
    return distinct, [number[seed] for seed in seeds]


@dataclass(frozen=True, eq=False)
class Part:
    """Images uint8 (N, 1, 28, 28) and labels int64 (N,)."""

    images: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.labels)

    def batch(self, start: int, stop: int) -> tuple[Tensor, Tensor]:
        """Its images from `start` to `stop`, (1, N, 1, H, W), and their labels (1, N): the same for all replicates."""
        return self.images[start:stop].unsqueeze(0), self.labels[start:stop].unsqueeze(0)

    def rows(self, orders: Tensor) -> Tensor:
        """Where in `images` the seeds' images of these numbers (U, N) are."""
        return orders


@dataclass(frozen=True, eq=False)
class OwnPart(Part):
    """A part of which R replicates have N images each, those of one seed the same ones.

    Attributes:
        images: uint8 (M, 1, 28, 28), with labels (M,): all that theirs are taken from.
        chosen: of each of the U distinct seeds, where its images are, int64 (U, N).
        takes: which of the U each replicate has.
    """

    chosen: Tensor
    takes: Sequence[int]

    def __len__(self) -> int:
        return self.chosen.shape[1]

    def batch(self, start: int, stop: int) -> tuple[Tensor, Tensor]:
        """Each seed's images from `start` to `stop`, (U, N, 1, H, W), and each replicate's labels (R, N)."""
        rows = self.chosen[:, start:stop]
        return self.images[rows], self.labels[rows][list(self.takes)]

    def rows(self, orders: Tensor) -> Tensor:
        return self.chosen.gather(1, orders)


@dataclass(frozen=True)
class Scaling:
    """Bytes to floats: `(x / 255 - mean) / std`; with mean 0 and std 1 exactly torchvision's ToTensor, `x / 255`."""

    mean: float = 0.0
    std: float = 1.0

    def to_float(self, images: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
        """A float copy of uint8 images (the in-place steps work on that copy), same shape."""
        floats = images.to(dtype)
        if self.mean:
            floats.sub_(255 * self.mean)
        return floats.div_(255 * self.std)


@dataclass(frozen=True, eq=False)
class Split:
    """The three parts; `validation` is None if nothing is held out.

    Attributes:
        draw: makes each seed's own training and validation part, which are as large as these; None: all have these.
    """

    train: Part
    validation: Part | None
    test: Part
    classes: int
    scaling: Scaling
    draw: Draw | None = None

    def of(self, seeds: Sequence[int]) -> Split:
        """As replicates of these seeds have it."""
        if self.draw is None:
            return self
        train, validation = self.draw.parts(seeds)
        return replace(self, train=train, validation=validation, draw=None)


@dataclass(frozen=True, eq=False)
class Draw:
    """A split per seed, drawn at random (Bouthillier et al. 2021): as `split`, of the images in the seed's own order.

    Attributes:
        every: the images to split.
        kept: how many are not held out.
        limit: how many of each part are used; None: all.
        split_seed: decides each order, together with the seed and nothing else.
    """

    every: Part
    kept: int
    limit: int | None
    split_seed: int

    def parts(self, seeds: Sequence[int]) -> tuple[OwnPart, OwnPart]:
        """The training and the validation part of replicates of these seeds."""
        distinct, takes = distinct_seeds(seeds)
        orders = torch.stack([self._order(seed) for seed in distinct])
        train, held_out = (
            OwnPart(self.every.images, self.every.labels, chosen[:, : self.limit], takes)
            for chosen in (orders[:, : self.kept], orders[:, self.kept :])
        )
        return train, held_out

    def _order(self, seed: int) -> Tensor:
        return torch.randperm(len(self.every), generator=split_generator(self.split_seed, seed))


def split(
    source: Source,
    *,
    validation_size: int = 10_000,
    limit: int | None = None,
    normalize: str = "none",
    split_seed: int | None = None,
) -> Split:
    """Hold out the last `validation_size` training images and keep at most the first `limit` images of each part.

    With a `split_seed` each seed holds out images of its own: `Split.of`. The parts are views of the source's tensors.
    The mean and standard deviation of `normalize="standard"` are those of all pixels of the images that are trained on,
    so nothing of the other two parts leaks into them; with a `split_seed` they would be of no seed's images.

    Raises:
        UserError: `validation_size` leaves nothing to train on, or `limit` keeps nothing.
    """
    total = len(source.train_labels)
    if not 0 <= validation_size < total:
        raise UserError(
            f"data.validation_size={validation_size}: {source.name} has {total} training images, "
            f"so 0 to {total - 1} can be held out"
        )
    if limit is not None and limit < 1:
        raise UserError(f"data.limit={limit}: at least 1 image must be kept; data.limit=null keeps all")
    kept = total - validation_size
    train = _part(source.train_images[:kept], source.train_labels[:kept], limit)
    held_out = _part(source.train_images[kept:], source.train_labels[kept:], limit) if validation_size else None
    test = _part(source.test_images, source.test_labels, limit)
    scaling = _standardization(train.images) if normalize == "standard" else Scaling()
    every = _part(source.train_images, source.train_labels, None)
    draw = None if split_seed is None else Draw(every, kept, limit, split_seed)
    return Split(train, held_out, test, source.classes, scaling, draw)


def _part(images: Tensor, labels: Tensor, limit: int | None) -> Part:
    return Part(images[:limit].unsqueeze(1), labels[:limit])


def _standardization(images: Tensor) -> Scaling:
    """Mean and (biased) standard deviation of all pixels / 255, from the exact counts of the 256 values."""
    counts = torch.bincount(images.flatten(), minlength=256).double()
    values = torch.arange(256, dtype=torch.float64) / 255
    mean = (counts @ values) / counts.sum()
    variance = (counts @ (values - mean).square()) / counts.sum()
    return Scaling(float(mean), float(variance.sqrt()))
