"""The models. `build` makes one from its configuration, with weights drawn from a seed."""

from __future__ import annotations

import torch
from torch import nn

from bnlab.config import MLPConfig, NormConfig
from bnlab.errors import UserError
from bnlab.models.init import initialize
from bnlab.models.mlp import MLP
from bnlab.norms import SCHEMES


def build(
    model: MLPConfig, norm: NormConfig, in_features: int, classes: int, generator: torch.Generator | None
) -> nn.Module:
    """The model with its norms in place; the same generator state gives the same weights under every norm.

    Args:
        in_features: pixels of one image.
        classes: number of logits.
        generator: draws the weights; None leaves them uninitialized on the meta device, to check the shapes only.

    Raises:
        UserError: when the norm cannot be built on this model, with the norm's own reason.
    """
    scheme = SCHEMES[norm.name]

    def norm_layer(channels: int) -> nn.Module:
        try:
            return scheme.build(norm.impl, channels, ndim=2, **norm.settings())
        except ValueError as error:
            raise UserError(f"norm={norm.name} cannot be used here: {error}") from error

    normalizes = norm.name != "none"
    shifts = normalizes and scheme.shift and getattr(norm, "affine", False)
    with torch.device("meta" if generator is None else "cpu"):
        built = MLP(
            in_features,
            model.hidden,
            classes,
            activation=model.activation,
            norm_layer=norm_layer if normalizes else None,
            norm_position=model.norm_position,
            norm_input=model.norm_input,
            norm_output=model.norm_output,
            bias=model.bias,
            norm_shifts=shifts,
        )
    if generator is not None:
        initialize(built, model.init, model.init_gain, model.activation, generator)
    return built
