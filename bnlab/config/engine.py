"""The settings of each engine: the program that trains."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from bnlab.ranges import one_of

DEFAULT_ENGINE = {"name": "bnlab"}
"""What a configuration means that names no engine, as all that were stored before there were two."""


@dataclass(frozen=True)
class EngineConfig:
    """bnlab's own, and what all engines say of themselves.

    Attributes:
        trains_stacks: replicates train side by side.
        takes_devices: it trains on the device that `device` names, and not on the CPU alone.
        is_keras: Keras computes all of it.
    """

    trains_stacks: ClassVar[bool] = True
    takes_devices: ClassVar[bool] = True
    is_keras: ClassVar[bool] = False

    name: str

    def label(self) -> str:
        """What the name of a run's folder says of it."""
        return ""


@dataclass(frozen=True)
class KerasEngineConfig(EngineConfig):
    trains_stacks: ClassVar[bool] = False
    takes_devices: ClassVar[bool] = False
    is_keras: ClassVar[bool] = True

    backend: str

    def label(self) -> str:
        return f"-fit-{self.backend}"

    def __post_init__(self) -> None:
        one_of("engine.backend", self.backend, ("torch", "tensorflow", "jax"))
