"""bnlab: which normalization is better on MNIST, and is the difference real?"""

__version__ = "0.1.0"
