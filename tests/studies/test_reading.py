"""A study's file: what is legal becomes types, and what is not is told in one line with its place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bnlab import studies
from bnlab.errors import UserError
from bnlab.studies.hypotheses import Better, Equal, Trend
from bnlab.studies.metrics import COLUMNS, Final, StepsTo
from tests.studies.written import SWEPT, write

HIGHER = "hypotheses/higher"
CURVE = {"label": "a paper", "x": [1, 2], "y": [30, 40], "error": 0.5, "arm": "batch"}
LOST = {"kind": "lost", "of": "test_accuracy", "shifts": ["contrast=0.3"]}
TREND = {"says": "It rises.", "kind": "trend", "metric": "test_accuracy", "arm": "batch", "direction": "rises"}


def test_a_file_becomes_types(tmp_path: Path) -> None:
    metric = {"kind": "steps_to", "of": "test_accuracy", "goal": 95}
    equal = {"says": "Equal.", "kind": "equal", "metric": metric, "arm": "batch", "to": "none", "margin": 50}
    study = studies.find(str(write(tmp_path, {"hypotheses/equal": equal})))
    assert (study.name, study.arms["batch"], study.budgets["quick"].seeds) == ("small", ("norm=batch",), 6)
    higher, found = study.hypotheses["higher"], study.hypotheses["equal"]
    assert isinstance(higher, Better)
    assert isinstance(higher.metric, Final)
    assert isinstance(found, Equal)
    assert isinstance(found.metric, StepsTo)
    assert (found.margin, found.metric.goal, str(found.metric)) == (50.0, 95.0, "steps until the test accuracy is 95 %")


def test_numbers_of_a_sweep_are_what_is_typed(tmp_path: Path) -> None:
    trend = TREND | {"along": "optimizer.lr"}
    study = studies.find(str(write(tmp_path, {"sweep": SWEPT, "hypotheses": {"trend": trend}})))
    assert study.sweep == {"optimizer.lr": ("0.01", "0.1", "1.0")}
    assert isinstance(study.hypotheses["trend"], Trend)
    assert [str(cell) for cell in study.cells()][:2] == ["none, optimizer.lr=0.01", "none, optimizer.lr=0.1"]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"qestion": "?"}, "unknown key 'qestion'"),
        ({"qestion": "?"}, "Did you mean 'question'?"),
        ({"question": None}, "'question' is missing"),
        ({"source/claim": "one"}, "source.claim: one is not allowed; allowed: a whole number"),
        ({"arms": []}, "arms: [] is not allowed; allowed: keys with values"),
        ({"arms/batch": "norm=batch"}, "arms.batch: norm=batch is not allowed; allowed: a list"),
        ({"budgets/full": None}, "budgets: 'full' is missing"),
        ({"budgets/quick/seeds": True}, "budgets.quick.seeds: true is not allowed"),
        ({"settings": {"norm": {"role": "main"}}}, "settings.norm.role: unknown role 'main'"),
        ({f"{HIGHER}/kind": "beter"}, "hypotheses.higher: unknown kind 'beter'"),
        ({f"{HIGHER}/kind": "beter"}, "Did you mean 'better'?"),
        ({f"{HIGHER}/kind": None}, "'kind' is missing"),
        ({f"{HIGHER}/metric": "test_acuracy"}, "hypotheses.higher.metric: unknown column 'test_acuracy'"),
        ({f"{HIGHER}/metric": {"kind": "steps_to", "of": "test_accuracy", "goal": 0.95}}, "percent above 1"),
        ({f"{HIGHER}/metric": {"kind": "gap", "of": "test_accuracy", "less": "test_loss"}}, "has no unit"),
        ({f"{HIGHER}/arm": "bach"}, "hypotheses.higher: unknown arm 'bach'"),
        ({f"{HIGHER}/margin": -1}, "a margin of -1 is not allowed"),
        ({f"{HIGHER}/margin": "wide"}, "hypotheses.higher.margin: wide is not allowed; allowed: a number"),
        ({f"{HIGHER}/at": {"optimizer.lr": 1}}, "unknown swept setting 'optimizer.lr'"),
        ({f"{HIGHER}/expected": "true"}, "unknown expected 'true'"),
        ({"sweep": SWEPT}, "hypotheses.higher: at which optimizer.lr?"),
        ({"sweep": SWEPT, f"{HIGHER}/at": {"optimizer.lr": 3}}, "unknown value of optimizer.lr '3'"),
        ({"sweep": {"optimizer.lr": [1, 1]}}, "sweep.optimizer.lr: values that differ"),
        ({"chart": {"x": "optimizer.lr"}}, "chart.x: unknown axis"),
        ({"published": [CURVE | {"arm": "bach"}]}, "published 'a paper': unknown arm 'bach'"),
        ({"published": [CURVE | {"y": [1]}]}, "published[0]: x has 2 values and y 1; a curve needs as many"),
        (
            {"published": [CURVE], "sweep": SWEPT, f"{HIGHER}/at": {"optimizer.lr": 0.1}},
            "published 'a paper': at which optimizer.lr?",
        ),
        ({f"{HIGHER}/metric": LOST | {"of": "train_loss"}}, "train_loss is not of changed images"),
        ({f"{HIGHER}/metric": LOST | {"shifts": []}}, "at least one change of the images is needed"),
        ({"hypotheses": {"t": TREND | {"along": "optimizer.lr"}}}, "unknown swept setting 'optimizer.lr'"),
        (
            {"sweep": {"norm.name": ["a", "b"]}, "hypotheses": {"t": TREND | {"along": "norm.name"}}},
            "sweep.norm.name: a is not allowed where a hypothesis goes along it; allowed: numbers above 0",
        ),
    ],
)
def test_what_is_not_allowed_is_told_in_one_line(changes: dict[str, Any], said: str, tmp_path: Path) -> None:
    with pytest.raises(UserError) as error:
        studies.find(str(write(tmp_path, changes)))
    assert said in str(error.value)
    assert "small.yaml" in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("content", ["", "- a\n", "question: &a [*a]\n", "question: !!python/name:os.system\n", "\x00"])
def test_a_file_that_is_no_study(content: str, tmp_path: Path) -> None:
    (tmp_path / "odd.yaml").write_text(content, encoding="utf-8")
    with pytest.raises(UserError, match=r"odd\.yaml cannot be read: "):
        studies.find(str(tmp_path / "odd.yaml"))


def test_names_are_told_of_a_study_that_there_is_none_of() -> None:
    with pytest.raises(UserError, match=r"unknown study 'convergense'.*Did you mean 'convergence'\?"):
        studies.find("convergense")
    with pytest.raises(UserError, match=r"mine\.yaml does not exist"):
        studies.find("mine.yaml")


def test_every_column_of_results_can_be_measured() -> None:
    assert {"train_loss", "validation_accuracy", "test_batch_stats_accuracy"} <= set(COLUMNS)
