"""Changes of test images (contrast, noise, ...), by torchvision's transforms, and orders of the test images."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from bnlab.data.parts import Part
from bnlab.errors import UserError, shown, unknown

SEED = 0
"""The seed of the noise and of the shuffled order, the same for all runs, so that they can be compared."""


@dataclass(frozen=True)
class _Kind:
    apply: Callable[[Tensor, float], Tensor]
    most: float
    unit: str


def _transforms() -> Any:
    from torchvision.transforms.v2 import functional  # which takes more than a second, and is seldom needed

    return functional


def _contrasted(images: Tensor, factor: float) -> Tensor:
    contrasted: Tensor = _transforms().adjust_contrast(images, factor)
    return contrasted


def _brightened(images: Tensor, factor: float) -> Tensor:
    brightened: Tensor = _transforms().adjust_brightness(images, factor)
    return brightened


def _noisy(images: Tensor, sigma: float) -> Tensor:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(SEED)
        noisy: Tensor = _transforms().gaussian_noise(images.float() / 255, sigma=sigma)
    return noisy.mul(255).round().to(torch.uint8)


def _blurred(images: Tensor, sigma: float) -> Tensor:
    size = 2 * int(3 * sigma + 0.5) + 1  # three standard deviations to each side
    blurred: Tensor = _transforms().gaussian_blur(images, [size, size], [sigma, sigma])
    return blurred


KINDS = {
    "contrast": _Kind(_contrasted, 10, "a factor on the distance from the image's mean"),
    "brightness": _Kind(_brightened, 10, "a factor on the pixels"),
    "noise": _Kind(_noisy, 1, "the standard deviation of normal noise, of pixels from 0 to 1"),
    "blur": _Kind(_blurred, 4, "the standard deviation of a Gaussian, in pixels"),
}
ORDERS = ("stored", "shuffled", "sorted")
"""The orders of the test images: as in the dataset, shuffled, or sorted by class."""


@dataclass(frozen=True)
class Shift:
    """A change of all test images, `contrast=0.5`.

    Attributes:
        kind: one of `KINDS`.
        strength: above 0; `KINDS` has its unit and its largest value.
    """

    kind: str
    strength: float

    def __str__(self) -> str:
        return f"{self.kind}={self.strength:g}"

    @staticmethod
    def parse(text: str) -> Shift:
        """Parses `KIND=STRENGTH`. Raises UserError if it is not legal."""
        kind, _, value = text.partition("=")
        if kind not in KINDS:
            raise unknown("shift", kind, KINDS)
        try:
            strength = float(value)
        except ValueError:
            strength = 0.0
        if not 0 < strength <= KINDS[kind].most:
            allowed = f"it has to be above 0 and at most {KINDS[kind].most:g}, {KINDS[kind].unit}"
            raise UserError(f"{kind}={shown(value)} is no strength of a shift; {allowed}")
        return Shift(kind, strength)


def changed(part: Part, shifts: Sequence[Shift], order: str) -> Part:
    """The part with its images shifted, one shift after the other, and in one of `ORDERS`."""
    images, labels = part.images, part.labels
    for shift in shifts:
        images = KINDS[shift.kind].apply(images, shift.strength)
    if order == "stored":
        return Part(images, labels)
    if order not in ORDERS:
        raise unknown("order", order, ORDERS)
    mixed = torch.randperm(len(labels), generator=torch.Generator().manual_seed(SEED))
    chosen = mixed if order == "shuffled" else labels.argsort(stable=True)
    return Part(images[chosen], labels[chosen])
