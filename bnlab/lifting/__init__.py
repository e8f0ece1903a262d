"""Lifting: makes one module, a stack, of the plain models of R replicates, so that they train as one program.

`lift` takes the models and returns a module: images (R, N, ...) -> logits (R, N, K); `lower` copies the trained weights
back. `lift` goes through all models at once, layer by layer. Where neighbouring replicates have the same kind of layer,
these become one lifted layer over that slice of the stack; where they differ (another norm, another activation), the
stack is cut into slices for this one layer.

Layers and models do not know about replicates. They declare what they compute independently and how they call their
layers (`bnlab.declarations`); a layer that declares nothing is called once per replicate.
"""

from bnlab.lifting.lifted import Lifted, Owned, Takes
from bnlab.lifting.linear import weight_gradients_at_once
from bnlab.lifting.observation import Observation, Watch
from bnlab.lifting.places import (
    Passed,
    buffers_of,
    layers_with_buffer,
    layers_with_parameters,
    owned_parameters,
    passing,
)
from bnlab.lifting.walk import (
    depends_on_tensors_alone,
    is_known_throughout,
    lift,
    lower,
    without_noise,
)

__all__ = [
    "Lifted",
    "Observation",
    "Owned",
    "Passed",
    "Takes",
    "Watch",
    "buffers_of",
    "depends_on_tensors_alone",
    "is_known_throughout",
    "layers_with_buffer",
    "layers_with_parameters",
    "lift",
    "lower",
    "owned_parameters",
    "passing",
    "weight_gradients_at_once",
    "without_noise",
]
