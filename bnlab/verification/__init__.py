"""Is this layer right? Compares implementations of the norms with a float64 reference, number by number.

Here live the command and its output, the search for classes in a folder (`listing`), the separate process in which a
user's class is verified (`sandbox`), and the verdict. A verdict uses four rooms: `reference` has the definitions,
`checks` what is measured on a layer and with what tolerance, `conventions` the choices that a class may make, and
`mistakes` turns wrong numbers into words. The door `verdict` imports torch: it verifies a class in this process.
"""

from bnlab.verification.checks import Verdict
from bnlab.verification.command import verify
from bnlab.verification.conventions import Declared, affine_of

__all__ = ["Declared", "Verdict", "affine_of", "verdict", "verify"]
