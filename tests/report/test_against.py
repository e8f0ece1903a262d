"""`bnlab report --against FOLDER` and `--json`."""

import json
from pathlib import Path

import pytest

from tests.conftest import Cli

from . import stored


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    folder = tmp_path / "runs"
    stored.arm(folder, "batch", [0.97, 0.98, 0.99])
    stored.arm(folder, "none", [0.95, 0.97, 0.96])
    return folder


def table(text: str) -> list[list[str]]:
    lines = text.partition("the same seeds may be in both")[2].splitlines()
    return [line.split() for line in lines if line.strip()]


def test_what_changed_since_another_report(runs: Path, cli: Cli) -> None:
    assert cli("report", "-o", "old").code == 0
    for name in ("batch", "none"):
        stored.replicate(runs / f"{name}-0a", 3, 0.94)
    stored.arm(runs, "rms", [0.9, 0.9], folder="rms")
    answer = cli("report", "--against", "old", "-o", "old")
    assert answer.code == 0, answer.err
    lines = table(answer.out)
    assert lines[0] == ["arm", "n", "then", "n", "mean", "then", "mean", "points"]
    # (97 + 98 + 99 + 94) / 4 and (95 + 97 + 96 + 94) / 4 percent.
    assert lines[2:5] == [
        ["batch", "3", "4", "98.00", "97.00", "-1.00"],
        ["none", "3", "4", "96.00", "95.50", "-0.50"],
        ["rms", "-", "2", "-", "90.00", "-"],
    ]
    assert "no longer said: the higher of 2 means: batch" in answer.out
    assert "said now: the highest of 3 means: batch" in answer.out
    # The folder holds the new report now.
    answer = cli("report", "--against", "old")
    assert "the sentences are the same" in answer.out
    assert table(answer.out)[2][1:3] == ["4", "4"]


@pytest.mark.parametrize(
    ("content", "said"),
    [(None, "No such file"), ("{", "is none that"), ("{}", "is none that"), ("[1]", "is none that")],
)
def test_a_folder_that_holds_no_report(runs: Path, cli: Cli, tmp_path: Path, content: str | None, said: str) -> None:
    (tmp_path / "old").mkdir()
    if content is not None:
        (tmp_path / "old" / "summary.json").write_text(content)
    answer = cli("report", "--against", "old")
    assert answer.code == 2
    assert answer.err.startswith("error: --against old is no report's folder: summary.json ")
    assert said in answer.err


def test_a_report_of_another_metric_is_refused(runs: Path, cli: Cli) -> None:
    assert cli("report", "--metric", "test_loss", "-o", "old").code == 0
    answer = cli("report", "--against", "old")
    assert answer.code == 2
    assert "add --metric test_loss" in answer.err


def test_json_is_the_whole_output(runs: Path, cli: Cli) -> None:
    answer = cli("report", "--json", "--baseline", "norm.name=none")
    assert answer.code == 0, answer.err
    loaded = json.loads(answer.out)
    assert [(row["arm"], row["n"], row["mean"]) for row in loaded["tables"]["summary"]] == [
        ("norm.name=batch", 3, pytest.approx(0.98)),
        ("norm.name=none", 3, pytest.approx(0.96)),
    ]
    assert loaded["tables"]["comparisons"][0]["difference"] == pytest.approx(0.02)
    assert loaded["baseline"] == "norm.name=none"
    assert any("batch" in said for said in loaded["verdicts"])
    assert cli("report", "--json", "--watch").code == 2
