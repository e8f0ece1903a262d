"""What layers and models declare about themselves, so that many replicates of them can train as one program.

A declaration holds for the class that makes it and not for its subclasses, which may do anything. Whatever declares
nothing is called once per replicate, which is right for everything and slow.

All parameters that are not of a linear or convolutional layer are taken for a norm's, which may be spared weight decay;
`has_norm_parameters = False` in a class says that its are not. `is_noise = True` says that a layer disturbs training
only, as dropout does: batch statistics are measured without it, and its `draw` is given a seed (`Noise`).
"""

from __future__ import annotations

import enum
from typing import ClassVar, Protocol, runtime_checkable


class Each(enum.Enum):
    """What a layer treats alone: `treats_alone = Each.FEATURE` in its class.

    The layer's input x is (N, C, ...), N samples of C features; of two layers of one class with equal attributes, only
    the tensors in them may make a difference to what they compute.
    """

    VALUE = "value"
    """Each value of x. The layer has no tensors."""
    FEATURE = "feature"
    """Each of the C features, over whatever samples. Its tensors are of shape (C,); buffers may be numbers too, such
    as a count, if they are the same in all layers that have seen as many batches."""
    FEATURE_OVER_AXES = "feature over axes"
    """As FEATURE; and `normalize_over(x, axes, shape)` does over any axes, with tensors viewed in a shape that
    broadcasts over x, what `forward` does over all axes but C's. It spares copying x."""
    SAMPLE = "sample"
    """Each of the N samples. Its only tensors are a weight (C,), which multiplies the result, and a bias (C,), which is
    added to it then."""
    CALL = "call"
    """Nothing less than what one call is given; but by plain operations, none that looks at a number in a tensor and no
    autograd.Function of its own, so that one vectorized call (torch.func.vmap) does for many. The tensors are any."""


class Calls(enum.Enum):
    """How a model, or a part of one, calls the layers that it holds: `holds_layers = Calls.IN_ORDER` in its class.

    It has no tensors but theirs, and keeps nothing else from call to call.
    """

    IN_ORDER = "in order"
    """Its one input goes through its children, one after the other, and nothing else is done to it."""
    BY_ITS_FORWARD = "by its forward"
    """As its `forward` says, which takes tensors and does not mind axes before the ones that it knows: it counts axes
    from the last one, x.unbind(-2) and not x.unbind(1), and decides nothing by a number in a tensor. A layer may be
    called many times, as a recurrent one is."""


@runtime_checkable
class Noise(Protocol):
    """A layer that declares `is_noise = True`; what it draws is a function of a seed and of a count of its batches."""

    is_noise: ClassVar[bool]

    def draw(self, seed: int) -> None:
        """Takes a seed of its own, of which no other layer of the replicate has one."""
