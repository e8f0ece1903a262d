"""The stored runs: what there is, in which state, and what resumes it. Imports neither torch nor pandas."""

from bnlab.runs.checking import Checked, check, show_check
from bnlab.runs.difference import show_difference
from bnlab.runs.in_json import as_json
from bnlab.runs.removal import remove
from bnlab.runs.selection import select
from bnlab.runs.settings import arms, differing
from bnlab.runs.show import show_all, show_one, show_removal, show_tags
from bnlab.runs.stored import Replicate, Run, find, folder_of, last_rows, read
from bnlab.runs.tagging import tagged

__all__ = [
    "Checked",
    "Replicate",
    "Run",
    "arms",
    "as_json",
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
    "show_difference",
    "show_one",
    "show_removal",
    "show_tags",
    "tagged",
]
