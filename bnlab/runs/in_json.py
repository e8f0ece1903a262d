"""The list of runs as JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from bnlab.runs.settings import arms
from bnlab.runs.stored import Replicate, Run


def as_json(runs: Sequence[Run]) -> str:
    """The runs as a JSON list: run (name), folder, arm, tags, note, settings as text, reason, replicates.

    A replicate has seed, state, age_seconds since it was last written, bytes, final scores, seconds of training, the
    command that trained it, and reason. `reason` says why a run or replicate cannot be read; what is unknown is null.
    """
    rows = [
        {
            "run": run.name,
            "folder": str(run.path),
            "arm": arm,
            "tags": list(run.tags.tags),
            "note": run.tags.note,
            "settings": dict(run.settings),
            "reason": run.reason or None,
            "replicates": [_replicate(replicate) for replicate in run.replicates],
        }
        for run, arm in zip(runs, arms([run.settings for run in runs]), strict=True)
    ]
    return json.dumps(rows, indent=2)


def _replicate(replicate: Replicate) -> dict[str, Any]:
    return {
        "seed": replicate.seed,
        "state": replicate.state,
        "age_seconds": round(replicate.age),
        "bytes": replicate.size,
        "final": dict(replicate.final),
        "seconds": replicate.result and replicate.result.seconds,
        "command": replicate.command,
        "reason": replicate.reason or None,
    }
