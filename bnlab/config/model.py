"""The settings of each model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from bnlab.errors import UserError
from bnlab.ranges import one_of, positive, require

MOST_WIDTH, MOST_DEPTH = 65_536, 1_000
PIXELS = 28
"""Height and width of an image."""


@dataclass(frozen=True)
class ModelConfig:
    """What every model has."""

    name: str
    activation: str
    norm_position: str
    norm_input: bool
    norm_output: bool
    init: str
    init_gain: float | None
    bias: Any  # "auto", true or false: OmegaConf has no union of str and bool that keeps them apart

    def __post_init__(self) -> None:
        one_of("model.activation", self.activation, ("relu", "gelu", "tanh", "sigmoid"))
        one_of("model.norm_position", self.norm_position, ("pre", "post"))
        one_of("model.init", self.init, ("pytorch", "kaiming", "xavier", "normal"))
        if self.init_gain is not None:
            positive("model.init_gain", self.init_gain)
            if self.init == "pytorch":
                raise UserError("model.init_gain is not a setting of model.init=pytorch; use kaiming, xavier or normal")
        require(self.bias == "auto" or isinstance(self.bias, bool), "model.bias", self.bias, "auto, true or false")

    def shape(self) -> dict[str, Any]:
        """What of it decides the shapes of its weights."""
        raise NotImplementedError


@dataclass(frozen=True)
class MLPConfig(ModelConfig):
    hidden: list[int]

    def __post_init__(self) -> None:
        require(len(self.hidden) > 0, "model.hidden", self.hidden, "a list of one or more widths, e.g. [128,64]")
        _check_widths("model.hidden", self.hidden)
        super().__post_init__()

    def shape(self) -> dict[str, Any]:
        return {"name": self.name, "hidden": self.hidden}


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


def _divisors(number: int) -> str:
    return ", ".join(str(n) for n in range(1, number + 1) if number % n == 0)


def _within(key: str, value: int, most: int) -> None:
    require(1 <= value <= most, key, value, f"1 to {most}")


def _check_widths(key: str, widths: list[int]) -> None:
    legal = all(type(width) is int and 1 <= width <= MOST_WIDTH for width in widths)
    require(legal, key, widths, f"widths of 1 to {MOST_WIDTH}")
