"""Training, validation and test part of a dataset, and how their bytes become floats."""

from dataclasses import dataclass

import torch
from torch import Tensor

from bnlab.data.source import Source
from bnlab.errors import UserError


@dataclass(frozen=True, eq=False)
class Part:
    """Images uint8 (N, 1, 28, 28) and labels int64 (N,)."""

    images: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.labels)


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
    """The three parts; `validation` is None if nothing is held out."""

    train: Part
    validation: Part | None
    test: Part
    classes: int
    scaling: Scaling


def split(source: Source, *, validation_size: int = 10_000, limit: int | None = None, normalize: str = "none") -> Split:
    """Hold out the last `validation_size` training images and keep at most the first `limit` images of each part.

    The parts are views of the source's tensors. The mean and standard deviation of `normalize="standard"` are those of
    all pixels of the images that are trained on, so nothing of the other two parts leaks into them.

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
    return Split(train, held_out, test, source.classes, scaling)


def _part(images: Tensor, labels: Tensor, limit: int | None) -> Part:
    return Part(images[:limit].unsqueeze(1), labels[:limit])


def _standardization(images: Tensor) -> Scaling:
    """Mean and (biased) standard deviation of all pixels / 255, from the exact counts of the 256 values."""
    counts = torch.bincount(images.flatten(), minlength=256).double()
    values = torch.arange(256, dtype=torch.float64) / 255
    mean = (counts @ values) / counts.sum()
    variance = (counts @ (values - mean).square()) / counts.sum()
    return Scaling(float(mean), float(variance.sqrt()))
