"""The configurations that are timed, with the shipped defaults."""

from __future__ import annotations

import dataclasses

from bnlab.config import RunConfig, defaults_of
from bnlab.hydra_bridge import configuration
from bnlab.norms import SCHEMES, NormConfig


def article_config() -> RunConfig:
    """The article's PyTorch program as bnlab runs it: `experiment=article_pytorch`, on the CPU."""
    return configuration(["experiment=article_pytorch", "device=cpu"])


def model_configs() -> dict[str, RunConfig]:
    """The other models, and the MLP with a norm that bnlab does not know, by name."""
    own = "norm.target=bnlab.bench.own_class:OwnBatchNorm"
    changes = {
        "cnn": ["model=cnn", "norm=batch"],
        "rnn": ["model=rnn", "norm=batch"],
        "vit": ["model=vit", "norm=layer"],
        "own class": ["norm=custom_class", own],
    }
    return {name: configuration([*overrides, "device=cpu"]) for name, overrides in changes.items()}


def norm_config(scheme: str, impl: str = "native") -> NormConfig:
    """`norm=SCHEME norm.impl=IMPL` with the defaults of its other settings."""
    return SCHEMES[scheme].settings(**defaults_of("norm", scheme) | {"impl": impl})


def with_norm(config: RunConfig, scheme: str, impl: str = "native") -> RunConfig:
    """The same run with another norm."""
    return dataclasses.replace(config, norm=norm_config(scheme, impl))
