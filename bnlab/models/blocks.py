"""What all models share: a norm, an activation and a bias, or none, around each linear or convolutional layer."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from torch import nn

from bnlab.models.slots import Slot
from bnlab.models.steps import Affine
from bnlab.models.tokens import TokenNorm

ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "relu": nn.ReLU,
    "gelu": nn.GELU,
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
}


@dataclass(frozen=True)
class Blocks:
    """The layers around those with weights.

    Every norm slot exists in every network (`nn.Identity` where nothing normalizes), so that two networks of one
    shape have the same layers at the same places.

    Args:
        norm: what stands at the places for a norm.
        hidden_norms: what stands at those of each hidden layer, where that is not `norm`.
        norm_position: "pre" or "post": the norm comes before or after the activation.
        norm_input: also normalize the pixels.
        norm_output: also normalize the logits.
        activation: one of `ACTIVATIONS`.
        bias: True, False, or "auto": a layer has none when the very next layer is a norm with a shift.
    """

    norm: Slot
    norm_position: str
    norm_input: bool
    norm_output: bool
    activation: str
    bias: bool | str
    hidden_norms: Sequence[Slot] | None = None

    def at(self, number: int) -> Blocks:
        """What stands around the hidden layer of that number."""
        return self if self.hidden_norms is None else dataclasses.replace(self, norm=self.hidden_norms[number])

    def input(self, channels: int, ndim: int) -> nn.Module:
        """What the pixels pass first."""
        return self._norm(channels, ndim, self.norm_input)

    def hidden(self, make: Callable[..., nn.Module], channels: int, ndim: int) -> list[nn.Module]:
        """Layer, norm, activation, or layer, activation, norm; `make(bias=...)` gives the layer."""
        pre, post = self.norm_position == "pre", self.norm_position == "post"
        activation = nn.Identity if pre and self.norm.activates else ACTIVATIONS[self.activation]
        norms = self._norm(channels, ndim, pre), self._norm(channels, ndim, post)
        return [make(bias=self._has_bias(pre)), norms[0], activation(), norms[1]]

    def output(self, in_features: int, classes: int) -> list[nn.Module]:
        """The layer that makes the logits, and what normalizes them."""
        linear = nn.Linear(in_features, classes, bias=self._has_bias(self.norm_output))
        return [linear, self._norm(classes, 2, self.norm_output)]

    def linear(self, in_features: int, out_features: int) -> nn.Linear:
        """A linear layer that no norm follows."""
        return nn.Linear(in_features, out_features, bias=self._has_bias(False))

    def activation_layer(self) -> nn.Module:
        """The activation by itself."""
        return ACTIVATIONS[self.activation]()

    def before_norm(self, in_features: int, out_features: int) -> nn.Linear:
        """A linear layer that a norm follows."""
        return nn.Linear(in_features, out_features, bias=self._has_bias(True))

    def step_norms(self, channels: int, steps: int, gamma: float, *, per_step: bool) -> tuple[nn.Sequential, nn.Module]:
        """The norms of the steps of a sequence, and what follows at every step: gamma, from that value on, and beta.

        There is a norm for each step if `per_step` is asked for and it has statistics over the batch, else one for all.
        """
        if self.norm.make is None:
            return nn.Sequential(nn.Identity()), nn.Identity()
        count = steps if per_step and self.norm.is_of_batch else 1
        if self.norm.without_affine is None:
            return nn.Sequential(*(self.norm.make(channels, 2) for _ in range(count))), nn.Identity()
        norms = nn.Sequential(*(self.norm.without_affine(channels, 2) for _ in range(count)))
        return norms, Affine(channels, gamma, self.norm.shifts)

    def token_norm(self, channels: int, wanted: bool) -> nn.Module:
        """The norm of tokens (N, T, channels), or the identity where none is wanted."""
        if not wanted or self.norm.make is None:
            return nn.Identity()
        return TokenNorm(self.norm.make(channels, 2 if self.norm.is_token_wise else 3), self.norm.is_token_wise)

    def _norm(self, channels: int, ndim: int, wanted: bool) -> nn.Module:
        return self.norm.make(channels, ndim) if wanted and self.norm.make is not None else nn.Identity()

    def _has_bias(self, norm_follows: bool) -> bool:
        return not (norm_follows and self.norm.shifts) if self.bias == "auto" else bool(self.bias)
