"""The normalization schemes: what each computes, and how to build its layers. Importing this does not import torch.

Shapes: N batch, C features or channels, L, H, W spatial; a layer keeps the shape, (N, C), (N, C, L) or (N, C, H, W).
"""

from bnlab.norms.catalogue import SCHEMES
from bnlab.norms.scheme import CHANGES, SHAPES, Scheme

__all__ = ["CHANGES", "SCHEMES", "SHAPES", "Scheme"]
