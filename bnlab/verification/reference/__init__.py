"""What each scheme computes, in float64 NumPy, and how a torch module is run beside it.

Definitions live here: formulas, the choices of an implementation (`Recipe`), and where a layer keeps what they name.
Nothing in here knows how far a layer may be off. The door `layers` imports torch.
"""

from bnlab.verification.reference.beyond import KNOWN
from bnlab.verification.reference.recipe import Recipe
from bnlab.verification.reference.reference import REFERENCES, WEIGHT, Array, Reference, Values, reference_of
from bnlab.verification.reference.standardize import per_channel, values_of

__all__ = [
    "KNOWN",
    "REFERENCES",
    "WEIGHT",
    "Array",
    "Recipe",
    "Reference",
    "Values",
    "layers",
    "per_channel",
    "reference_of",
    "roles",
    "values_of",
]
