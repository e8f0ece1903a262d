"""The settings of a run, and the schema of each choice of each section. The defaults are in conf/."""

from __future__ import annotations

import dataclasses
import functools
import re
from dataclasses import dataclass
from typing import Any

from bnlab.config.data import DataConfig
from bnlab.config.engine import DEFAULT_ENGINE, EngineConfig, KerasEngineConfig
from bnlab.config.model import CNNConfig, MLPConfig, ModelConfig, RNNConfig, ViTConfig
from bnlab.config.norm import CustomClassConfig, MixedConfig
from bnlab.config.optimizer import (
    AdamConfig,
    CosineConfig,
    OptimizerConfig,
    RMSPropConfig,
    ScheduleConfig,
    SGDConfig,
    StepConfig,
)
from bnlab.config.probes import ProbesConfig
from bnlab.config.tag import check_tags
from bnlab.config.trackers import trackers_of
from bnlab.errors import UserError
from bnlab.norms import SCHEMES, NormConfig
from bnlab.ranges import not_negative, require

MOST_EPOCHS, MOST_STEPS, MOST_THREADS, MOST_SEEDS = 1_000_000, 1_000_000_000, 1024, 10_000
"""Upper bounds, beyond what anybody trains, so that a mistyped number is refused at once."""

CHOICES: dict[str, dict[str, type[Any]]] = {
    "norm": {
        **{name: scheme.settings for name, scheme in SCHEMES.items()},
        "custom_class": CustomClassConfig,
        "mixed": MixedConfig,
    },
    "model": {"mlp": MLPConfig, "cnn": CNNConfig, "rnn": RNNConfig, "vit": ViTConfig},
    "data": dict.fromkeys(("mnist", "fashion_mnist", "kmnist", "emnist", "qmnist"), DataConfig),
    "optimizer": {"adam": AdamConfig, "adamw": AdamConfig, "sgd": SGDConfig, "rmsprop": RMSPropConfig},
    "schedule": {"constant": ScheduleConfig, "cosine": CosineConfig, "step": StepConfig},
    "engine": {"bnlab": EngineConfig, "keras": KerasEngineConfig},
}
"""The schema of each choice of each section: `norm=batch` is a BatchConfig."""

LENGTH = ("epochs", "steps", "eval_every")
"""The settings outside of all sections that have an influence on a run's result."""


def names_of(section: str, choice: str) -> list[str]:
    """The settings of a choice that a user may set, without its name and what bnlab fills in."""
    own = dataclasses.fields(CHOICES[section][choice])
    return [f.name for f in own if f.name != "name" and not f.metadata.get("filled_in")]


def added_settings(section: str, choice: str) -> dict[str, Any]:
    """The settings of a choice that are younger than some stored runs, with the values that such runs mean.

    These are the settings with a default in the dataclass; all others have theirs in conf/ only.
    """
    own = dataclasses.fields(CHOICES[section][choice])
    return {field.name: field.default for field in own if field.default is not dataclasses.MISSING}


def _without_added(section: Any) -> dict[str, Any]:
    """A section's settings, without added ones at their defaults, so that runs stored before keep their addresses."""
    defaults = {field.name: field.default for field in dataclasses.fields(section)}
    return {key: value for key, value in dataclasses.asdict(section).items() if defaults[key] != value}


@dataclass(frozen=True)
class StackConfig:
    max_replicates: Any  # "auto" or a number

    def __post_init__(self) -> None:
        value = self.max_replicates
        legal = value == "auto" or (type(value) is int and value >= 1)
        require(legal, "stack.max_replicates", value, "auto, or a whole number of 1 or more")


SECTIONS: dict[str, type[Any]] = {"stack": StackConfig, "probes": ProbesConfig}
"""The sections that are no choice; they have no influence on a run's result."""


