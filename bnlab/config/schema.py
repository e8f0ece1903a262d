"""Every setting, its type and its legal range. The defaults are in conf/."""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Collection
from dataclasses import dataclass, fields
from typing import Any

from bnlab.errors import UserError, nearest


def _require(legal: bool, key: str, value: object, allowed: str) -> None:
    if not legal:
        raise UserError(f"{key}={value} is out of range; it has to be {allowed}")


def _choice(key: str, value: str, allowed: Collection[str]) -> None:
    if value not in allowed:
        raise UserError(f"{key}={value} is not known; allowed: {', '.join(allowed)}.{nearest(value, allowed)}")


def _positive(key: str, value: float) -> None:
    _require(value > 0 and math.isfinite(value), key, value, "a finite number above 0")


def _not_negative(key: str, value: float) -> None:
    _require(value >= 0 and math.isfinite(value), key, value, "a finite number, 0 or above")


def _within_0_1(key: str, value: float) -> None:
    _require(0 <= value <= 1, key, value, "between 0 and 1")


@dataclass
class NormConfig:
    """`norm=none`, and what every scheme has."""

    name: str
    impl: str

    def __post_init__(self) -> None:
        _choice("norm.impl", self.impl, ("native", "custom"))

    def settings(self) -> dict[str, Any]:
        """The scheme's own settings, as its constructor takes them."""
        return {f.name: getattr(self, f.name) for f in fields(self) if f.name not in ("name", "impl")}


@dataclass
class LayerConfig(NormConfig):
    eps: float
    affine: bool

    def __post_init__(self) -> None:
        super().__post_init__()
        _positive("norm.eps", self.eps)


@dataclass
class GroupConfig(LayerConfig):
    num_groups: int

    def __post_init__(self) -> None:
        super().__post_init__()
        _require(self.num_groups >= 1, "norm.num_groups", self.num_groups, "1 or more")


@dataclass
class BatchConfig(LayerConfig):
    momentum: float | None
    track_running_stats: bool

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.momentum is not None:
            _within_0_1("norm.momentum", self.momentum)


@dataclass
class InstanceConfig(LayerConfig):
    momentum: float
    track_running_stats: bool

    def __post_init__(self) -> None:
        super().__post_init__()
        _within_0_1("norm.momentum", self.momentum)


@dataclass
class RMSConfig(NormConfig):
    eps: float | None
    affine: bool

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.eps is not None:
            _positive("norm.eps", self.eps)


@dataclass
class MLPConfig:
    name: str
    hidden: list[int]
    activation: str
    norm_position: str
    norm_input: bool
    norm_output: bool
    init: str
    init_gain: float | None
    bias: Any  # "auto", true or false: OmegaConf has no union of str and bool that keeps them apart

    def __post_init__(self) -> None:
        _require(len(self.hidden) > 0, "model.hidden", self.hidden, "a list of one or more widths, e.g. [128,64]")
        _require(all(width >= 1 for width in self.hidden), "model.hidden", self.hidden, "widths of 1 or more")
        _choice("model.activation", self.activation, ("relu", "gelu", "tanh", "sigmoid"))
        _choice("model.norm_position", self.norm_position, ("pre", "post"))
        _choice("model.init", self.init, ("pytorch", "kaiming", "xavier", "normal"))
        if self.init_gain is not None:
            _positive("model.init_gain", self.init_gain)
            if self.init == "pytorch":
                raise UserError("model.init_gain is not a setting of model.init=pytorch; use kaiming, xavier or normal")
        _require(self.bias == "auto" or isinstance(self.bias, bool), "model.bias", self.bias, "auto, true or false")


@dataclass
class DataConfig:
    name: str
    root: str | None
    download: bool
    validation_size: int
    batch_size: int
    drop_last: bool
    normalize: str
    limit: int | None

    def __post_init__(self) -> None:
        _require(self.validation_size >= 0, "data.validation_size", self.validation_size, "0 or more")
        _require(self.batch_size >= 1, "data.batch_size", self.batch_size, "1 or more")
        _choice("data.normalize", self.normalize, ("none", "standard"))
        if self.limit is not None:
            _require(self.limit >= 1, "data.limit", self.limit, "1 or more, or null for all")


@dataclass
class OptimizerConfig:
    name: str
    lr: float
    weight_decay: float
    decay_norm_params: bool

    def __post_init__(self) -> None:
        _positive("optimizer.lr", self.lr)
        _not_negative("optimizer.weight_decay", self.weight_decay)


@dataclass
class AdamConfig(OptimizerConfig):
    betas: list[float]
    eps: float

    def __post_init__(self) -> None:
        super().__post_init__()
        _positive("optimizer.eps", self.eps)
        legal = len(self.betas) == 2 and all(0 <= beta < 1 for beta in self.betas)
        _require(legal, "optimizer.betas", self.betas, "two numbers, each from 0 to below 1")


