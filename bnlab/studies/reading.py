"""Reads a study's file and checks that it is consistent; errors are one line."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bnlab.errors import UserError, shown, unknown
from bnlab.store import DamagedError, decoded, read_bytes, yaml_mapping
from bnlab.studies import typed
from bnlab.studies.design import AXES, Published, Study
from bnlab.studies.hypotheses import HYPOTHESES, At, Hypothesis
from bnlab.studies.metrics import METRICS, Column, Final, Metric

MOST_BYTES = 100_000
"""The largest size of a study's file in bytes; shipped ones have a few thousand."""
BUDGETS = ("quick", "full")
MOST_CELLS = 1000


def read(path: Path, name: str) -> Study:
    """Reads and checks the study in a file.

    Args:
        path: the file.
        name: what the user types for the study: the name of a shipped one, or the file.

    Raises:
        UserError: the file cannot be read, or something in it is not allowed.
    """
    try:
        content = yaml_mapping(decoded(read_bytes(path, MOST_BYTES)))
    except (OSError, DamagedError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise UserError(f"study {shown(path)} cannot be read: {reason}") from error
    try:
        study: Study = typed.instance(Study, content, "", READERS, name=path.stem, path=name)
        _check(study)
    except UserError as error:
        raise UserError(f"study {shown(path)}: {error}") from error
    return study


def _column(value: Any, place: str) -> Column:
    try:
        return Column(str(value))
    except UserError as error:
        raise typed.at(place, error) from error


def _metric(value: Any, place: str) -> Metric:
    """The metric of a value in the file. A column's name alone means its value at the end of training."""
    if isinstance(value, str):
        return Final(_column(value, place))
    metric: Metric = _of_kind(METRICS, value, place)
    return metric


def _hypothesis(value: Any, place: str) -> Hypothesis:
    hypothesis: Hypothesis = _of_kind(HYPOTHESES, value, place)
    return hypothesis


def _of_kind(kinds: Mapping[str, type[Any]], value: Any, place: str) -> Any:
    values = dict(typed.mapping(value, place))
    kind = values.pop("kind", None)
    if kind is None:
        raise UserError(f"{place}: 'kind' is missing; allowed: {', '.join(kinds)}")
    if kind not in kinds:
        raise typed.at(place, unknown("kind", str(kind), kinds))
    return typed.instance(kinds[kind], values, place, READERS)


READERS = {Column: _column, Metric: _metric, Hypothesis: _hypothesis}


def _check(study: Study) -> None:
    """Raises UserError for unknown names, numbers out of range, and comparisons that would compare nothing."""
    for budget in BUDGETS:
        if budget not in study.budgets:
            raise UserError(f"budgets: '{budget}' is missing; both are needed: {' and '.join(BUDGETS)}")
    for budget, own in study.budgets.items():
        if budget not in BUDGETS:
            raise typed.at("budgets", unknown("budget", budget, BUDGETS))
        if not 1 <= own.seeds <= 10_000:
            raise UserError(f"budgets.{budget}.seeds: {own.seeds} is not allowed; allowed: 1 to 10000")
    if not study.arms or not study.hypotheses:
        raise UserError("it needs arms and hypotheses: at least one of each")
    for key, values in study.sweep.items():
        if not values or len(set(values)) < len(values):
            raise UserError(f"sweep.{key}: values that differ are needed, at least one")
    cells = len(list(study.cells()))
    if cells > MOST_CELLS:
        raise UserError(f"sweep: {cells} settings of its arms are too many; at most {MOST_CELLS} are allowed")
    if study.chart.x not in (*AXES, *study.sweep):
        raise typed.at("chart.x", unknown("axis", study.chart.x, [*AXES, *study.sweep]))
    for curve in study.published:
        _check_published(study, curve)
    for name, hypothesis in study.hypotheses.items():
        _check_hypothesis(study, name, hypothesis)


def _check_published(study: Study, curve: Published) -> None:
    place = f"published '{curve.label}'"
    if curve.arm is not None:
        if curve.arm not in study.arms:
            raise typed.at(place, unknown("arm", curve.arm, study.arms))
        _check_values(study, place, curve.at, study.chart.x)


def _check_hypothesis(study: Study, name: str, hypothesis: Hypothesis) -> None:
    place = f"hypotheses.{name}"
    over = hypothesis.over
    if over is not None:
        if over not in study.sweep:
            raise typed.at(place, unknown("swept setting", over, study.sweep))
        if len(study.sweep[over]) < 2:
            raise UserError(f"{place}: {over} has one value; it goes along at least two")
        for value in study.sweep[over]:
            _check_number(value, f"sweep.{over}")
    for arm, at in hypothesis.places():
        if arm not in study.arms:
            raise typed.at(place, unknown("arm", arm, study.arms))
        _check_values(study, place, at, over)


def _check_values(study: Study, place: str, at: At, over: str | None) -> None:
    """Raises UserError unless `at` has a valid value of each swept setting except `over`, whose values are all used."""
    for key, value in at.items():
        if key not in study.sweep:
            raise typed.at(place, unknown("swept setting", key, study.sweep))
        if key == over:
            raise UserError(f"{place}: it goes along {over}, so no value of it is given")
        if value not in study.sweep[key]:
            raise typed.at(place, unknown(f"value of {key}", value, study.sweep[key]))
    missing = [key for key in study.sweep if key not in at and key != over]
    if missing:
        values = ", ".join(study.sweep[missing[0]])
        raise UserError(f"{place}: at which {missing[0]}? write at: {{{missing[0]}: VALUE}} with one of: {values}")


def _check_number(value: str, place: str) -> None:
    try:
        positive = float(value) > 0
    except ValueError:
        positive = False
    if not positive:
        raise UserError(
            f"{place}: {shown(value)} is not allowed where a hypothesis goes along it; allowed: numbers above 0"
        )
