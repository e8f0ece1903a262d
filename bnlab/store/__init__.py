"""Results on disk: the folders and files of runs, replicates and stacks, the locks on them, and their environment.

All code that knows the name or the layout of a file in runs/ lives here; docs/store.md describes the files. The
module `checkpoint_file`, which other packages may import too, is the one that imports torch.
"""

from bnlab.store import answers_file, environment, index_file, looks_file, result_file, stack_file
from bnlab.store.address import run_folder
from bnlab.store.claims import claimed, is_claimed, wait_for
from bnlab.store.config_file import CONFIG, HASH, StoredConfig, as_text, settings_of_tree
from bnlab.store.digests import CHANGED, WEIGHTS, faults, read_weights
from bnlab.store.files import append, as_csv, check_output, check_writable, no_formula, replace
from bnlab.store.locks import LOCK, lock_in
from bnlab.store.locks_of_studies import StudyLock, add_study_lock, digest_of_study, read_study_locks
from bnlab.store.probes_file import MEASURED, PROBES_FILE, Measured, read_probes
from bnlab.store.reading import MOST_BYTES_OF_ROWS, DamagedError, decoded, digest_of, read_bytes, yaml_mapping
from bnlab.store.removal import TrainingError, remove_replicate, remove_run
from bnlab.store.replicate import ReplicateFolder, finished
from bnlab.store.result_file import FINISHED, Company, Probed, Result, State
from bnlab.store.rows_file import (
    METRICS,
    METRICS_FILE,
    SPLITS,
    TIMING,
    TIMING_FILE,
    Scored,
    Timed,
    read_scores,
    read_seconds,
)
from bnlab.store.stack_file import STACKS, StackRecord, read_all
from bnlab.store.stored import StoredReplicate, StoredRun, identity, read_run, read_runs
from bnlab.store.tags_file import Tags, add_tags, read_tags, write_tags

__all__ = [
    "CHANGED",
    "CONFIG",
    "FINISHED",
    "HASH",
    "LOCK",
    "MEASURED",
    "METRICS",
    "METRICS_FILE",
    "MOST_BYTES_OF_ROWS",
    "PROBES_FILE",
    "SPLITS",
    "STACKS",
    "TIMING",
    "TIMING_FILE",
    "WEIGHTS",
    "Company",
    "DamagedError",
    "Measured",
    "Probed",
    "ReplicateFolder",
    "Result",
    "Scored",
    "StackRecord",
    "State",
    "StoredConfig",
    "StoredReplicate",
    "StoredRun",
    "StudyLock",
    "Tags",
    "Timed",
    "TrainingError",
    "add_study_lock",
    "add_tags",
    "answers_file",
    "append",
    "as_csv",
    "as_text",
    "check_output",
    "check_writable",
    "checkpoint_file",
    "claimed",
    "decoded",
    "digest_of",
    "digest_of_study",
    "environment",
    "faults",
    "finished",
    "identity",
    "index_file",
    "is_claimed",
    "lock_in",
    "looks_file",
    "no_formula",
    "read_all",
    "read_bytes",
    "read_probes",
    "read_run",
    "read_runs",
    "read_scores",
    "read_seconds",
    "read_study_locks",
    "read_tags",
    "read_weights",
    "remove_replicate",
    "remove_run",
    "replace",
    "result_file",
    "run_folder",
    "settings_of_tree",
    "stack_file",
    "wait_for",
    "write_tags",
    "yaml_mapping",
]
