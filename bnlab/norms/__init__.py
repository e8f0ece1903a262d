"""The normalization schemes: what each computes, and how to build its layers. Importing this does not import torch.

A file per scheme, to be read beside its paper, with its layers; those files are doors of their own, which import torch,
and so is `keras_layers`, for Keras's.

Shapes: N batch, C features or channels, L, H, W spatial; a layer keeps the shape, (N, C), (N, C, L) or (N, C, H, W).
"""

from bnlab.norms.scheme import CHANGES, SHAPES, Scheme
from bnlab.norms.schemes import SCHEMES

__all__ = [
    "CHANGES",
    "SCHEMES",
    "SHAPES",
    "Scheme",
    "batch",
    "batch_renorm",
    "derf",
    "dyt",
    "frn",
    "ghost_batch",
    "group",
    "instance",
    "keras_layers",
    "layer",
    "precise_batch",
    "rms",
    "switchable",
    "weight_norm",
    "weight_standardization",
]
