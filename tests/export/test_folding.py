"""Batch norm folded away: the same logits, from a network without norms; and what cannot be folded."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from bnlab.config import RunConfig
from bnlab.errors import UserError
from bnlab.export.folding import folded
from bnlab.launch.build import model_of
from tests.configured import changed

IMAGES = torch.rand(8, 1, 28, 28, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def trained(config: RunConfig, *, positive: bool = True) -> nn.Module:
    """A network whose norms have statistics, gammas and betas as if it had been trained."""
    draw = torch.Generator().manual_seed(2)
    model = model_of(config, 0).double().eval()
    for name, value in [*model.named_parameters(), *model.named_buffers()]:
        if value.dtype == torch.float64 and value.ndim == 1:
            value.data = 0.5 + torch.rand(value.shape, generator=draw, dtype=torch.float64)
            if not positive and name.endswith("weight"):
                value.data[0] *= -1
    return model


@pytest.mark.parametrize("bias", ["auto", "true"])
@pytest.mark.parametrize("norm", ["batch", "ghost_batch", "precise_batch"])
@pytest.mark.parametrize("model", ["mlp", "cnn"])
def test_the_logits_stay_and_the_norms_are_gone(model: str, norm: str, bias: str) -> None:
    network = trained(changed((f"model={model}", f"norm={norm}", f"model.bias={bias}")))
    before = {name: value.clone() for name, value in network.state_dict().items()}
    found = folded(network, changed((f"norm={norm}",)).norm)
    with torch.no_grad():
        assert torch.allclose(found(IMAGES), network(IMAGES), rtol=1e-12, atol=1e-12)
    assert not any("running" in name for name in found.state_dict())
    assert {type(layer) for layer in found.modules() if list(layer.parameters(recurse=False))} <= {nn.Linear, nn.Conv2d}
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


def test_a_layer_without_gamma_and_one_in_a_residual_branch_are_folded() -> None:
    config = changed(("norm=batch", "norm.affine=false", "model.hidden=[32,32]", "model.residual=true"))
    network = trained(config)
    with torch.no_grad():
        assert torch.allclose(folded(network, config.norm)(IMAGES), network(IMAGES), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        (("norm=layer",), "norm=layer cannot be folded; allowed: norm=batch, ghost_batch, precise_batch"),
        (("norm=none",), "norm=none cannot be folded"),
        (("norm=batch", "norm.impl=keras"), "norm.impl=keras cannot be folded"),
        (("norm=batch", "norm.track_running_stats=false"), "the statistics are those of each test batch"),
        (("norm=batch", "model.norm_position=post"), "before a batch norm stands ReLU"),
        (("norm=batch", "model.norm_input=true"), "before a batch norm stands Flatten"),
    ],
)
def test_what_cannot_be_folded_is_refused_with_the_reason(settings: tuple[str, ...], reason: str) -> None:
    config = changed(settings)
    network = nn.Sequential() if config.norm.impl == "keras" else model_of(config, 0)
    with pytest.raises(UserError) as refused:
        folded(network, config.norm)
    assert reason in str(refused.value)


def test_a_negative_gamma_behind_max_pooling_is_refused() -> None:
    config = changed(("model=cnn", "norm=batch"))
    with pytest.raises(UserError, match="a gamma is not positive, and stands behind max pooling"):
        folded(trained(config, positive=False), config.norm)
