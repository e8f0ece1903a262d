"""The settings of each engine: the program that trains."""

from __future__ import annotations

from dataclasses import dataclass

from bnlab.ranges import one_of

DEFAULT_ENGINE = {"name": "bnlab"}
"""What a configuration means that names no engine, as all that were stored before there were two."""


@dataclass(frozen=True)
class EngineConfig:
    name: str


@dataclass(frozen=True)
class KerasEngineConfig(EngineConfig):
    backend: str

    def __post_init__(self) -> None:
        one_of("engine.backend", self.backend, ("torch", "tensorflow", "jax"))
