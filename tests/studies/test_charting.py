"""The chart of a study: how its arms are told apart."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from bnlab import studies
from bnlab.store.rows_file import Scored
from bnlab.studies.charting import chart
from bnlab.studies.design import Cell
from bnlab.studies.judging import Judged
from bnlab.studies.metrics import Reading
from tests.studies.written import write


def test_nine_arms_are_told_apart_by_colour_and_shape_in_one_legend(tmp_path: Path) -> None:
    rows = [Scored(float(step), step, "test", 1.0, 0.5) for step in (1, 2)]
    measured = {Cell(f"arm {number}", ()): [Reading({}, rows, {}, False)] for number in range(9)}
    plan = studies.planned(studies.find(str(write(tmp_path))), "quick", [])
    judged = cast(Judged, SimpleNamespace(trained=SimpleNamespace(plan=plan), measured=measured))
    layers: list[dict[str, Any]] = chart(judged).chart.to_dict()["layer"]
    (points,) = [layer["encoding"] for layer in layers if layer["mark"]["type"] == "point"]
    looks = list(zip(*(points[channel]["scale"]["range"] for channel in ("color", "shape")), strict=True))
    assert len(set(looks)) == 9
    assert points["color"]["scale"]["domain"] == points["shape"]["scale"]["domain"] == list(map(str, measured))
    assert points["color"]["legend"] == points["shape"]["legend"]
