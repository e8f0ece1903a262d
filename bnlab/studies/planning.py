"""`Plan`: what a study trains with a budget and further settings, and whether its seeds are enough to decide."""

from __future__ import annotations

import hashlib
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

from bnlab import __version__
from bnlab.config import CHOICES, LENGTH
from bnlab.errors import UserError
from bnlab.studies.design import Cell, Study
from bnlab.studies.hypotheses import HYPOTHESES
from bnlab.studies.metrics import METRICS
from bnlab.studies.reading import BUDGETS

LENGTHS = {"steps": "epochs"}
"""Settings that replace each other, as both say how long to train."""


@dataclass(frozen=True)
class Plan:
    """A study to be trained.

    Attributes:
        study: the study.
        budget: "quick" or "full".
        typed: further settings, as typed on the command line.
        seeds: the number of seeds per arm, which are 0 to seeds - 1.
    """

    study: Study
    budget: str
    typed: tuple[str, ...]
    seeds: int

    @property
    def name(self) -> str:
        """The name of its lock; it differs by budget and by further settings that influence results."""
        deciding = sorted(text for text in self.typed if _decides(_key(text)))
        digest = hashlib.sha256("\0".join(deciding).encode()).hexdigest()[:8]
        return f"{self.study.name}.{self.budget}{f'-{digest}' if deciding else ''}"

    @property
    def command(self) -> str:
        """The command that runs or resumes it."""
        return shlex.join(["bnlab", "study", self.study.path, "--budget", self.budget, *self.typed])

    @cached_property
    def jobs(self) -> Mapping[Cell, list[str]]:
        """The settings of each cell, as on the command line; a later one replaces an earlier one."""
        shared = [*self.study.overrides, *self.study.budgets[self.budget].overrides]
        jobs = {}
        for cell in self.study.cells():
            swept = [f"{key}={value}" for key, value in cell.at]
            own = [*shared, *self.study.arms[cell.arm], *swept, *self.typed, f"seeds={self.seeds}"]
            jobs[cell] = list({LENGTHS.get(_key(text), _key(text)): text for text in own}.values())
        return jobs

    @property
    def replicates(self) -> int:
        return self.seeds * len(self.jobs)

    def said(self, runs: Iterable[str]) -> dict[str, Any]:
        """Everything that its verdicts depend on, as plain values: the content of its lock.

        Args:
            runs: the names of the runs' folders.
        """
        study = self.study
        return {
            "bnlab": __version__,
            "hypotheses": {name: _plain(each) for name, each in study.hypotheses.items()},
            "arms": {name: list(arm) for name, arm in study.arms.items()},
            "sweep": {key: list(values) for key, values in study.sweep.items()},
            "overrides": [*study.overrides, *study.budgets[self.budget].overrides],
            "typed": [text for text in self.typed if _decides(_key(text))],
            "seeds": self.seeds,
            "runs": sorted(set(runs)),
        }


def planned(study: Study, budget: str, typed: Sequence[str] = ()) -> Plan:
    """Makes the plan of a study.

    Args:
        study: the study.
        budget: "quick" or "full".
        typed: further settings, as on the command line.

    Raises:
        UserError: no such budget; a typed setting is one that the study varies, or is not allowed; or the seeds are
            too few ever to decide a hypothesis.
    """
    if budget not in BUDGETS:
        raise UserError(f"--budget {budget} is not allowed; allowed: {' or '.join(BUDGETS)}")
    varied = {_key(text) for arm in study.arms.values() for text in arm} | study.sweep.keys()
    seeds = study.budgets[budget].seeds
    kept = []
    for text in typed:
        key = _key(text)
        if key in varied:
            raise UserError(f"{text}: {key} is what study {study.name} varies; leave it out, or copy its file")
        if key == "seed":
            raise UserError(f"{text}: a study has several seeds; write seeds=N")
        if key == "seeds":
            seeds = _seeds(text)
        else:
            kept.append(text)
    plan = Plan(study, budget, (*kept, *([f"seeds={seeds}"] if len(kept) < len(typed) else [])), seeds)
    _check_seeds(plan)
    return plan


def _check_seeds(plan: Plan) -> None:
    """Raises UserError if so few seeds can never decide a hypothesis; it says how many are enough."""
    from bnlab import stats

    hypotheses = plan.study.hypotheses
    needed = stats.seeds_to_decide([each.within for each in hypotheses.values() if each.exact])
    if plan.seeds < needed:
        hard = [name for name, each in hypotheses.items() if each.exact] or list(hypotheses)
        raise UserError(
            f"study {plan.study.name}: {plan.seeds} seeds can never decide {', '.join(hard)}: the smallest p that they "
            f"can give, corrected over its hypotheses, is above {stats.LEVEL:g}; at least {needed} would do, write "
            f"seeds={needed}"
        )


def _seeds(text: str) -> int:
    value = text.partition("=")[2]
    if not value.isdecimal() or not 1 <= int(value) <= 10_000:
        raise UserError(f"{text} is not allowed for a study; allowed: a number from 1 to 10000, e.g. seeds=8")
    return int(value)


def _decides(key: str) -> bool:
    """Whether a setting influences results; others only say where results are stored or how they are shown."""
    return key.partition(".")[0] in CHOICES or key in (*LENGTH, "seeds")


def _key(override: str) -> str:
    return override.partition("=")[0].lstrip("+~")


def _plain(value: object) -> Any:
    """A hypothesis or metric as plain values with its kind, as in a study's file."""
    kinds: dict[type, str] = {schema: name for name, schema in {**HYPOTHESES, **METRICS}.items()}
    fields = asdict(value)  # type: ignore[call-overload]  # one of these dataclasses
    metric = getattr(value, "metric", None)
    inside = {"metric": _plain(metric)} if metric is not None else {}
    return {"kind": kinds[type(value)], **fields, **inside}
