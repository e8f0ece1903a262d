"""The settings of each model."""

from __future__ import annotations

import itertools
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import Any

from bnlab.errors import UserError, written
from bnlab.ranges import one_of, positive, require

MOST_WIDTH, MOST_DEPTH = 65_536, 1_000
PIXELS = 28
"""Height and width of an image."""


@dataclass(frozen=True)
class ModelConfig(ABC):
    """The settings that every model has."""

    name: str
    activation: str
    norm_position: str
    norm_input: bool
    norm_output: bool
    init: str
    init_gain: float | None
    bias: Any  # "auto", true or false: OmegaConf has no union of str and bool that keeps them apart

    def __post_init__(self) -> None:
        one_of("model.activation", self.activation, ("relu", "gelu", "tanh", "sigmoid", "linear"))
        one_of("model.norm_position", self.norm_position, ("pre", "post"))
        one_of("model.init", self.init, ("pytorch", "kaiming", "xavier", "normal"))
        if self.init_gain is not None:
            positive("model.init_gain", self.init_gain)
            if self.init == "pytorch":
                raise UserError("model.init_gain is not a setting of model.init=pytorch; use kaiming, xavier or normal")
        require(self.bias == "auto" or isinstance(self.bias, bool), "model.bias", self.bias, "auto, true or false")

    @abstractmethod
    def shape(self) -> dict[str, Any]:
        """The settings that decide the shapes of the weights: models of equal shape can share a stack."""


@dataclass(frozen=True)
class MLPConfig(ModelConfig):
    """A fully connected network. `width` and `depth`, if set, replace `hidden`, which is then set to null."""

    hidden: list[int] | None
    width: int | None = field(default=None, kw_only=True)
    depth: int | None = field(default=None, kw_only=True)
    residual: bool = field(default=False, kw_only=True)
    norm_at: list[int] | None = field(default=None, kw_only=True)
    dropout: float = field(default=0.0, kw_only=True)

    def __post_init__(self) -> None:
        if (self.width is None) != (self.depth is None):
            given, other = ("width", "depth") if self.depth is None else ("depth", "width")
            raise UserError(
                f"model.{given} needs model.{other} too: all hidden layers have one width; or set model.hidden"
            )
        if self.width is not None and self.depth is not None:
            _check_widths("model.width", [self.width])
            _within("model.depth", self.depth, MOST_DEPTH)
            object.__setattr__(self, "hidden", None)
        widths = self.widths()
        require(len(widths) > 0, "model.hidden", self.hidden, "a list of one or more widths, e.g. [128,64]")
        _check_widths("model.hidden", widths)
        if self.residual and not any(a == b for a, b in itertools.pairwise(widths)):
            raise UserError(
                "model.residual=true adds a layer's input where that has the layer's width, and no two neighbours of"
                f" model.hidden={written(widths)} have one width; set e.g. model.width=100 model.depth=20"
            )
        if self.norm_at is not None:
            legal = len(set(self.norm_at)) == len(self.norm_at) and all(0 <= at < len(widths) for at in self.norm_at)
            allowed = f"a list of distinct hidden layers, counted from 0 to {len(widths) - 1}, or null for all"
            require(legal, "model.norm_at", self.norm_at, allowed)
        require(0 <= self.dropout < 1, "model.dropout", self.dropout, "0 or above, and below 1")
        super().__post_init__()

    def widths(self) -> list[int]:
        """The width of each hidden layer."""
        return [self.width] * self.depth if self.width is not None and self.depth is not None else self.hidden or []

    def shape(self) -> dict[str, Any]:
        parts = {"residual": self.residual, "dropout": self.dropout > 0}
        return {"name": self.name, "hidden": self.widths(), **{key: True for key, there in parts.items() if there}}


@dataclass(frozen=True)
class CNNConfig(ModelConfig):
    channels: list[int]

    def __post_init__(self) -> None:
        legal = 1 <= len(self.channels) <= 4  # each halves an image's height and width
        require(legal, "model.channels", self.channels, "a list of one to four widths, e.g. [16,32]")
        _check_widths("model.channels", self.channels)
        super().__post_init__()

    def shape(self) -> dict[str, Any]:
        return {"name": self.name, "channels": self.channels}


@dataclass(frozen=True)
class ViTConfig(ModelConfig):
    patch: int
    width: int
    depth: int
    heads: int
    mlp_ratio: int

    def __post_init__(self) -> None:
        fits = self.patch >= 1 and PIXELS % self.patch == 0
        require(fits, "model.patch", self.patch, f"a divisor of the image's {PIXELS} pixels: {_divisors(PIXELS)}")
        _check_widths("model.width", [self.width])
        _within("model.depth", self.depth, MOST_DEPTH)
        divides = self.heads >= 1 and self.width % self.heads == 0
        require(divides, "model.heads", self.heads, f"a divisor of model.width={self.width}: {_divisors(self.width)}")
        _within("model.mlp_ratio", self.mlp_ratio, MOST_WIDTH // self.width)
        super().__post_init__()

    def shape(self) -> dict[str, Any]:
        sizes = {key: getattr(self, key) for key in ("patch", "width", "depth", "heads", "mlp_ratio")}
        return {"name": self.name, **sizes}


@dataclass(frozen=True)
class RNNConfig(ModelConfig):
    cell: str
    hidden: int
    sequence: str
    statistics: str
    gamma: float

    def __post_init__(self) -> None:
        one_of("model.cell", self.cell, ("tanh", "lstm", "gru"))
        _check_widths("model.hidden", [self.hidden])
        one_of("model.sequence", self.sequence, ("rows", "pixels", "permuted_rows", "permuted_pixels"))
        one_of("model.statistics", self.statistics, ("per_step", "shared"))
        positive("model.gamma", self.gamma)
        super().__post_init__()
        for key, value, own in (("activation", self.activation, "tanh"), ("norm_position", self.norm_position, "pre")):
            if value != own:
                raise UserError(
                    f"model.{key}={value} has no place in model=rnn, whose cells are as published; it is {own}"
                )

    def by_pixels(self) -> bool:
        return self.sequence.endswith("pixels")

    def is_permuted(self) -> bool:
        return self.sequence.startswith("permuted")

    def shape(self) -> dict[str, Any]:
        return {"name": self.name, "cell": self.cell, "hidden": self.hidden, "sequence": self.sequence}


def _divisors(number: int) -> str:
    return ", ".join(str(n) for n in range(1, number + 1) if number % n == 0)


def _within(key: str, value: int, most: int) -> None:
    require(1 <= value <= most, key, value, f"1 to {most}")


def _check_widths(key: str, widths: list[int]) -> None:
    legal = all(type(width) is int and 1 <= width <= MOST_WIDTH for width in widths)
    require(legal, key, widths, f"widths of 1 to {MOST_WIDTH}")
