"""The trackers that a training may be shown in as it goes."""

from __future__ import annotations

from typing import Any

from bnlab.errors import written
from bnlab.ranges import one_of, require

TRACKERS = ("csv-stream", "mlflow", "tensorboard", "wandb")
"""The names of the trackers; each is a file in bnlab/trackers/."""


def trackers_of(value: Any) -> list[str]:
    """The names in the setting `tracker`: none, one, or a list. Raises UserError for what is none of the trackers."""
    names = [] if value is None else value if isinstance(value, list) else [value]
    for name in names:
        one_of("tracker", written(name), TRACKERS)
    require(len(set(names)) == len(names), "tracker", value, "a list of distinct names")
    return list(names)
