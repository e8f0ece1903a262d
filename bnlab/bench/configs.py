"""The configurations that are timed, as the shipped files set them."""

from __future__ import annotations

import dataclasses
from typing import Any

from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from bnlab.config import CONF, RunConfig
from bnlab.hydra_bridge import plain_of, resolve
from bnlab.norms import SCHEMES, NormConfig


def article_config() -> RunConfig:
    """The article's PyTorch program as bnlab runs it: `experiment=article_pytorch`, on the CPU."""
    with initialize_config_dir(version_base="1.3", config_dir=str(CONF)):
        composed = compose("config", overrides=["experiment=article_pytorch", "device=cpu"])
    return resolve(plain_of(composed))


def norm_config(scheme: str, impl: str = "native") -> NormConfig:
    """`norm=SCHEME norm.impl=IMPL` with the defaults of its other settings."""
    settings: Any = OmegaConf.to_container(OmegaConf.load(CONF / "norm" / f"{scheme}.yaml"))
    return SCHEMES[scheme].settings(**settings | {"impl": impl})


def with_norm(config: RunConfig, scheme: str, impl: str = "native") -> RunConfig:
    """The same run with another norm."""
    return dataclasses.replace(config, norm=norm_config(scheme, impl))
