"""The normalization schemes: what each computes, and how to build its layers. Importing this does not import torch.

A scheme has two files of the same name: here its layers, to be read beside its paper, and in `schemes` its settings and
what is known of it. The files with layers, and `keras_layers` for Keras's, import torch and are imported by their own
names.

Shapes: N batch, C features or channels, L, H, W spatial; a layer keeps the shape, (N, C), (N, C, L) or (N, C, H, W).
"""

from bnlab.norms.catalogue import SCHEMES
from bnlab.norms.scheme import CHANGES, SHAPES, Scheme
from bnlab.norms.settings import NormConfig

__all__ = [
    "CHANGES",
    "SCHEMES",
    "SHAPES",
    "NormConfig",
    "Scheme",
    "batch",
    "batch_renorm",
    "bounded",
    "derf",
    "dyt",
    "eval_norm",
    "frn",
    "ghost_batch",
    "ghost_noise",
    "group",
    "instance",
    "keras_layers",
    "l1_batch",
    "layer",
    "mean_only_batch",
    "noisy_batch",
    "online",
    "power",
    "precise_batch",
    "rms",
    "scaled_weight_standardization",
    "switchable",
    "variance_only_batch",
    "weight_norm",
    "weight_standardization",
]
