"""The stored runs: what there is, in which state, and what resumes it. Imports neither torch nor pandas."""

from bnlab.runs.checking import Checked, check, show_check
from bnlab.runs.removal import remove
from bnlab.runs.selection import select
from bnlab.runs.settings import arms, differing
from bnlab.runs.show import show_all, show_one, show_removal
from bnlab.runs.stored import Replicate, Run, find, folder_of, last_rows, read

__all__ = [
    "Checked",
    "Replicate",
    "Run",
    "arms",
    "check",
    "differing",
    "find",
    "folder_of",
    "last_rows",
    "read",
    "remove",
    "select",
    "show_all",
    "show_check",
    "show_one",
    "show_removal",
]
