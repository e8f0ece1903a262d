"""Values for what a class's constructor asks for besides settings: a device, lengths of axes, a configuration."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from bnlab.user_class.layer import CONFIGURATIONS, SETTING_NAMES, may_be_count
from bnlab.verification.reference.layers import shape_of, shapes_now, width

_OTHERS = {"bias": True, "affine": True, "elementwise_affine": True, "debug": False, "device": "cpu", "dtype": None}
"""Values of a configuration's attributes that are neither settings nor a number of features."""


class Configuration:
    """A configuration with whatever attribute is asked of it, by its name.

    Args:
        name: the argument's name, for messages.
        settings: values of the scheme's settings.
    """

    def __init__(self, name: str, settings: Mapping[str, Any]) -> None:
        self._name, self._settings = name, settings

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        if "eps" in name:
            return self._settings.get("eps", 1e-5)
        for setting, value in self._settings.items():
            if name in SETTING_NAMES.get(setting, (setting,)):
                return value
        if may_be_count(name):
            return width()
        if name in _OTHERS:
            return _OTHERS[name]
        raise AttributeError(f"'{self._name}' has no attribute '{name}' here; give it by --kwargs")

    def __repr__(self) -> str:
        return self._name


def stand_in(name: str, settings: Mapping[str, Any]) -> Any:
    """The value for an argument that a constructor requires; None if nothing is known of its name."""
    if name in CONFIGURATIONS:
        return Configuration(name, settings)
    return _values().get(name)


def _values() -> dict[str, Any]:
    samples, _, height, breadth = shape_of(4)
    length = shape_of(3)[2] if 3 in shapes_now() else height
    found: dict[str, Any] = {"device": "cpu", "dtype": torch.float32}
    found |= dict.fromkeys(BATCH_SIZES, samples) | dict.fromkeys(("height", "h", "H"), height)
    found |= dict.fromkeys(("width", "w", "W"), breadth)
    return found | dict.fromkeys(("seq_len", "seq_length", "sequence_length", "max_len", "length", "L"), length)


BATCH_SIZES = ("batch_size", "batchsize", "bs", "n_batch", "num_batch", "num_samples", "n_samples")
"""Names of a constructor's argument for the number of samples in a batch."""
