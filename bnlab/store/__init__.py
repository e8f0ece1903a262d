"""Results on disk: addresses, the files of runs, replicates and stacks, who may write them, and where they come from.

Whatever knows the name or the layout of a file in runs/ lives here; docs/store.md describes them. The
door `checkpoint_file` imports torch.
"""

from bnlab.store import answers_file, environment, looks_file, result_file, stack_file
from bnlab.store.address import run_folder
from bnlab.store.claims import claimed, is_claimed, wait_for
from bnlab.store.files import as_csv, check_output, check_writable, replace
from bnlab.store.replicate import FINISHED, METRICS, TIMING, WEIGHTS, ReplicateFolder, finished
from bnlab.store.stack_file import STACKS, StackRecord, read_all

__all__ = [
    "FINISHED",
    "METRICS",
    "STACKS",
    "TIMING",
    "WEIGHTS",
    "ReplicateFolder",
    "StackRecord",
    "answers_file",
    "as_csv",
    "check_output",
    "check_writable",
    "checkpoint_file",
    "claimed",
    "environment",
    "finished",
    "is_claimed",
    "looks_file",
    "read_all",
    "replace",
    "result_file",
    "run_folder",
    "stack_file",
    "wait_for",
]
