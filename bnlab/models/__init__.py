"""The models: `build` makes one from its configuration, `size_of` says how large it is.

Each model has a file, and `blocks` has what they share. A model is a plain module and knows nothing of training.
"""

from bnlab.models.blocks import ACTIVATIONS
from bnlab.models.cnn import MaxPool
from bnlab.models.construction import build
from bnlab.models.places import STAND_IN, Places, places_of
from bnlab.models.size import size_of
from bnlab.models.slots import is_of_batch

__all__ = [
    "ACTIVATIONS",
    "STAND_IN",
    "MaxPool",
    "Places",
    "build",
    "is_of_batch",
    "places_of",
    "size_of",
]
