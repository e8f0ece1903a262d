"""Is this layer right? Implementations of the norms held against a float64 reference, number by number.

`reference.py` has the definitions, `measures.py` what is done to a layer, `checks.py` how far it may be off, and
`mistakes.py` and `diagnose.py` turn what is wrong into words.
"""

from bnlab.verify.command import verify

__all__ = ["verify"]
