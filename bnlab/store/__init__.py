"""Results on disk: addresses, the files of runs, replicates and stacks, who may write them, and where they come from.

Whatever knows the name or the layout of a file in runs/ lives here; docs/store.md describes them. No torch is imported.
"""

from bnlab.store import environment, result_file, stack_file
from bnlab.store.claims import claimed, is_claimed, wait_for
from bnlab.store.replicate import (
    FINISHED,
    METRICS,
    STACKS,
    TIMING,
    WEIGHTS,
    ReplicateFolder,
    as_csv,
    check_output,
    check_writable,
    finished,
    replace,
    run_folder,
)
from bnlab.store.stack_file import StackRecord, read_all

__all__ = [
    "FINISHED",
    "METRICS",
    "STACKS",
    "TIMING",
    "WEIGHTS",
    "ReplicateFolder",
    "StackRecord",
    "as_csv",
    "check_output",
    "check_writable",
    "claimed",
    "environment",
    "finished",
    "is_claimed",
    "read_all",
    "replace",
    "result_file",
    "run_folder",
    "stack_file",
    "wait_for",
]
