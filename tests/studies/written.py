"""A small study, as its file is written, and the same with values changed."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import yaml

SMALL: dict[str, Any] = {
    "question": "Does batch norm help?",
    "source": {"what": "nobody", "says": "it does"},
    "overrides": ["model=mlp", "model.hidden=[8]", "threads=1"],
    "arms": {"none": ["norm=none"], "batch": ["norm=batch"]},
    "budgets": {
        "quick": {"seeds": 6, "overrides": ["steps=4", "data.limit=200", "eval_every=2"]},
        "full": {"seeds": 7, "overrides": ["steps=6", "data.limit=200", "eval_every=2"]},
    },
    "hypotheses": {
        "higher": {
            "says": "Its accuracy is higher.",
            "kind": "better",
            "metric": "test_accuracy",
            "arm": "batch",
            "than": "none",
        }
    },
}
"""Two arms of a tiny network, and one hypothesis."""

SWEPT = {"optimizer.lr": [0.01, 0.1, 1.0]}


def changed(changes: dict[str, Any]) -> dict[str, Any]:
    """The small study with some values set, by dotted key; a value of None takes the key away."""
    tree = copy.deepcopy(SMALL)
    for key, value in changes.items():
        *sections, last = key.split("/")
        node = tree
        for section in sections:
            node = node[section]
        if value is None:
            del node[last]
        else:
            node[last] = value
    return tree


def write(folder: Path, changes: dict[str, Any] | None = None, name: str = "small.yaml") -> Path:
    path = folder / name
    path.write_text(yaml.safe_dump(changed(changes or {}), sort_keys=False), encoding="utf-8")
    return path
