"""Selects stored runs by state, name, settings, tags and age."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from bnlab.config import unknown_key
from bnlab.errors import UserError, shown, unknown
from bnlab.runs.stored import STATES, Run, only

OTHER_NAMES = {
    "complete": "done",
    "completed": "done",
    "finished": "done",
    "ok": "done",
    "aborted": "interrupted",
    "killed": "interrupted",
    "stopped": "interrupted",
    "crashed": "failed",
    "error": "failed",
    "nan": "diverged",
    "damaged": "unreadable",
}
"""Other names for the states, for the hint in an error."""
SECONDS = {"s": 1, "min": 60, "h": 3600, "d": 86400, "w": 604800}


def select(
    runs: Sequence[Run],
    states: Collection[str] = (),
    name: str | None = None,
    where: Sequence[str] = (),
    older: str | None = None,
    tags: Collection[str] = (),
) -> list[Run]:
    """The runs with this name, these settings and tags, and of each the replicates in these states and of this age.

    Args:
        runs: from `read`.
        states: of the replicates; empty: all states.
        name: a part of the run's name.
        where: conditions that all must hold; "norm.name=batch,layer" means one of these values.
        older: the least age, "7d".
        tags: the run must have all of these.

    Raises:
        UserError: there is no such state or setting, or a condition or an age cannot be understood.
    """
    for state in states:
        if state not in STATES:
            raise unknown("state", state, STATES, OTHER_NAMES)
    conditions = [_condition(text, runs) for text in where]
    age = 0.0 if older is None else _age(older)
    kept = [run for run in runs if (name is None or name in run.name) and _meets(run.settings, conditions)]
    kept = [run for run in kept if set(tags) <= set(run.tags.tags)]
    if not states and older is None:
        return kept
    chosen = [only(run, lambda r: (not states or r.state in states) and r.age >= age) for run in kept]
    bare = {run.path for run in kept if not run.replicates and older is None and run.state in states}
    return [run for run in chosen if run.replicates or run.path in bare]


def _meets(settings: Mapping[str, str], conditions: Sequence[tuple[str, list[Any]]]) -> bool:
    return all(key in settings and _value(settings[key]) in values for key, values in conditions)


def _condition(text: str, runs: Sequence[Run]) -> tuple[str, list[Any]]:
    key, equals, values = text.partition("=")
    if not (key and equals):
        raise UserError(f"--where {text} is not of the form setting=value, e.g. --where norm.name=batch,layer")
    known = {key for run in runs for key in run.settings}
    if known and key not in known:
        raise unknown_key("setting", key, known)
    # A comma inside brackets, as in model.hidden=[128,64], does not separate two values.
    return key, [_value(value) for value in re.split(r",(?![^\[]*\])", values)]


def _value(text: str) -> Any:
    """The value that a text means, so that 1e-3 equals 0.001 and [128, 64] equals [128,64]; a word is itself."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def _age(text: str) -> float:
    match = re.fullmatch(r"(\d+(?:\.\d+)?) ?(s|min|h|d|w)", text)
    if match is None:
        raise UserError(f"--older '{shown(text)}' is no age; give a number with {', '.join(SECONDS)}, e.g. --older 7d")
    return float(match[1]) * SECONDS[match[2]]
