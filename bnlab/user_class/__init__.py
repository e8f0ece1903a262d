"""A norm of the user's own: which file or module it is (`parse`), and how it is run without harm (`confined`).

Whatever touches a stranger's code lives here. The door `layer` imports torch: it loads, builds and tries the class.
"""

from bnlab.user_class.sandbox import confined
from bnlab.user_class.target import parse

__all__ = [
    "confined",
    "layer",
    "parse",
]
