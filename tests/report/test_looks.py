"""A plan of how many seeds, and what is noted of verdicts that were read."""

import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from bnlab import report
from bnlab.errors import UserError
from bnlab.store import looks_file

from . import stored
from .error_rates import stopped_early

FAR = {"batch": 0.98, "none": 0.95}


def made(
    root: Path, *, plan: int | None = None, baseline: str | None = None, output: Path | None = None
) -> report.Report:
    question = report.Question(baseline=baseline, plan=plan)
    return report.make([root], question, output, Console(file=io.StringIO()))


def with_seeds(root: Path, count: int) -> Path:
    """Two arms far apart, up to so many seeds; those that are there stay."""
    for name, accuracy in FAR.items():
        run = root / f"{name}-0a" if (root / f"{name}-0a").exists() else stored.run(root, name)
        for seed in range(len(list(run.glob("seed-*"))), count):
            stored.replicate(run, seed, accuracy + 0.0001 * (seed * len(name) % 7), loss=0.1)
    return root


def noted(root: Path) -> list[dict[str, object]]:
    lines = [json.loads(line) for line in (root / ".looks.jsonl").read_text().splitlines()]
    assert all(line.pop("at").endswith("+00:00") and line.pop("schema") == 1 for line in lines)
    return lines


def test_before_the_planned_seeds_nothing_is_said_of_arms_against_each_other(tmp_path: Path) -> None:
    root = with_seeds(tmp_path / "runs", 5)
    early = made(root, plan=8, baseline="norm.name=none", output=tmp_path / "out")
    assert early.sentences == ["no verdict before the planned 8 seeds per arm: batch has 5 so far"]
    data = json.loads((tmp_path / "out" / "verdicts.json").read_text())
    assert (data["planned"], data["withheld"], data["pairs"], data["lead"]) == (8, True, [], None)
    summary = (tmp_path / "out" / "summary.md").read_text()
    assert "(best)" not in summary
    assert "corrected p" not in summary
    assert not (tmp_path / "out" / "comparisons.csv").exists()
    assert noted(root) == [{"planned": 8, "finished": 10}]


def test_the_plan_is_kept_and_at_its_number_there_is_a_verdict(tmp_path: Path) -> None:
    root = with_seeds(tmp_path / "runs", 5)
    made(root, plan=8)
    assert made(with_seeds(root, 7)).comparison.withheld
    done = made(with_seeds(root, 8), plan=8)
    assert done.sentences[0].startswith("best: batch")
    assert not any("read before" in note for note in done.comparison.notes)
    assert [line.get("planned", line.get("seeds")) for line in noted(root)] == [8, 8]


def test_a_seed_that_diverged_is_one_of_those_planned(tmp_path: Path) -> None:
    root = with_seeds(tmp_path / "runs", 5)
    stored.replicate(root / "batch-0a", 5, None, state="diverged")
    stored.replicate(root / "none-0a", 5, 0.95)
    found = made(root, plan=6)
    assert not found.comparison.withheld
    assert "1 of 6 seeds diverged" in " ".join(found.sentences)
    early = made(root, plan=7)
    assert early.sentences[0].startswith("no verdict before the planned 7")
    assert early.sentences[1].startswith("batch: 1 of 6 seeds diverged")


def test_looks_at_other_numbers_of_seeds_are_counted_and_said(tmp_path: Path) -> None:
    root = with_seeds(tmp_path / "runs", 5)
    first, same = made(root), made(root)
    assert first.comparison.notes == same.comparison.notes == []
    made(with_seeds(root, 6))
    other = made(root, baseline="norm.name=none")
    assert other.comparison.notes == ["differences to none are of pairs with equal seeds"]
    third = made(with_seeds(root, 9))
    assert third.comparison.notes == [
        "the verdicts of this comparison were read before, at 5, 6 seeds: of 3 looks one says something false in up to "
        "15 % of studies, not 5 %; --plan N fixes the number of seeds beforehand"
    ]
    assert [line["seeds"] for line in noted(root)] == [5, 6, 6, 9]


def test_a_plan_that_was_changed_is_said(tmp_path: Path) -> None:
    root = with_seeds(tmp_path / "runs", 5)
    made(root, plan=20)
    found = made(root, plan=5)
    assert not found.comparison.withheld
    assert "the planned number of seeds was changed: 20, 5" in found.comparison.notes


def test_runs_that_cannot_be_written_to_are_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = with_seeds(tmp_path / "runs", 5)

    def refuse(*arguments: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("bnlab.store.looks_file.append", refuse)
    found = report.make([root], report.Question(), None, Console(file=io.StringIO()))
    assert found.sentences[0].startswith("best: batch")
    assert found.warnings[-1] == "that these verdicts were read cannot be noted beside the runs (Permission denied)"


@pytest.mark.parametrize(
    "line",
    [
        "{",
        "[]",
        '{"schema": 2, "planned": 5}',
        '{"schema": 1, "planed": 5}',
        '{"schema": 1, "planned": "\\u001b[2J", "finished": 5}',
        '{"schema": 1, "planned": ' + 5000 * "1" + "}",
        "\x1b[2J",
        5000 * "[",
        '{"schema": 1, "pla',
    ],
)
def test_a_damaged_note_is_named_and_ends_no_report(line: str, tmp_path: Path) -> None:
    """Cause: a line that was cut off, or of a newer version, was the end of every report there."""
    root = with_seeds(tmp_path / "runs", 5)
    made(root, plan=4)
    with (root / ".looks.jsonl").open("a") as file:
        file.write(line)
    found = made(root)
    assert found.sentences[0].startswith("best: batch")
    (said,) = [warning for warning in found.warnings if "looks.jsonl" in warning]
    assert "line 3, is no plan and no look (" in said
    assert said.endswith("; it is passed over")
    assert said.isprintable()
    assert made(with_seeds(root, 6)).comparison.planned == 4
    assert [look.seeds for look in looks_file.read(root)[0] if isinstance(look, looks_file.Look)] == [5, 6]


def test_notes_that_cannot_be_read_are_said_to_be_unknown(tmp_path: Path) -> None:
    root = with_seeds(tmp_path / "runs", 5)
    (root / ".looks.jsonl").symlink_to(tmp_path / "elsewhere")
    found = made(root)
    assert found.sentences[0].startswith("best: batch")
    (said, _) = [warning for warning in found.warnings if "looks.jsonl" in warning or "cannot be noted" in warning]
    assert said.endswith("cannot be read (it is a link): what was planned or looked at before is not known")
    assert not (tmp_path / "elsewhere").exists()


def test_a_plan_of_one_seed_is_refused() -> None:
    with pytest.raises(UserError, match="--plan 1 is not allowed; allowed: 2 or more seeds per arm"):
        report.Question(plan=1)


@pytest.mark.slow
def test_to_stop_at_a_lucky_number_is_no_way_to_a_finding_once_there_is_a_plan() -> None:
    """80 studies of two equal arms, which end at the first verdict."""
    looks = (6, 9, 12, 16, 20)
    assert stopped_early(80, None, looks) > 0.08
    assert stopped_early(80, 20, looks) <= 0.05 + 3.3 * (0.05 * 0.95 / 80) ** 0.5
