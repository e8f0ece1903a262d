"""Where a model has its norms and activations: their paths, which are the same for all schemes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bnlab.config import ModelConfig
from bnlab.models.blocks import ACTIVATIONS
from bnlab.models.construction import build
from bnlab.models.steps import NormOfSteps
from bnlab.models.tokens import TokenNorm
from bnlab.norms import SCHEMES
from bnlab.norms.dyt import DynamicTanh

STAND_IN = SCHEMES["dyt"].configured("custom", alpha=0.5, affine=False)
"""Stands for any norm where only shapes matter: it takes inputs of every shape."""


@dataclass(frozen=True)
class Places:
    """Paths in a model's `named_modules`.

    Attributes:
        norms: where a norm is, or would be (with norm=none there is an identity). Norms inside the cell of a recurrent
            network are left out.
        activations: where an activation is, or an identity if the norm before it activates by itself.
    """

    norms: Sequence[str]
    activations: Sequence[str]


def places_of(model: ModelConfig, image: Sequence[int], classes: int) -> Places:
    """The places of a model for images of this shape (channels, height, width)."""
    built = build(model, STAND_IN, image, classes, generator=None)
    norms = [path for path, layer in built.named_modules() if isinstance(layer, DynamicTanh | TokenNorm | NormOfSteps)]
    outermost = [path for path in norms if not any(path.startswith(f"{other}.") for other in norms)]
    kinds = {type(make()) for make in ACTIVATIONS.values()}
    activations = [path for path, layer in built.named_modules() if type(layer) in kinds]
    return Places([path for path in outermost if not _is_of_cell(path)], activations)


def _is_of_cell(path: str) -> bool:
    return any(part.startswith("norms_of_") for part in path.split("."))
