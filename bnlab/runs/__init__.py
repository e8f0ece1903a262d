"""The stored runs: what there is, in which state, and what resumes it. Imports neither torch nor pandas."""

from bnlab.runs.read import Replicate, Run, find, read
from bnlab.runs.remove import remove
from bnlab.runs.select import select

__all__ = ["Replicate", "Run", "find", "read", "remove", "select"]
