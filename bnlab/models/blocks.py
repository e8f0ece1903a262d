"""What all models share: which norm, activation and bias go with each linear or convolutional layer."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from torch import nn

from bnlab.declarations import Each
from bnlab.models.slots import Slot
from bnlab.models.steps import Affine
from bnlab.models.tokens import TokenNorm


class NoActivation(nn.Identity):
    """f(x) = x: the network is linear, but for its norms."""

    treats_alone = Each.VALUE


ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "relu": nn.ReLU,
    "gelu": nn.GELU,
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
    "linear": NoActivation,
}


@dataclass(frozen=True)
class Blocks:
    """Makes the layers of a model: those with weights, and the norms and activations around them.

    A place for a norm exists in every network, with `nn.Identity` where nothing normalizes, so that two networks of
    one shape have the same layers at the same places.

    Args:
        norm: what stands at the places for a norm.
        hidden_norms: the norm of each hidden layer, if they have other ones than `norm`.
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
        """The blocks for the hidden layer of this number, which may have a norm of its own."""
        return self if self.hidden_norms is None else dataclasses.replace(self, norm=self.hidden_norms[number])

    def input(self, channels: int, ndim: int) -> nn.Module:
        """The norm of the pixels, or the identity."""
        return self._norm(channels, ndim, self.norm_input)

    def hidden(self, make: Callable[..., nn.Module], channels: int, ndim: int) -> list[nn.Module]:
        """A hidden layer with its norm and activation in their order, and an identity at the norm's other place.

        `make(bias=...)` makes the layer with weights, which has `channels` outputs.
        """
        pre, post = self.norm_position == "pre", self.norm_position == "post"
        activation = nn.Identity if pre and self.norm.activates else ACTIVATIONS[self.activation]
        norms = self._norm(channels, ndim, pre), self._norm(channels, ndim, post)
        return [make(bias=self._has_bias(pre)), norms[0], activation(), norms[1]]

    def output(self, in_features: int, classes: int) -> list[nn.Module]:
        """The layer that makes the logits, and their norm or the identity."""
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
        """The norms for the steps of a sequence, and the gamma and beta that follow, which all steps share.

        There is a norm for each step if `per_step` is set and the norm has statistics over the batch, else one for all.
        gamma starts at the value given.
        """
        if self.norm.make is None:
            return nn.Sequential(nn.Identity()), nn.Identity()
        count = steps if per_step and self.norm.is_of_batch else 1
        if self.norm.without_affine is None:
            return nn.Sequential(*(self.norm.make(channels, 2) for _ in range(count))), nn.Identity()
        norms = nn.Sequential(*(self.norm.without_affine(channels, 2) for _ in range(count)))
        return norms, Affine(channels, gamma, self.norm.shifts)

    def token_norm(self, channels: int, wanted: bool) -> nn.Module:
        """The norm of tokens (N, T, channels), or the identity if it is not wanted."""
        if not wanted or self.norm.make is None:
            return nn.Identity()
        return TokenNorm(self.norm.make(channels, 2 if self.norm.is_token_wise else 3), self.norm.is_token_wise)

    def _norm(self, channels: int, ndim: int, wanted: bool) -> nn.Module:
        return self.norm.make(channels, ndim) if wanted and self.norm.make is not None else nn.Identity()

    def _has_bias(self, norm_follows: bool) -> bool:
        return not (norm_follows and self.norm.shifts) if self.bias == "auto" else bool(self.bias)
