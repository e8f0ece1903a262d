"""The norms of a model, made from their configuration, and what models need to know about a norm."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import nn

from bnlab.config import CustomClassConfig, MixedConfig
from bnlab.norms import SCHEMES, NormConfig
from bnlab.user_class.layer import construct

Maker = Callable[[int, int], nn.Module]


@dataclass(frozen=True)
class Slot:
    """What stands at a place for a norm.

    Attributes:
        make: makes the norm from C and the number of dimensions of its input (2 for (N, C)); None for no norm.
        without_affine: as `make`, but without gamma and beta; None if the norm has none, or does something after them.
        shifts: whether it has a shift (beta) of its own. A user's class counts as having none: it is not known.
        activates: whether it has an activation of its own, in place of the one that would follow it.
        is_token_wise: whether each token of a sequence is a sample of its own. A user's class counts as such.
        is_of_batch: whether it has statistics over the batch. A user's class counts as having none: it is not known.
    """

    make: Maker | None = None
    without_affine: Maker | None = None
    shifts: bool = False
    activates: bool = False
    is_token_wise: bool = False
    is_of_batch: bool = False


def slot(norm: NormConfig, generator: torch.Generator | None) -> Slot:
    """What stands at the places for this norm.

    Args:
        norm: the norm's configuration.
        generator: that of the weights. The seed for random numbers that a user's class draws is taken from it.
    """
    of_activations = norm.of_activations()
    if of_activations.name == "none":
        return Slot()
    scheme = SCHEMES.get(of_activations.name)
    affine = getattr(of_activations, "affine", False)
    plain = None
    if affine and not of_activations.activates():
        plain = dataclasses.replace(of_activations, affine=False)  # type: ignore[call-arg]  # which this one has
    return Slot(
        make=_maker(of_activations, generator),
        without_affine=None if plain is None else _maker(plain, generator),
        shifts=scheme is not None and scheme.shift and affine,
        activates=of_activations.activates(),
        is_token_wise=scheme is None or scheme.token_wise,
        is_of_batch=is_of_batch(of_activations),
    )


def is_of_batch(norm: NormConfig) -> bool:
    """Whether the norm has statistics over the batch in any layer. A user's class counts as having none."""
    if isinstance(norm, MixedConfig):
        return any(is_of_batch(of_layer) for of_layer in norm.of_layers)
    scheme = SCHEMES.get(norm.name)
    return scheme is not None and scheme.batch_statistics


def _maker(norm: NormConfig, generator: torch.Generator | None) -> Maker:
    """The function that makes the norm's layer, and raises UserError, with the norm's reason, if it cannot be built."""
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


def _user_layer(norm: CustomClassConfig, channels: int, seed: int) -> nn.Module:
    with torch.device("cpu"), _drawing_from(seed):
        return construct(norm.target, channels, norm.settings())


@contextlib.contextmanager
def _drawing_from(seed: int) -> Iterator[None]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield
