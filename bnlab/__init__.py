"""bnlab: which normalization is better on MNIST, and is the difference real?"""

from bnlab.python import verify

__all__ = ["verify"]

__version__ = "0.1.0"
