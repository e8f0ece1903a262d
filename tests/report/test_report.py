"""The whole way: folders in, terminal and files out."""

import csv
import io
import json
import re
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from rich.console import Console

from bnlab import report
from bnlab.errors import UserError
from bnlab.report.csv_text import csv_text
from bnlab.report.tables import render

from . import stored


def make(
    root: Path,
    *,
    by: tuple[str, ...] = (),
    metric: str = "test_accuracy",
    baseline: str | None = None,
    output: Path | None = None,
    width: int = 100,
) -> tuple[report.Report, str]:
    console = Console(file=io.StringIO(), width=width)
    made = report.make([root], report.Question(by, metric, baseline), output, console)
    assert isinstance(console.file, io.StringIO)
    return made, console.file.getvalue()


ORDER = "best first, arms with diverged seeds last; intervals each alone, over seeds, on these images"


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    root = tmp_path / "runs"
    stored.arm(root, "batch", [0.97, 0.98, 0.99])
    stored.arm(root, "none", [0.95, 0.97, 0.96])
    stored.replicate(root / "none-0a", 3, None, state="diverged")
    return root


def written(made: report.Report, name: str) -> str:
    (file,) = [file for file in made.files if file.name == name]
    return file.read_text(encoding="utf-8")


def rows(text: str) -> list[list[str]]:
    """The lines from the table's title on that are not empty, split where two spaces or more separate the cells."""
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("* ")]
    return [[cell.strip() for cell in line.split("  ") if cell.strip()] for line in lines]


def test_terminal_shows_percent_and_points_with_two_decimals(runs: Path) -> None:
    _, text = make(runs, baseline="norm.name=none")
    lines = rows(text)
    assert lines[0] == [f"test accuracy (%), {ORDER}"]
    header = ["scheme", "n", "diverged", "mean", "sd", "95 % interval", "points", "points, 95 % together"]
    assert lines[1] == [*header, "corrected p"]
    # 98 +- 4.302653 * 1 / sqrt(3) percent, cut at 100. A seed diverged: ranks, 2 / 2^3 of two tests.
    assert ["batch", "3", "0", "98.00", "1.00", "95.52 to 100.00", "-", "-", "0.500"] in lines
    assert ["none", "3", "1", "96.00", "1.00", "93.52 to 98.48", "-", "-", "-"] in lines
    assert [line[0] for line in lines[3:5]] == ["batch", "none"]


def test_losses_have_four_decimals_and_no_percent(runs: Path) -> None:
    _, text = make(runs, metric="test_loss", baseline="norm.name=none")
    lines = rows(text)
    assert lines[0] == [f"test loss (nats), {ORDER}"]
    assert [
        "batch",
        "3",
        "0",
        "0.0200",
        "0.0100",
        "0.0000 to 0.0448",
        "-",
        "-",
        "0.500",
    ] in lines


def test_columns_without_content_are_left_out(tmp_path: Path) -> None:
    stored.arm(tmp_path, "batch", [0.9])
    _, text = make(tmp_path)
    lines = rows(text)
    assert lines[1] == ["arm", "n", "mean", "sd", "95 % interval"]
    assert ["all", "1", "90.00", "-", "-"] in lines


def test_notes_and_warnings_are_printed_in_full_on_a_narrow_terminal(runs: Path) -> None:
    stored.run(runs, "batch", folder="broken")
    stored.replicate(runs / "batch-0a", 7, None, state="failed", error="RuntimeError: [bold]x[/bold]")
    made, text = make(runs, baseline="norm.name=none", width=40)
    lines = text.splitlines()
    assert any("95.52 to 100.00" in line for line in lines)
    note = "differences to none are of pairs with equal seeds"
    assert f"note: {note}" in lines
    assert made.warnings == [
        f"skipped {runs / 'broken'}: no seed-N folder",
        "not counted, as failed: batch-0a/seed-7 (RuntimeError: [bold]x[/bold])",
        *made.warnings[2:],
    ]
    assert [f"warning: {warning}" for warning in made.warnings] == lines[-4:]


