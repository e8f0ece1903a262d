"""The settings of each engine: the program that trains."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from bnlab.ranges import one_of

DEFAULT_ENGINE = {"name": "bnlab"}
"""The engine of a configuration that names none, as those stored before there was a choice."""


@dataclass(frozen=True)
class EngineConfig:
    """bnlab's own engine, and the base class of the others.

    Attributes:
        trains_stacks: whether it can train replicates side by side.
        takes_devices: whether it obeys the setting `device`; if not, it trains on the CPU.
        is_keras: whether Keras does all the computing.
    """

    trains_stacks: ClassVar[bool] = True
    takes_devices: ClassVar[bool] = True
    is_keras: ClassVar[bool] = False

    name: str

    def label(self) -> str:
        """What is added to the name of a run's folder."""
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
