"""The stored runs: what there is, in which state, and what resumes it. Imports neither torch nor pandas."""

from bnlab.runs.read import Replicate, Run, find, read, select
from bnlab.runs.remove import remove

__all__ = ["Replicate", "Run", "find", "read", "remove", "select"]
