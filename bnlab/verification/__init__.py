"""Is this layer right? Implementations of the norms held against a float64 reference, number by number.

The command and what it shows live here, the process of its own for a user's class (`sandbox`), and the verdict, which
goes through three rooms: `reference` has the definitions, `checks` what is done to a layer and how far it may be off,
`mistakes` turns what is wrong into words.
"""

from bnlab.verification.command import verify

__all__ = ["verify"]
