"""What each scheme computes, in float64 NumPy, and a common interface to run it and a torch module.

Definitions live here: formulas, the choices of an implementation (`Recipe`), and which of a layer's tensors are γ, β
and the running statistics (`roles`). Tolerances do not belong here. The door `layers` imports torch.
"""

from bnlab.verification.reference.beyond import KNOWN
from bnlab.verification.reference.recipe import IN_EVALUATION, Recipe
from bnlab.verification.reference.reference import (
    REFERENCES,
    WEIGHT,
    Array,
    Reference,
    Values,
    per_layer,
    reference_of,
)
from bnlab.verification.reference.standardize import per_channel, values_of

__all__ = [
    "IN_EVALUATION",
    "KNOWN",
    "REFERENCES",
    "WEIGHT",
    "Array",
    "Recipe",
    "Reference",
    "Values",
    "layers",
    "per_channel",
    "per_layer",
    "reference_of",
    "roles",
    "values_of",
]