@dataclass(frozen=True)
class RunSettings:
    """The settings that are in no group: how long to train, with which seeds, and where."""

    epochs: int | None
    steps: int | None
    eval_every: int | None
    seed: int
    seeds: Any  # null, a number of seeds, a list, or "+5" for five fresh ones: OmegaConf has no union of int and list
    device: str
    threads: int | None
    stack: StackConfig
    probes: ProbesConfig
    compile: Any  # "auto", true or false
    label: str | None
    tags: list[str] | None
    runs_dir: str
    rerun: bool
    checkpoint_every: float
    keep_checkpoint: bool
    quiet: bool
    tracker: Any  # null, a name, or a list of names

    def __post_init__(self) -> None:
        if self.steps is not None:
            allowed = f"1 to {MOST_STEPS}, or null to count in epochs"
            require(1 <= self.steps <= MOST_STEPS, "steps", self.steps, allowed)
        if self.epochs is not None:
            require(1 <= self.epochs <= MOST_EPOCHS, "epochs", self.epochs, f"1 to {MOST_EPOCHS}")
        elif self.steps is None:
            raise UserError("epochs and steps are both null; set one of them")
        if self.steps is not None:
            object.__setattr__(self, "epochs", None)
        for key, most in (("eval_every", MOST_STEPS), ("threads", MOST_THREADS)):
            value = getattr(self, key)
            require(value is None or 1 <= value <= most, key, value, f"1 to {most}, or null")
        not_negative("checkpoint_every", self.checkpoint_every)
        self._check_seeds()
        require(
            self.compile == "auto" or isinstance(self.compile, bool), "compile", self.compile, "auto, true or false"
        )
        if self.label is not None:
            legal = re.fullmatch(r"[^\W_][\w-]{0,79}", self.label) is not None
            require(legal, "label", self.label, "1 to 80 letters, digits, '-' and '_', the first a letter or digit")
        check_tags(self.tags or ())
        self.trackers()
        require(
            self.runs_dir.strip() != "" and "\0" not in self.runs_dir, "runs_dir", self.runs_dir, "the path of a folder"
        )

    def _check_seeds(self) -> None:
        require(0 <= self.seed < 2**32, "seed", self.seed, "a whole number from 0 to 2^32 - 1")
        if self.seeds is None or 1 <= self.more_seeds() <= MOST_SEEDS:
            return
        allowed = (
            f"how many seeds (1 to {MOST_SEEDS}), a list of distinct seeds, e.g. [7,9], or how many more than are "
            "stored, e.g. +5"
        )
        given = self.seeds if isinstance(self.seeds, list) else [self.seeds]
        require(len(given) > 0 and all(type(seed) is int for seed in given), "seeds", self.seeds, allowed)
        if isinstance(self.seeds, list):
            distinct = len(set(given)) == len(given)
            require(distinct and all(0 <= seed < 2**32 for seed in given), "seeds", self.seeds, allowed)
        else:
            require(1 <= self.seeds <= MOST_SEEDS, "seeds", self.seeds, allowed)

    def trackers(self) -> list[str]:
        """The names of the trackers, of which there may be none."""
        return trackers_of(self.tracker)

    def more_seeds(self) -> int:
        """The number of seeds to train besides the stored ones, for `seeds=+5`; 0 if the seeds are given."""
        more = re.fullmatch(r"\+(\d{1,9})", self.seeds) if isinstance(self.seeds, str) else None
        return int(more[1]) if more else 0

    def replicate_seeds(self) -> list[int]:
        """The seeds to train: 0 to 4 for `seeds=5`, 7 and 9 for `seeds=[7,9]`, and `seed` if `seeds` is null.

        Those of `seeds=+5` depend on what is stored; `bnlab.launch.fresh_seeds` finds them.
        """
        if self.seeds is None:
            return [self.seed]
        return list(self.seeds) if isinstance(self.seeds, list) else list(range(self.seeds))


@dataclass(frozen=True)
class RunConfig(RunSettings):
    """The configuration of one run: what is trained, on what, how long, and where results are kept."""

    norm: NormConfig
    model: ModelConfig
    data: DataConfig
    optimizer: OptimizerConfig
    schedule: ScheduleConfig
    engine: EngineConfig

    def __post_init__(self) -> None:
        super().__post_init__()
        if isinstance(self.norm, MixedConfig):
            self.norm.check_model(self.model)

    def uses_keras(self) -> bool:
        """Whether Keras computes any part of it."""
        return self.engine.is_keras or (self.norm.impl == "keras" and self.norm.name != "none")

    def protocol(self) -> dict[str, Any]:
        """The settings that have an influence on a run's result; their hash is the run's address in the store.

        Seed, paths, device and display are not among them.
        """
        return self._protocol

    @functools.cached_property
    def _protocol(self) -> dict[str, Any]:
        protocol = {name: _without_added(getattr(self, name)) for name in CHOICES}
        for name in ("root", "download"):
            del protocol["data"][name]
        if protocol["engine"] == DEFAULT_ENGINE:
            del protocol["engine"]  # addresses are older than the choice of an engine
        return protocol | {name: getattr(self, name) for name in LENGTH}
