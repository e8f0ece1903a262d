"""Builds a model from its configuration, with its norms in place and its weights drawn from a seed."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch

from bnlab.config import CNNConfig, MixedConfig, MLPConfig, ModelConfig, RNNConfig, ViTConfig
from bnlab.models.blocks import Blocks
from bnlab.models.cnn import CNN
from bnlab.models.init import initialize, weight_layers
from bnlab.models.mlp import MLP
from bnlab.models.rnn import RNN
from bnlab.models.slots import Slot, slot
from bnlab.models.vit import ViT
from bnlab.norms import SCHEMES, NormConfig

Model = MLP | CNN | ViT | RNN


def build(
    model: ModelConfig, norm: NormConfig, image: Sequence[int], classes: int, generator: torch.Generator | None
) -> Model:
    """Builds the model with its norms in place. The same generator state gives the same weights under every norm.

    Args:
        image: shape of one image, (channels, height, width).
        classes: number of logits.
        generator: draws the weights; None builds the model on the meta device, with shapes and no values.

    Raises:
        UserError: when the norm cannot be built on this model, with the norm's own reason.
    """
    blocks = Blocks(
        norm=Slot() if isinstance(norm, MixedConfig) else slot(norm, generator),
        norm_position=model.norm_position,
        norm_input=model.norm_input,
        norm_output=model.norm_output,
        activation=model.activation,
        bias=model.bias,
        hidden_norms=_hidden_norms(model, norm, generator),
    )
    with torch.device("meta" if generator is None else "cpu"):
        built = _MAKERS[type(model)](model, image, classes, blocks)
    if generator is not None:
        initialize(built, model.init, model.init_gain, model.activation, generator)
    _normalize_weights(built, norm, with_output=model.norm_output)
    return built


def _hidden_norms(model: ModelConfig, norm: NormConfig, generator: torch.Generator | None) -> list[Slot] | None:
    """What stands in each hidden layer, where that differs from one to another."""
    if isinstance(norm, MixedConfig):
        return [slot(of_layer, generator) for of_layer in norm.of_layers]
    if isinstance(model, MLPConfig) and model.norm_at is not None:
        there = slot(norm, generator)
        return [there if number in model.norm_at else Slot() for number in range(len(model.widths()))]
    return None


_MAKERS: dict[type[ModelConfig], Callable[..., Model]] = {
    MLPConfig: lambda model, image, classes, blocks: MLP(image, model, classes, blocks),
    CNNConfig: lambda model, image, classes, blocks: CNN(image, model.channels, classes, blocks),
    RNNConfig: lambda model, image, classes, blocks: RNN(image, model, classes, blocks),
    ViTConfig: lambda model, image, classes, blocks: ViT(image, model, classes, blocks),
}


def _normalize_weights(built: Model, norm: NormConfig, *, with_output: bool) -> None:
    """Applies a scheme that normalizes weights to the hidden layers, and to the output layer if `with_output`."""
    scheme = SCHEMES.get(norm.name)
    if scheme is None or not scheme.of_weights:
        return
    layers = weight_layers(built)
    for layer in layers if with_output else layers[:-1]:
        try:
            scheme.reparametrize(norm.impl, layer, **norm.settings())
        except ValueError as error:
            raise norm.refused(error) from error
