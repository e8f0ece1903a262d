"""The norms of a model, made from their configuration, and what models need to know about a norm."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterator

import torch
from torch import nn

from bnlab.config import CustomClassConfig
from bnlab.norms import SCHEMES, NormConfig
from bnlab.user_class.layer import construct


def norm_maker(norm: NormConfig, generator: torch.Generator | None) -> Callable[[int, int], nn.Module] | None:
    """What makes the norm's layers, from C and the number of dimensions of the input (2 for (N, C)); None for no norm.

    Args:
        norm: the norm's configuration.
        generator: that of the weights. The seed for random numbers that a user's class draws is taken from it.

    Raises:
        UserError: by the function returned: the norm cannot be built, with the norm's own reason.
    """
    if norm.name == "none":
        return None
    if isinstance(norm, CustomClassConfig):
        seed = 0 if generator is None else generator.initial_seed()
        return lambda channels, ndim: _user_layer(norm, channels, seed)
    scheme = SCHEMES[norm.name]

    def layer(channels: int, ndim: int) -> nn.Module:
        try:
            return scheme.build(norm.impl, channels, ndim=ndim, **norm.settings())
        except ValueError as error:
            raise norm.refused(error) from error

    return layer


def shifts(norm: NormConfig) -> bool:
    """Whether the norm has a shift (beta) of its own. A user's class counts as having none, since it is not known."""
    scheme = SCHEMES.get(norm.name)
    return scheme is not None and scheme.shift and getattr(norm, "affine", False)


def is_token_wise(norm: NormConfig) -> bool:
    """Whether the norm takes each token of a sequence as a sample of its own. A user's class counts as doing so."""
    scheme = SCHEMES.get(norm.name)
    return scheme is None or scheme.token_wise


def is_of_batch(norm: NormConfig) -> bool:
    """Whether the norm has statistics over the batch. A user's class counts as having none, since it is not known."""
    scheme = SCHEMES.get(norm.name)
    return scheme is not None and scheme.batch_statistics


def without_affine(norm: NormConfig) -> NormConfig | None:
    """The norm without gamma and beta; None if it has none, or applies an activation after them."""
    if norm.activates() or not getattr(norm, "affine", False):
        return None
    return dataclasses.replace(norm, affine=False)  # type: ignore[call-arg]  # which this one has


def _user_layer(norm: CustomClassConfig, channels: int, seed: int) -> nn.Module:
    with torch.device("cpu"), _drawing_from(seed):
        return construct(norm.target, channels, norm.settings())


@contextlib.contextmanager
def _drawing_from(seed: int) -> Iterator[None]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield
