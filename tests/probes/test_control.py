"""The positive control of Santurkar et al. 2018, figure 2: with batch norm a deep linear network has no less shift.

Theirs has 25 layers 10x10, 1,000 Gaussian samples, the squared loss and full batches at a rate of 1e-6; with batch norm
G and G' differ more there, at times by almost 90 degrees. Here the loss is the classes' cross-entropy, with a rate to
suit it; layers, samples and full batches are theirs. That batch norm smooths the landscape is not seen in this network
with this loss, and nothing here says so.
"""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from bnlab.config import ProbesConfig, ScheduleConfig, SGDConfig
from bnlab.data import Part, Scaling, Split
from bnlab.declarations import Calls
from bnlab.engine import Hyperparameters, Observers, Plan, Replicate, train
from bnlab.models import Places
from bnlab.probes import Probes
from tests.probes.test_probes import Kept

DEPTH, WIDTH, SAMPLES, STEPS, SEEDS = 25, 10, 1000, 21, 3
BY = Hyperparameters(SGDConfig("sgd", 1e-2, 0.0, True, 0.0, False), ScheduleConfig("constant"))


class DeepLinear(nn.Module):
    """Linear layers only, each followed by a batch norm or by nothing."""

    holds_layers = Calls.IN_ORDER

    def __init__(self, seed: int, *, normalized: bool) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        layers: list[nn.Module] = [nn.Flatten()]
        for _ in range(DEPTH):
            layers.append(nn.Linear(WIDTH, WIDTH, bias=False))
            nn.init.xavier_normal_(layers[-1].weight, generator=generator)  # type: ignore[arg-type]  # a parameter
            layers.append(nn.BatchNorm1d(WIDTH) if normalized else nn.Identity())
        self.layers = nn.Sequential(*layers)

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.layers(images)
        return logits


@pytest.mark.slow
def test_batch_norm_does_not_reduce_the_internal_covariate_shift_of_a_deep_linear_network() -> None:
    generator = torch.Generator().manual_seed(0)
    normal = torch.randn(SAMPLES, 1, 2, WIDTH // 2, generator=generator)
    images = (normal * 32 + 128).clamp(0, 255).to(torch.uint8)
    labels = (normal.flatten(1) @ torch.randn(WIDTH, WIDTH, generator=generator)).argmax(1)
    part = Part(images, labels)
    split = Split(part, None, part, WIDTH, Scaling(0.5, 0.125))
    models = [(seed, normalized) for normalized in (True, False) for seed in range(SEEDS)]
    replicates = [Replicate(DeepLinear(seed, normalized=norm).double(), seed, BY) for seed, norm in models]
    kept, config = Kept(), ProbesConfig(["shift"], 20, None)
    observers = Observers([kept, Probes(config, [Places([], [])] * len(models))])
    train(replicates, split, Plan(SAMPLES, True, 1, STEPS, None), torch.device("cpu"), observers)
    (_, look) = kept.found
    for layer in ("layers.25", "layers.49"):  # in the middle, and the last one
        cosine, distance = look.values["shift", layer, "cosine"], look.values["shift", layer, "distance"]
        assert (cosine[:SEEDS] < cosine[SEEDS:]).all()
        assert (distance[:SEEDS] > distance[SEEDS:]).all()
