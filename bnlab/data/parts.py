"""The training, validation and test parts of a dataset, and how pixels become floats."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from bnlab.data.source import Source
from bnlab.errors import UserError
from bnlab.seeds import split_generator


def distinct_seeds(seeds: Sequence[int]) -> tuple[list[int], list[int]]:
    """The distinct seeds in the order of their first places, and for each of `seeds` its place among these."""
    distinct = list(dict.fromkeys(seeds))
    number = {seed: number for number, seed in enumerate(distinct)}
    return distinct, [number[seed] for seed in seeds]


@dataclass(frozen=True, eq=False)
class Part:
    """A part of a dataset: images uint8 (N, 1, 28, 28) and labels int64 (N,)."""

    images: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.labels)

    def batch(self, start: int, stop: int) -> tuple[Tensor, Tensor]:
        """The images from `start` to `stop`, (1, N, 1, H, W), and their labels (1, N), the same for all replicates."""
        return self.images[start:stop].unsqueeze(0), self.labels[start:stop].unsqueeze(0)

    def rows(self, orders: Tensor) -> Tensor:
        """For U seeds: where in `images` their images number `orders` (U, N) are."""
        return orders


@dataclass(frozen=True, eq=False)
class OwnPart(Part):
    """A part in which each seed has its own N images.

    Attributes:
        images: all images, uint8 (M, 1, 28, 28), with labels (M,).
        chosen: for each of the U distinct seeds, the places of its images, int64 (U, N).
        takes: which of the U seeds each replicate has.
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
    """Makes floats of uint8 pixels: `(x / 255 - mean) / std`. With mean 0 and std 1 it is torchvision's ToTensor."""

    mean: float = 0.0
    std: float = 1.0

    def to_float(self, images: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
        """A scaled float copy of uint8 images, of the same shape."""
        floats = images.to(dtype)
        if self.mean:
            floats.sub_(255 * self.mean)
        return floats.div_(255 * self.std)


@dataclass(frozen=True, eq=False)
class Split:
    """A dataset in its three parts.

    Attributes:
        validation: None if nothing is held out.
        draw: makes other training and validation parts of the same sizes for each seed; None: all seeds have these.
    """

    train: Part
    validation: Part | None
    test: Part
    classes: int
    scaling: Scaling
    draw: Draw | None = None

    def of(self, seeds: Sequence[int]) -> Split:
        """The split for replicates of these seeds."""
        if self.draw is None:
            return self
        train, validation = self.draw.parts(seeds)
        return replace(self, train=train, validation=validation, draw=None)


@dataclass(frozen=True, eq=False)
class Draw:
    """Draws a random split for each seed (Bouthillier et al. 2021).

    Attributes:
        every: the images to split.
        kept: how many of them are for training; the others are held out.
        limit: the largest size of each part; None: no limit.
        split_seed: decides the splits, together with each seed.
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
    """Holds out the last `validation_size` training images, and keeps at most the first `limit` images of each part.

    The parts are views of the source's tensors. With a `split_seed` each seed holds out other images, by `Split.of`.
    `normalize="standard"` takes the mean and standard deviation of all pixels of the training part only. It needs one
    split for all seeds.

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
    """Mean and biased standard deviation of all pixels / 255, computed exactly from the counts of the 256 values."""
    counts = torch.bincount(images.flatten(), minlength=256).double()
    values = torch.arange(256, dtype=torch.float64) / 255
    mean = (counts @ values) / counts.sum()
    variance = (counts @ (values - mean).square()) / counts.sum()
    return Scaling(float(mean), float(variance.sqrt()))
