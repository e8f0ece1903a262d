"""From checked configurations to stored results: finds what is not stored, trains it in stacks, shows progress, stores.

What connects configuration, models, engine and store lives here.
"""

from bnlab.launch.build import device_of, has_data, plan_of, replicate, split_of, threads_for
from bnlab.launch.dry_run import foresee
from bnlab.launch.grouping import shared_out
from bnlab.launch.job import Job
from bnlab.launch.kept_weights import Trained, conditions_of, evaluate_run, trained_model
from bnlab.launch.outcomes import (
    Outcome,
    Standing,
    failures,
    finished,
    fresh_seeds,
    run,
    stored_outcomes,
    validation_accuracy,
)
from bnlab.launch.preflight import check
from bnlab.launch.summary import show, show_evaluated

__all__ = [
    "Job",
    "Outcome",
    "Standing",
    "Trained",
    "check",
    "conditions_of",
    "device_of",
    "evaluate_run",
    "failures",
    "finished",
    "foresee",
    "fresh_seeds",
    "has_data",
    "plan_of",
    "replicate",
    "run",
    "shared_out",
    "show",
    "show_evaluated",
    "split_of",
    "stored_outcomes",
    "threads_for",
    "trained_model",
    "validation_accuracy",
]
