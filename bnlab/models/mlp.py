"""The article's network: fully connected layers, each followed by a norm and an activation.

784 -> [Linear 128, norm, ReLU] -> [Linear 64, norm, ReLU] -> Linear 10, with the norm before (`pre`) or after (`post`)
the activation.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import nn

ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "relu": nn.ReLU,
    "gelu": nn.GELU,
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
}


class MLP(nn.Module):
    """Multi-layer perceptron on flattened images.

    Shapes: images (N, ...) with `in_features` values each -> logits (N, classes).

    Every norm slot exists in every network (`nn.Identity` where nothing normalizes), so that two networks of one
    shape have the same layers at the same places.

    Args:
        norm_layer: makes the norm for a number of channels; None for a network without norms.
        norm_position: "pre" or "post": the norm comes before or after the activation.
        norm_input: also normalize the flattened pixels.
        norm_output: also normalize the logits.
        bias: True, False, or "auto": a linear layer has none when the very next layer is a norm with a shift.
        norm_shifts: whether the norm has a shift (beta) of its own.
    """

    def __init__(
        self,
        in_features: int,
        hidden: Sequence[int],
        classes: int,
        *,
        activation: str,
        norm_layer: Callable[[int], nn.Module] | None,
        norm_position: str,
        norm_input: bool,
        norm_output: bool,
        bias: bool | str,
        norm_shifts: bool,
    ) -> None:
        super().__init__()

        def norm(channels: int, wanted: bool) -> nn.Module:
            return norm_layer(channels) if wanted and norm_layer is not None else nn.Identity()

        def has_bias(norm_follows: bool) -> bool:
            return not (norm_follows and norm_shifts) if bias == "auto" else bool(bias)

        pre, post = norm_position == "pre", norm_position == "post"
        layers: list[nn.Module] = [nn.Flatten(), norm(in_features, norm_input)]
        width = in_features
        for units in hidden:
            layers += [
                nn.Linear(width, units, bias=has_bias(pre)),
                norm(units, pre),
                ACTIVATIONS[activation](),
                norm(units, post),
            ]
            width = units
        layers += [nn.Linear(width, classes, bias=has_bias(norm_output)), norm(classes, norm_output)]
        self.layers = nn.Sequential(*layers)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.layers(images)
        return logits
