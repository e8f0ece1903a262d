"""Is this layer right? Implementations of the norms held against a float64 reference, number by number.

The command and what it shows live here, the process of its own for a user's class (`sandbox`), the classes of a folder
(`listing`), and the verdict, which goes through four rooms: `reference` has the definitions, `checks` what is done to a
layer and how far it may be off, `conventions` the choices that a class may make, `mistakes` turns what is wrong into
words. The door `verdict` imports torch: it verifies a class in this process.
"""

from bnlab.verification.checks import Verdict
from bnlab.verification.command import verify
from bnlab.verification.conventions import Declared, affine_of

__all__ = ["Declared", "Verdict", "affine_of", "verdict", "verify"]
