"""The settings of each norm."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, fields
from typing import Any

from bnlab.config.ranges import not_negative, one_of, positive, require, visible, within_0_1
from bnlab.errors import UserError
from bnlab.user_class import parse


@dataclass
class NormConfig:
    """`norm=none`, and what every scheme has."""

    name: str
    impl: str

    def __post_init__(self) -> None:
        one_of("norm.impl", self.impl, ("native", "custom", "keras"))
        if self.name == "none":
            self.impl = "native"  # whoever would have written it, there is no layer: the same run

    def settings(self) -> dict[str, Any]:
        """The scheme's own settings, as its constructor takes them."""
        return {f.name: getattr(self, f.name) for f in fields(self) if f.name not in ("name", "impl")}

    def label(self) -> str:
        """A short name of it."""
        return self.name if self.name == "none" else f"{self.name}-{self.impl}"

    def conventions(self) -> dict[str, Any]:
        """Where the layer's conventions are not PyTorch's, in which this configuration is written."""
        return {}

    def of_activations(self) -> NormConfig:
        """What normalizes the activations: itself, except where it is the weights that are normalized."""
        return self


@dataclass
class LayerConfig(NormConfig):
    eps: float
    affine: bool

    def __post_init__(self) -> None:
        super().__post_init__()
        visible("norm.eps", self.eps)


@dataclass
class GroupConfig(LayerConfig):
    num_groups: int

    def __post_init__(self) -> None:
        super().__post_init__()
        require(self.num_groups >= 1, "norm.num_groups", self.num_groups, "1 or more")


@dataclass
class AveragingConfig(LayerConfig):
    """Schemes that keep running statistics of the batches."""

    momentum: float | None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.momentum is not None:
            within_0_1("norm.momentum", self.momentum)


@dataclass
class BatchConfig(AveragingConfig):
    track_running_stats: bool

    def conventions(self) -> dict[str, Any]:
        if self.impl != "keras" or self.momentum is None:
            return {}
        return {"keras_momentum": 1 - self.momentum, "stored_variance": "biased"}


@dataclass
class InstanceConfig(LayerConfig):
    momentum: float
    track_running_stats: bool

    def __post_init__(self) -> None:
        super().__post_init__()
        within_0_1("norm.momentum", self.momentum)


@dataclass
class RMSConfig(NormConfig):
    eps: float | None
    affine: bool

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.eps is not None:
            visible("norm.eps", self.eps)


@dataclass
class BatchRenormConfig(LayerConfig):
    momentum: float
    r_max: float
    d_max: float
    schedule_scale: float

    def __post_init__(self) -> None:
        super().__post_init__()
        within_0_1("norm.momentum", self.momentum)
        require(1 <= self.r_max < math.inf, "norm.r_max", self.r_max, "a finite number, 1 or above")
        not_negative("norm.d_max", self.d_max)
        not_negative("norm.schedule_scale", self.schedule_scale)


@dataclass
class GhostBatchConfig(AveragingConfig):
    virtual_batch_size: int

    def __post_init__(self) -> None:
        super().__post_init__()
        require(self.virtual_batch_size >= 1, "norm.virtual_batch_size", self.virtual_batch_size, "1 or more")


@dataclass
class PreciseBatchConfig(AveragingConfig):
    population_batches: int

    def __post_init__(self) -> None:
        super().__post_init__()
        require(self.population_batches >= 1, "norm.population_batches", self.population_batches, "1 or more")


@dataclass
class FRNConfig(LayerConfig):
    tlu: bool


@dataclass
class SwitchableConfig(LayerConfig):
    momentum: float

    def __post_init__(self) -> None:
        super().__post_init__()
        within_0_1("norm.momentum", self.momentum)


@dataclass
class DyTConfig(NormConfig):
    alpha: float
    affine: bool

    def __post_init__(self) -> None:
        super().__post_init__()
        positive("norm.alpha", self.alpha)


@dataclass
class DerfConfig(DyTConfig):
    shift: float

    def __post_init__(self) -> None:
        super().__post_init__()
        require(math.isfinite(self.shift), "norm.shift", self.shift, "a finite number")


@dataclass
class OfWeightsConfig(NormConfig):
    """Schemes that normalize the weights, and what normalizes the activations after them."""

    then: str
    then_eps: float
    affine: bool
    momentum: float | None
    num_groups: int

    def __post_init__(self) -> None:
        super().__post_init__()
        one_of("norm.then", self.then, ("none", "batch", "layer", "group"))
        visible("norm.then_eps", self.then_eps)
        self.of_activations()  # checks the rest

    def settings(self) -> dict[str, Any]:
        return {}

    def of_activations(self) -> NormConfig:
        if self.then == "batch":
            return BatchConfig("batch", "native", self.then_eps, self.affine, self.momentum, True)
        if self.then == "group":
            return GroupConfig("group", "native", self.then_eps, self.affine, self.num_groups)
        if self.then == "layer":
            return LayerConfig("layer", "native", self.then_eps, self.affine)
        return NormConfig("none", "native")


@dataclass
class WeightStandardizationConfig(OfWeightsConfig):
    eps: float

    def __post_init__(self) -> None:
        super().__post_init__()
        visible("norm.eps", self.eps)

    def settings(self) -> dict[str, Any]:
        return {"eps": self.eps}


@dataclass
class CustomClassConfig(NormConfig):
    """A class of the user's own, see bnlab.user_class.layer."""

    target: str
    kwargs: dict[str, Any] | None
    digest: str | None = field(metadata={"filled_in": True})

    def __post_init__(self) -> None:
        one_of("norm.impl", self.impl, ("custom",))
        found = parse(self.target)
        digest = found.digest()
        if self.digest not in (None, digest):
            name, *imported = [found.file.name, *(file for file in found.files() if file != found.file.name)]
            which = f"{name}, or what it imports ({', '.join(imported)})," if imported else name
            raise UserError(
                f"norm.digest={self.digest}, but {which} is another text now, {digest}; "
                "leave norm.digest out to train with it as it is"
            )
        self.digest = digest
        self.kwargs = self.kwargs or {}  # one address for both ways to say none

    def label(self) -> str:
        return self.target.rpartition(":")[2]

    def settings(self) -> dict[str, Any]:
        return dict(self.kwargs or {})
