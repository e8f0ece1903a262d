"""Lifts plain modules onto a replicate axis, so that R replicates train as one program.

`lift` takes the models of all replicates and returns one module: images (R, N, ...) -> logits (R, N, K). It goes
through the models layer by layer, side by side. A layer that does the same thing in neighbouring replicates becomes
one lifted layer over their slice of the stack; where the replicates differ (other norm, other activation), the stack
is cut there for this one layer. What a layer treats alone and which layers a model holds they say themselves
(`bnlab.declarations`); who declares nothing is called once per replicate. They do not know about replicates.
"""

from bnlab.lifting.lifted import Lifted, Owned, Takes
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
    "without_noise",
]