def test_names_that_look_like_markup_are_shown_as_they_are(tmp_path: Path) -> None:
    stored.arm(tmp_path, "[red]x[/red]", [0.9], folder="a")
    stored.arm(tmp_path, "a|b[/]", [0.8], folder="b")
    made, text = make(tmp_path, baseline="norm.name=a|b[/]", output=tmp_path / "out[i]")
    assert "[red]x[/red]" in text
    assert "a|b[/]" in text
    assert f"wrote {tmp_path / 'out[i]' / 'report.html'}; " in text
    page = written(made, "summary.md")
    assert "| [red]x[/red] |" in page
    assert "| a\\|b[/]" in page


def test_a_long_table_is_cut_on_the_terminal_and_whole_in_the_files(
    runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Laying out 1,250 rows took two of ten seconds, and nobody reads them there."""
    monkeypatch.setattr(render, "MOST_ROWS", 1)
    made, text = make(runs, output=tmp_path / "out")
    lines = text.splitlines()
    assert [line.split()[0] for line in lines if line.startswith((" batch", " none"))] == ["batch"]
    assert "and 1 more rows: -o FOLDER writes all" in lines
    assert len(written(made, "summary.csv").splitlines()) == 3


def test_without_an_output_folder_nothing_but_the_look_is_written(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = sorted(runs.parent.rglob("*"))
    monkeypatch.chdir(runs.parent)
    made, text = make(runs)
    assert made.files == []
    assert "wrote" not in text
    assert sorted(runs.parent.rglob("*")) == sorted([*before, runs / ".looks.jsonl"])


def test_files_are_named_and_no_other_is_left(runs: Path, tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "er"
    made, text = make(runs, output=folder)
    tables = [
        "results.csv",
        "summary.csv",
        "comparisons.csv",
        "robust.csv",
        "improvement.csv",
        "cost.csv",
        "summary.tex",
        "comparisons.tex",
        "robust.tex",
        "improvement.tex",
        "cost.tex",
    ]
    tables += ["summary.md", "summary.json", "verdicts.json", "figures.tex"]
    charts = [f"charts/final-test_accuracy{kind}" for kind in (".svg", ".png", ".pdf", "-column.pdf")]
    assert made.files == [folder / name for name in [*tables, "report.html", *charts]]
    assert {path for path in folder.rglob("*") if path.is_file()} == {*made.files, folder / render.MANIFEST}
    said = f"wrote {folder / 'report.html'}; 15 files beside it, 4 in charts/"
    assert [line for line in text.splitlines() if line.startswith("wrote")] == [said]


def test_no_cell_is_a_formula_to_a_spreadsheet() -> None:
    """Cause: =cmd|' /C calc'!A0 in a label was run by whoever opened the table."""
    formulas = ["=cmd|' /C calc'!A0", "+1+cmd", "-1-cmd", "@x", "\tx"]
    numbers = ["-2", "+5e3", "plain"]
    text = csv_text(pd.DataFrame({"a": [*formulas, *numbers, "\r=cmd", "a\r=cmd"], "b": -1.5}))
    rows = list(csv.reader(io.StringIO(text, newline="")))[1:]
    assert [first for first, _ in rows] == [f"'{cell}" for cell in formulas] + [*numbers, "' =cmd", "a =cmd"]
    assert {second for _, second in rows} == {"-1.5"}


@pytest.mark.slow
def test_a_report_of_hostile_names_is_whole(tmp_path: Path) -> None:
    """Cause: of a scheme called constructor, or with U+2028 or NUL in its name, no report could be drawn or read."""
    names = ("constructor", "__proto__", "a\u2028b", "nul\0", ".nan", "\x1b[2J", "\u202egnp", "</script>", "=1+1", "")
    for index, name in enumerate(names):
        run = stored.arm(tmp_path / "runs", name, [0.9 + index / 1000, 0.91, 0.9], folder=f"r{index}")
        for seed in range(3):
            stored.curves(run / f"seed-{seed}", 0.9)
    made, text = make(tmp_path / "runs", output=tmp_path / "out", by=("norm.name",))
    assert len(made.comparison.summary) == len(names)
    assert text.replace("\n", "").isprintable()
    for file in made.files:
        content = file.read_bytes()
        assert content, file
        if file.suffix in (".csv", ".md", ".tex", ".json", ".svg", ".html"):
            assert not set(content.decode()) & {"\x1b", "\0", "\u202e"}, file
    json.loads((tmp_path / "out" / "summary.json").read_text())
    with (tmp_path / "out" / "summary.csv").open(newline="") as rows:
        read = list(csv.DictReader(rows))
    assert len(read) == len(names)
    assert not [cell for row in read for cell in row.values() if cell.startswith("=")]


def test_a_folder_holds_one_report(tmp_path: Path) -> None:
    """Cause: pivot.csv and the heat map of an earlier --by stayed beside the new report."""
    for lr in (0.001, 0.01):
        stored.arm(tmp_path / "runs", "batch", [0.9], lr=lr, folder=f"b{lr}")
        stored.arm(tmp_path / "runs", "none", [0.8], lr=lr, folder=f"n{lr}")
    folder = tmp_path / "out"
    first, _ = make(tmp_path / "runs", by=("norm.name", "optimizer.lr"), output=folder)
    assert (folder / "pivot.csv").exists()
    own, outside = folder / "notes.txt", tmp_path / "mine.csv"
    for path in (own, outside):
        path.write_text("mine")
    with (folder / render.MANIFEST).open("a") as names:
        names.write("../mine.csv\n")
    second, _ = make(tmp_path / "runs", by=("norm.name",), output=folder)
    assert len(second.files) < len(first.files)
    left = {path for path in folder.rglob("*") if path.is_file()}
    assert left == {*second.files, own, folder / render.MANIFEST}
    assert outside.exists()


def test_results_csv_has_a_row_for_each_replicate_and_metric(runs: Path, tmp_path: Path) -> None:
    made, _ = make(runs, output=tmp_path / "out")
    with made.files[0].open(newline="") as file:
        lines = list(csv.DictReader(file))
    assert len(lines) == 7 * 2
    common = {"arm": "norm.name=none", "norm.name": "none", "run": "none-0a"}
    assert common | {"seed": "1", "state": "done", "metric": "test_accuracy", "value": "0.97"} in lines
    assert common | {"seed": "3", "state": "diverged", "metric": "test_loss", "value": ""} in lines


def test_verdicts_json_holds_every_pair(tmp_path: Path) -> None:
    stored.arm(tmp_path / "runs", "batch", [0.97, 0.98, 0.99])
    stored.arm(tmp_path / "runs", "none", [0.95, 0.97, 0.96])
    stored.arm(tmp_path / "runs", "rms", [0.95])
    made, _ = make(tmp_path / "runs", baseline="norm.name=none", output=tmp_path / "out")
    data = json.loads(written(made, "verdicts.json"))
    assert (data["tests"], data["level"], data["baseline"]) == (2, 0.025, "norm.name=none")
    assert data["sentences"] == made.sentences
    pairs = {pair["arms"][0]: pair for pair in data["pairs"]}
    batch, rms = pairs["norm.name=batch"], pairs["norm.name=rms"]
    # Pairs differ by .02, .01, .03: t = 3.464, at 2 degrees p = .0742; two tests, of which the lead is one.
    assert (batch["n"], batch["left_out"], batch["method"], batch["differ"]) == ([3], 0, "paired", False)
    assert (batch["effect"], batch["p"], batch["p_corrected"]) == pytest.approx((0.02, 0.0742, 0.1484), abs=1e-4)
    reach = 4.302653 * 0.01 / 3**0.5
    assert batch["interval_alone"] == pytest.approx([0.02 - reach, 0.02 + reach], abs=1e-7)
    assert (rms["n"], rms["left_out"], rms["p"], rms["interval_together"]) == ([1], 2, None, [None, None])


def test_results_csv_by_run_has_each_column_once(runs: Path, tmp_path: Path) -> None:
    made, _ = make(runs, by=("run",), output=tmp_path / "out")
    with made.files[0].open(newline="") as file:
        assert next(csv.reader(file)) == ["arm", "run", "seed", "state", "metric", "value"]


def test_summary_csv_is_unrounded_and_in_fractions(runs: Path, tmp_path: Path) -> None:
    made, _ = make(runs, baseline="norm.name=none", output=tmp_path / "out")
    with made.files[1].open(newline="") as file:
        batch, none = list(csv.DictReader(file))
    assert (batch["arm"], batch["norm.name"], batch["n"], batch["diverged"]) == ("norm.name=batch", "batch", "3", "0")
    assert float(batch["mean"]) == pytest.approx(0.98)
    assert float(batch["low"]) == pytest.approx(0.98 - 4.302653 * 0.01 / 3**0.5, abs=1e-8)
    # A seed of none diverged.
    assert (batch["difference"], batch["method"]) == ("", "paired ranks")
    assert (none["diverged"], none["difference"], none["method"]) == ("1", "", "")


def test_summary_md_holds_table_notes_warnings_and_hardware(runs: Path, tmp_path: Path) -> None:
    stored.replicate(runs / "none-0a", 4, None, state="running")
    made, _ = make(runs, baseline="norm.name=none", output=tmp_path / "out")
    page = re.sub(" +", " ", written(made, "summary.md"))
    assert page.startswith(
        f"# test accuracy (%), {ORDER}\n"
        "\n"
        "- none: 1 of 4 seeds diverged [1 %, 81 %]; no ranking. The 3 that finished: 96.00 %\n"
        "- batch and none: too few seeds: at least 7 in common needed (paired, ranks, 3 seeds)\n"
        "\n"
        "| scheme | n | diverged | mean | sd | 95 % interval | points | points, 95 % together | corrected p |\n"
        "|:---------|----:|-----------:|-------:|-----:|----------------:|---------:|------------------------:|"
        "--------------:|\n"
        "| batch | 3 | 0 | 98.00 | 1.00 | 95.52 to 100.00 | - | - | 0.500 |\n"
        "| none | 3 | 1 | 96.00 | 1.00 | 93.52 to 98.48 | - | - | - |\n"
        "\n"
        "- note: differences to none are of pairs with equal seeds\n"
        "- note: replicates whose seed the other arm lacks are left out of the pairs: batch (1)\n"
        "- warning: not counted, as running: none-0a/seed-4\n"
        "- warning: not in curves and costs: batch-0a/seed-0, batch-0a/seed-1, batch-0a/seed-2 and 4 more: "
        "metrics.csv is missing or does not hold epoch,step,split,loss,accuracy\n"
    )
    assert page.endswith("\n\nRun with bnlab 0.1.0, torch 2.14.1, Python 3.11.7 on cpu (processor X9, 2 threads).\n")


def test_every_environment_is_named_once(tmp_path: Path) -> None:
    run = stored.arm(tmp_path / "runs", "batch", [0.9, 0.8])
    stored.replicate(run, 2, 0.7, environment={"bnlab": "0.1.0", "torch": "2.14.1", "device": "cuda"})
    made, _ = make(tmp_path / "runs", output=tmp_path)
    assert written(made, "summary.md").splitlines()[-1] == (
        "Run with bnlab 0.1.0, torch 2.14.1, Python 3.11.7 on cpu (processor X9, 2 threads); "
        "bnlab 0.1.0, torch 2.14.1, Python unknown on cuda (processor unknown, unknown threads)."
    )


def test_an_output_that_cannot_be_written_is_one_line(runs: Path, tmp_path: Path) -> None:
    file = tmp_path / "taken"
    file.write_text("mine")
    with pytest.raises(UserError) as caught:
        make(runs, output=file)
    assert str(caught.value) == f"cannot write the report to '{file}': File exists; choose another folder"
    assert file.read_text() == "mine"


def test_a_failed_write_keeps_the_old_file_and_leaves_no_part(
    runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, _ = make(runs, output=tmp_path / "out")
    old = made.files[0].read_text()
    before = sorted((tmp_path / "out").rglob("*"))

    def full(self: Path, target: Path) -> Path:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(UserError, match="No space left on device"):
        make(runs, by=("run",), output=tmp_path / "out")
    assert made.files[0].read_text() == old
    assert sorted((tmp_path / "out").rglob("*")) == before


def test_importing_the_package_loads_no_heavy_library() -> None:
    code = (
        "import sys, bnlab.report; print([m for m in ('pandas', 'scipy', 'torch', 'rich', 'yaml') if m in sys.modules])"
    )
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert printed.strip() == "[]"
