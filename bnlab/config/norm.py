"""The settings of the norms that are no schemes: norm=custom_class, which the user has written, and norm=mixed.

Those of the schemes are in bnlab.norms.
"""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from bnlab.config.model import MLPConfig, ModelConfig
from bnlab.config.shipped import defaults_of
from bnlab.errors import UserError, unknown, written
from bnlab.norms import SCHEMES, NormConfig
from bnlab.ranges import one_of, require
from bnlab.user_class import parse


@dataclass(frozen=True)
class CustomClassConfig(NormConfig):
    """A norm that the user has written; see bnlab.user_class.layer.

    Attributes:
        target: where the class is: file.py:Class or package.module:Class.
        kwargs: what its constructor is given besides the number of features.
        digest: of the source text; filled in, so that an edited file is another run.
    """

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
        object.__setattr__(self, "digest", digest)
        object.__setattr__(self, "kwargs", self.kwargs or {})  # one address for both ways to say none

    def label(self) -> str:
        return self.target.rpartition(":")[2]

    def settings(self) -> dict[str, Any]:
        return dict(self.kwargs or {})


@dataclass(frozen=True)
class MixedConfig(NormConfig):
    """A scheme for each hidden layer of an MLP, with the settings that it has in its shipped file."""

    per_layer: list[str]
    digest: str | None = field(metadata={"filled_in": True})

    def __post_init__(self) -> None:
        super().__post_init__()
        require(len(self.per_layer) > 0, "norm.per_layer", self.per_layer, "a list of schemes, e.g. [batch,none]")
        of_activations = [name for name, scheme in SCHEMES.items() if not scheme.of_weights]
        for name in self.per_layer:
            if name not in of_activations:
                raise unknown("norm.per_layer", name, of_activations)
        digest = _digest(self._shipped())
        if self.digest not in (None, digest):
            raise UserError(
                f"norm.digest={self.digest}, but the shipped settings of {written(self.per_layer)} are others now,"
                f" {digest}; leave norm.digest out to train with them as they are"
            )
        object.__setattr__(self, "digest", digest)

    @functools.cached_property
    def of_layers(self) -> tuple[NormConfig, ...]:
        """The scheme of each hidden layer with its settings."""
        return tuple(SCHEMES[each["name"]].settings(**each | {"impl": self.impl}) for each in self._shipped())

    def _shipped(self) -> list[dict[str, Any]]:
        return [defaults_of("norm", name) for name in self.per_layer]

    def settings(self) -> dict[str, Any]:
        return {}

    def conventions(self) -> dict[str, Any]:
        return {key: value for norm in self.of_layers for key, value in norm.conventions().items()}

    def check_batches(self, size: int) -> None:
        for norm in self.of_layers:
            norm.check_batches(size)

    def check_model(self, model: ModelConfig) -> None:
        if not isinstance(model, MLPConfig):
            raise UserError(
                f"norm=mixed is for the hidden layers of model=mlp, not for model={model.name}; write model=mlp, or "
                "name one scheme, e.g. norm=batch"
            )
        layers = len(model.widths())
        require(
            len(self.per_layer) == layers, "norm.per_layer", self.per_layer, f"{layers} schemes, one a hidden layer"
        )
        for key in ("norm_input", "norm_output"):
            if getattr(model, key):
                raise UserError(
                    f"model.{key}=true needs one scheme, e.g. norm=batch; norm=mixed is for hidden layers only"
                )
        if model.norm_at is not None:
            raise UserError(
                f"model.norm_at={written(model.norm_at)} and norm.per_layer both say where norms are; leave one out, "
                "and write none in norm.per_layer for a layer without"
            )


def _digest(settings: Sequence[dict[str, Any]]) -> str:
    return hashlib.sha256(json.dumps(settings).encode()).hexdigest()[:16]
