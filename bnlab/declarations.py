"""What layers and models declare about themselves, so that many replicates of them can train as one program.

The declarations are attributes of a class:

* `treats_alone = Each...`: what a layer computes independently of the rest;
* `holds_layers = Calls...`: how a model, or a part of one, calls the layers in it;
* `has_norm_parameters = False`: its parameters are not a norm's. All parameters but those of linear and convolutional
  layers are taken for a norm's, which may be spared weight decay;
* `is_noise = True`: the layer adds noise in training only, as dropout does. Batch statistics are measured without it,
  and its `draw` is given a seed (`Noise`).

A declaration does not hold for subclasses, which may compute something else. A layer that declares nothing is called
once per replicate, which is always right, and slow.
"""

from __future__ import annotations

import enum
from typing import ClassVar, Protocol, runtime_checkable


class Each(enum.Enum):
    """What a layer computes independently of the rest: `treats_alone = Each.FEATURE` in its class.

    The layer's input x is (N, C, ...), N samples of C features. Two layers of one class with equal attributes must
    compute the same function of x and of their tensors (parameters and buffers).
    """

    VALUE = "value"
    """Each value of x, as ReLU does. The layer has no tensors."""
    FEATURE = "feature"
    """Each of the C features, over all samples, as batch norm does. Its tensors are of shape (C,). A buffer may also be
    a single number, such as a count of batches, if it is the same in all layers that have seen as many batches."""
    FEATURE_OVER_AXES = "feature over axes"
    """As FEATURE, and the layer has a method `normalize_over(x, axes, shape)`. It normalizes x over the given axes, as
    `forward` does over all axes but C's, with the layer's tensors viewed in `shape`, which broadcasts over x. It saves
    copying x."""
    SAMPLE = "sample"
    """Each of the N samples, as layer norm does. The only tensors are a weight (C,), by which the result is multiplied,
    and a bias (C,), which is then added."""
    CALL = "call"
    """Only the input of one call as a whole. The layer uses plain operations, so that one vectorized call
    (torch.func.vmap) serves many replicates: it never reads a number out of a tensor, and has no autograd.Function of
    its own. It may have any tensors."""


class Calls(enum.Enum):
    """How a model, or a part of one, calls the layers in it: `holds_layers = Calls.IN_ORDER` in its class.

    All its tensors are in these layers, and it keeps nothing from call to call.
    """

    IN_ORDER = "in order"
    """Its one input goes through its children, one after the other, and nothing else is done to it."""
    BY_ITS_FORWARD = "by its forward"
    """As its `forward` says. That must work with any number of additional axes in front, so it counts axes from the
    last one (x.unbind(-2), not x.unbind(1)), and it never reads a number out of a tensor. A layer may be called many
    times, as in a recurrent network."""


@runtime_checkable
class Noise(Protocol):
    """A layer that declares `is_noise = True`. Its noise is a function of a seed and of the number of the batch."""

    is_noise: ClassVar[bool]

    def draw(self, seed: int) -> None:
        """Takes the layer's seed, another one for each layer of a replicate."""
