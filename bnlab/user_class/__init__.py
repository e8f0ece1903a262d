"""A norm of the user's own: finds its file or module (`parse`), and runs its code in a separate process (`confined`).

All code that touches a user's code lives here. The door `layer` imports torch: it loads, builds and tries the class.
"""

from bnlab.user_class.sandbox import confined
from bnlab.user_class.target import parse

__all__ = [
    "confined",
    "layer",
    "parse",
]