@dataclass
class SGDConfig(OptimizerConfig):
    momentum: float
    nesterov: bool

    def __post_init__(self) -> None:
        super().__post_init__()
        _within_0_1("optimizer.momentum", self.momentum)
        if self.nesterov and self.momentum == 0:
            raise UserError("optimizer.nesterov=true needs optimizer.momentum above 0")


@dataclass
class ScheduleConfig:
    name: str


@dataclass
class CosineConfig(ScheduleConfig):
    final_factor: float

    def __post_init__(self) -> None:
        _within_0_1("schedule.final_factor", self.final_factor)


@dataclass
class StepConfig(ScheduleConfig):
    every_epochs: float
    gamma: float

    def __post_init__(self) -> None:
        _positive("schedule.every_epochs", self.every_epochs)
        _positive("schedule.gamma", self.gamma)


CHOICES: dict[str, dict[str, type[Any]]] = {
    "norm": {
        "none": NormConfig,
        "batch": BatchConfig,
        "layer": LayerConfig,
        "group": GroupConfig,
        "instance": InstanceConfig,
        "rms": RMSConfig,
    },
    "model": {"mlp": MLPConfig},
    "data": dict.fromkeys(("mnist", "fashion_mnist", "kmnist", "emnist", "qmnist"), DataConfig),
    "optimizer": {"adam": AdamConfig, "adamw": AdamConfig, "sgd": SGDConfig},
    "schedule": {"constant": ScheduleConfig, "cosine": CosineConfig, "step": StepConfig},
}
"""The schema of each choice of each section: `norm=batch` is a BatchConfig."""


@dataclass
class StackConfig:
    max_replicates: Any  # "auto" or a number

    def __post_init__(self) -> None:
        value = self.max_replicates
        legal = value == "auto" or (type(value) is int and value >= 1)
        _require(legal, "stack.max_replicates", value, "auto, or a whole number of 1 or more")


@dataclass
class RunSettings:
    """The settings that are in no group: how long to train, with which seeds, and where."""

    epochs: int | None
    steps: int | None
    eval_every: int | None
    seed: int
    seeds: Any  # null, a number of seeds, or a list of seeds: OmegaConf has no union of int and list
    device: str
    threads: int | None
    stack: StackConfig
    compile: Any  # "auto", true or false
    label: str | None
    runs_dir: str
    rerun: bool
    checkpoint_every: float
    keep_checkpoint: bool
    quiet: bool

    def __post_init__(self) -> None:
        if self.steps is not None:
            _require(self.steps >= 1, "steps", self.steps, "1 or more, or null to count in epochs")
            self.epochs = None
        elif self.epochs is None:
            raise UserError("epochs and steps are both null; set one of them")
        else:
            _require(self.epochs >= 1, "epochs", self.epochs, "1 or more")
        for key in ("eval_every", "threads"):
            value = getattr(self, key)
            _require(value is None or value >= 1, key, value, "1 or more, or null")
        _not_negative("checkpoint_every", self.checkpoint_every)
        self._check_seeds()
        _require(
            self.compile == "auto" or isinstance(self.compile, bool), "compile", self.compile, "auto, true or false"
        )
        if self.label is not None:
            legal = self.label.replace("-", "").replace("_", "").isalnum() and len(self.label) <= 80
            _require(legal, "label", self.label, "1 to 80 letters, digits, '-' and '_'")

    def _check_seeds(self) -> None:
        _require(0 <= self.seed < 2**32, "seed", self.seed, "a whole number from 0 to 2^32 - 1")
        if self.seeds is None:
            return
        allowed = "how many seeds (1 to 10000), or a list of distinct seeds, e.g. [7,9]"
        given = self.seeds if isinstance(self.seeds, list) else [self.seeds]
        _require(len(given) > 0 and all(type(seed) is int for seed in given), "seeds", self.seeds, allowed)
        if isinstance(self.seeds, list):
            distinct = len(set(given)) == len(given)
            _require(distinct and all(0 <= seed < 2**32 for seed in given), "seeds", self.seeds, allowed)
        else:
            _require(1 <= self.seeds <= 10_000, "seeds", self.seeds, allowed)

    def replicate_seeds(self) -> list[int]:
        """The seeds to train: `seeds=5` are 0 to 4, `seeds=[7,9]` are those, without `seeds` the one `seed`."""
        if self.seeds is None:
            return [self.seed]
        return list(self.seeds) if isinstance(self.seeds, list) else list(range(self.seeds))


@dataclass
class RunConfig(RunSettings):
    """One run: what is trained, on what, how long, and where it is kept."""

    norm: NormConfig
    model: MLPConfig
    data: DataConfig
    optimizer: OptimizerConfig
    schedule: ScheduleConfig

    def protocol(self) -> dict[str, Any]:
        """What decides a run's result: its address in the store. No seed, path, device or display."""
        return self._protocol

    @functools.cached_property
    def _protocol(self) -> dict[str, Any]:
        protocol = {name: dataclasses.asdict(getattr(self, name)) for name in CHOICES}
        for name in ("root", "download"):
            del protocol["data"][name]
        return protocol | {"epochs": self.epochs, "steps": self.steps, "eval_every": self.eval_every}
