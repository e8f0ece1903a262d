"""How many replicates fit into memory side by side."""

from __future__ import annotations

import torch

from bnlab.config import RunConfig
from bnlab.data import IMAGE, classes_of
from bnlab.engine import EVALUATION_BATCH
from bnlab.errors import UserError, shown
from bnlab.launch.build import device_of
from bnlab.machine import memory
from bnlab.models import size_of

BYTES_PER_WEIGHT = 4 * 6
"""Memory for a weight: float32 value, gradient, Adam's two moments, the plain model's copy, and one for temporaries."""


BYTES_PER_ACTIVATION = 4 * 2
"""Memory for an output value of a layer: float32 value and gradient."""


LAYERS_AT_A_TIME = 4
"""How many layers' values an evaluation has in memory at a time, each counted as large as the largest."""


def max_replicates(config: RunConfig) -> int:
    """How many replicates of this shape may train side by side."""
    if not config.engine.trains_stacks:
        return 1
    if config.stack.max_replicates != "auto":
        return int(config.stack.max_replicates)
    return max(1, int(_memory(config) / 4 / _bytes_per_replicate(config)))


def check_memory(config: RunConfig) -> None:
    """Raises UserError if not even one replicate fits into the machine's memory."""
    needed, there = _bytes_per_replicate(config), _memory(config)
    if needed > there:
        widths = ", ".join(f"model.{key}={value}" for key, value in config.model.shape().items() if key != "name")
        raise UserError(
            f"{shown(widths)} with data.batch_size={config.data.batch_size} needs some {needed / 1e9:.1f} GB to train, "
            f"and this machine has {there / 1e9:.1f} GB for it; take smaller widths"
        )


def _memory(config: RunConfig) -> int:
    """The memory of the GPU, or what this process may use of the machine's, in bytes."""
    device = device_of(config)
    if device.type == "cuda":
        return int(torch.cuda.get_device_properties(device).total_memory)
    return memory.limit()


def _bytes_per_replicate(config: RunConfig) -> int:
    """A generous estimate: weights, the optimizer's state, and the activations of the largest batch.

    An evaluation keeps no gradients, so only few layers' values are in memory at a time.
    """
    size = size_of(config.model, IMAGE, classes_of(config.data.name))
    evaluated = min(size.activations, LAYERS_AT_A_TIME * size.largest)
    activations = max(config.data.batch_size * size.activations, EVALUATION_BATCH * evaluated)
    return BYTES_PER_WEIGHT * size.weights + BYTES_PER_ACTIVATION * activations
