"""Finds the setting that a wrong name means: one without its group, PyTorch's or Keras's name, or a misspelt one."""

from __future__ import annotations

import difflib
import functools
from collections.abc import Collection
from dataclasses import fields

from bnlab.config.run import CHOICES, SECTIONS, RunConfig, names_of
from bnlab.errors import UserError, nearest, shown, unknown

OTHER_NAMES = {
    "arch": "model",
    "batch": "batch_size",
    "beta_1": "betas",
    "beta_2": "betas",
    "bs": "batch_size",
    "dataset": "data",
    "epsilon": "eps",
    "filters": "channels",
    "groups": "num_groups",
    "hidden_dim": "hidden",
    "hidden_size": "hidden",
    "learning_rate": "lr",
    "manual_seed": "seed",
    "network": "model",
    "nonlinearity": "activation",
    "normalization": "norm",
    "num_epochs": "epochs",
    "out_channels": "channels",
    "random_seed": "seed",
    "random_state": "seed",
    "scheduler": "schedule",
    "step_size": "every_epochs",
    "units": "hidden",
    "val_size": "validation_size",
    "val_split": "validation_size",
    "validation_split": "validation_size",
    "wd": "weight_decay",
}
"""What PyTorch, Keras and their users call a setting, and what it is called here."""

NEAR = 0.76
"""The least similarity, by difflib, from 0 to 1, at which a name counts as misspelt."""


def keys_named(name: str) -> list[str]:
    """The keys of all settings with this name, here or in other libraries: `lr` gives `optimizer.lr`."""
    return _keys_by_name().get(name, [])


def keys_meant(name: str) -> list[str]:
    """As `keys_named`, for a name that may be misspelt."""
    matches = difflib.get_close_matches(name.lower(), _keys_by_name(), n=1, cutoff=NEAR)
    return keys_named(name) or [key for match in matches for key in keys_named(match)]


def did_you_mean(key: str) -> str:
    """`" Did you mean 'optimizer.lr'?"` for an unknown key; empty if no setting is like it."""
    meant = keys_meant(key.rpartition(".")[2])
    if meant:
        return f" Did you mean {' or '.join(map(repr, meant))}?"
    return nearest(key, [field.name for field in fields(RunConfig)])


def unknown_key(kind: str, key: str, known: Collection[str]) -> UserError:
    """The error for a key that no stored run has. It suggests a key, or lists all if none is like it.

    Args:
        kind: what the key was given as: "column".
        key: as typed: `norm`, `lr`.
        known: the keys that runs have: `norm.name`, `optimizer.lr`.
    """
    meant = [f"{key}.name"] if key in CHOICES else keys_meant(key.rpartition(".")[2])
    there = [each for each in meant if each in known]
    if not there:
        return unknown(kind, key, known)
    return UserError(f"unknown {kind} '{shown(key)}'. Did you mean {' or '.join(map(repr, there))}?")


@functools.cache
def _keys_by_name() -> dict[str, list[str]]:
    keys = {field.name: {field.name} for field in fields(RunConfig)}
    for section, choices in CHOICES.items():
        for name in (name for choice in choices for name in names_of(section, choice)):
            keys.setdefault(name, set()).add(f"{section}.{name}")
    for section, schema in SECTIONS.items():
        for each in fields(schema):
            keys.setdefault(each.name, set()).add(f"{section}.{each.name}")
    keys |= {other: keys[name] for other, name in OTHER_NAMES.items()}
    return {name: sorted(among) for name, among in keys.items()}
