"""Settings in words: "batch size 16" for data.batch_size=16."""

from collections.abc import Mapping, Sequence
from typing import Any

SCHEME = "norm.name"
NAMES = {
    "norm.name": "scheme",
    "norm.impl": "impl",
    "norm.eps": "eps",
    "norm.momentum": "momentum",
    "norm.affine": "affine",
    "norm.num_groups": "groups",
    "norm.track_running_stats": "running statistics",
    "norm.virtual_batch_size": "ghost batch size",
    "norm.target": "class",
    "model.name": "model",
    "model.hidden": "hidden layers",
    "model.channels": "channels",
    "model.activation": "activation",
    "model.norm_position": "norm position",
    "model.init": "init",
    "data.name": "data",
    "data.batch_size": "batch size",
    "data.normalize": "pixels",
    "data.limit": "images",
    "optimizer.name": "optimizer",
    "optimizer.lr": "learning rate",
    "optimizer.weight_decay": "weight decay",
    "schedule.name": "schedule",
    "engine.name": "engine",
}
# Shorter names for `phrase`, which lists settings with their values.
SHORT = {"optimizer.lr": "lr"}
UNITS = {"data.batch_size": "images", "norm.momentum": "weight of the new batch"}
# Settings that `phrase` shows by their values alone.
BARE = {"run", "norm.name", "norm.impl", "model.name", "model.activation", "data.name", "optimizer.name"}


def name(key: str) -> str:
    """A config key in words: "learning rate"."""
    return NAMES.get(key, key.replace(".", " ").replace("_", " "))


def title(key: str) -> str:
    """A config key in words with its unit, for an axis: "batch size (images)"."""
    return f"{name(key)} ({UNITS[key]})" if key in UNITS else name(key)


def phrase(values: Mapping[str, str]) -> str:
    """Settings with their values: "batch, lr 0.01"."""
    return ", ".join(
        value if key in BARE else f"{SHORT.get(key) or name(key)} {value}" for key, value in values.items()
    )


def telling(keys: Sequence[str], rows: Sequence[Mapping[Any, Any]]) -> list[str]:
    """The keys that tell the rows apart: without settings of the norm that follow from its scheme.

    If each scheme has one eps in all rows, norm.eps is left out.
    """
    kept = list(keys)
    if SCHEME in kept:
        for key in keys:
            fewer = [other for other in kept if other != key]
            if key.startswith("norm.") and key != SCHEME and _distinct(fewer, rows) == _distinct(kept, rows):
                kept = fewer
    return kept


def rounded(values: Sequence[str]) -> list[str]:
    """The values of one setting, rounded to three digits unless different values would become equal."""
    short = [_short(value) for value in values]
    return short if len(set(short)) == len(set(values)) else list(values)


def _distinct(keys: Sequence[str], rows: Sequence[Mapping[Any, Any]]) -> int:
    return len({tuple(row.get(key) for key in keys) for row in rows})


def _short(value: str) -> str:
    if value.startswith("[") and value.endswith("]"):
        return value[1:-1].replace(",", "-")
    try:
        return value if value.lstrip("-").isdecimal() else f"{float(value):.3g}"
    except ValueError:
        return value
