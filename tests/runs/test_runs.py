"""`bnlab runs` and `bnlab evaluate`."""

import io
import itertools
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
import torch
from rich.console import Console
from torch.nn import functional as F

from bnlab.config import DataConfig
from bnlab.launch.build import split_of
from bnlab.runs import read, show_all, show_difference, show_one
from bnlab.store.digests import WEIGHTS
from tests.conftest import QUICK, Cli, files_below
from tests.report import stored
from tests.store.hostile import unseal


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """Two finished runs of three seeds, one diverged replicate, a failed, an interrupted and a damaged one."""
    folder = tmp_path / "runs"
    for name in ("none", "batch"):
        run = stored.arm(folder, name, [0.8, 0.8, 0.8])
        for seed in range(3):
            change(run / f"seed-{seed}", final={"validation_accuracy": 0.9 + seed / 100, "test_accuracy": 0.8})
    group = stored.run(folder, "group")
    stored.replicate(group, 0, 0.5, state="diverged")
    stored.replicate(group, 1, 0.5, state="failed")
    stored.replicate(group, 2, 0.5, state="running")
    stored.replicate(group, 3, 0.5)
    for seed, command in ((1, "bnlab train norm=group"), (2, "bnlab train norm=group seeds=4")):
        change(group / f"seed-{seed}", command=command, error="[b]out of luck")
    (group / "seed-3" / "result.json").write_text("{")
    return folder


def change(replicate: Path, **values: object) -> None:
    path = replicate / "result.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def rows(out: str) -> list[list[str]]:
    """The cells of each line of a table."""
    lines = out.splitlines()
    rule = next(number for number, line in enumerate(lines) if line.strip() and not line.strip(" ─"))
    own = itertools.takewhile(str.strip, lines[rule + 1 :])
    return [re.split(" {2,}", line.strip()) for line in own]


def test_the_list(runs: Path, cli: Cli) -> None:
    answer = cli("runs")
    assert answer.code == 0
    cells = [[row[0], *row[2:5]] for row in rows(answer.out)]
    (batch,), group, (none,) = ([row for row in cells if name in row[0]] for name in ("batch", "group", "none"))
    assert batch[1:] == none[1:] == ["0-2", "done", "validation 91.00%"]
    assert [row[1:3] for row in group] == [
        ["0", "diverged"],
        ["1", "failed"],
        ["2", "interrupted"],
        ["3", "unreadable"],
    ]
    assert "3 runs, 10 replicates, " in answer.out
    assert [line for line in answer.out.splitlines() if line.startswith("to resume")] == [
        "to resume: bnlab train norm=group",
        "to resume: bnlab train norm=group seeds=4",
    ]


def test_filters(runs: Path, cli: Cli) -> None:
    assert "1 run, 1 replicate, " in cli("runs", "--state", "interrupted").out
    assert "1 run, 3 replicates, " in cli("runs", "--name", "batch").out
    assert "1 run, 2 replicates, " in cli("runs", "--state", "failed", "--state", "diverged").out


def test_the_arm_is_what_differs_in_words(cli: Cli, tmp_path: Path) -> None:
    """Cause: the list had only the folders' names, which end in a hash."""
    for lr in (0.001, 0.01369):
        stored.arm(tmp_path / "runs", "batch", [0.8], lr=lr, folder=f"run-{lr}")
    assert [row[1] for row in rows(cli("runs").out)] == ["lr 0.001", "lr 0.0137"]


def test_the_arm_leaves_out_what_its_scheme_implies(cli: Cli, tmp_path: Path) -> None:
    """Cause: "batch, eps 1e-05" beside "rms, eps null", where reports said "batch" and "rms"."""
    for name, eps in (("batch", "1e-05"), ("rms", "null")):
        stored.arm(tmp_path / "runs", name, [0.8], norm=f"  eps: {eps}\n")
    assert [row[1] for row in rows(cli("runs").out)] == ["batch", "rms"]


def test_a_setting_that_only_one_run_has_tells_it(cli: Cli, tmp_path: Path) -> None:
    """Cause: norm.kwargs={} and {eps: 0.001} were both "MyNorm"."""
    for index, kwargs in enumerate(("", "  kwargs:\n    eps: 0.001\n")):
        more = f"  target: my_file.py:MyNorm\n{kwargs}"
        stored.arm(tmp_path / "runs", "custom_class", [0.8], norm=more, folder=f"run{index}")
    assert [row[1] for row in rows(cli("runs").out)] == ["-", "norm kwargs eps 0.001"]


def test_of_many_settings_only_those_that_are_not_the_defaults_are_told(cli: Cli, tmp_path: Path) -> None:
    """Cause: 26 mixed runs had thirteen lines each, with every setting of every run."""
    folder = tmp_path / "runs"
    stored.arm(folder, "batch", [0.8], folder="a")
    stored.arm(folder, "none", [0.8], folder="b", lr=0.01)
    stored.arm(folder, "batch", [0.8], folder="c", epochs=10)
    for name, old, new in (("d", "[128, 64]", "[64]"), ("e", "name: adam", "name: sgd")):
        run = stored.arm(folder, "layer", [0.8], folder=name, epochs=10)
        config = run / "config.yaml"
        config.write_text(config.read_text().replace(old, new))
    assert [row[1] for row in rows(cli("runs").out)] == [
        "batch, epochs 2",
        "none, lr 0.01, epochs 2",
        "batch",
        "layer, hidden layers 64",
        # 0.001 is Adam's default and not SGD's.
        "layer, sgd, lr 0.001",
    ]


@pytest.mark.parametrize("width", [60, 80, 120])
def test_on_a_terminal_no_row_and_no_word_is_broken(tmp_path: Path, width: int) -> None:
    """Cause: at 60 columns a name was "batch-custo", "m-mlp-1f9d9", "4d7d9", and heads were "train…" and "valid…"."""
    names = ("scaled_weight_standardization-custom-mlp-0a", "batch-native-mlp-of-mine")
    for name, lr in zip(names, (0.001, 0.01), strict=True):
        run = stored.arm(tmp_path, name.split("-")[0], [0.8], folder=name, lr=lr)
        scores = {f"{split}_accuracy": 0.91 for split in ("train", "validation", "test_batch_stats")}
        stored.add_final(run / "seed-0", **scores)
    runs = read(tmp_path)
    views: list[Callable[[Console], None]] = [
        lambda console: show_all(runs, console),
        lambda console: show_one(runs[0], console),
        lambda console: show_difference(runs[0], runs[1], console),
    ]
    for view in views:
        text = on_a_terminal(view, width)
        lines = [line for line in text.splitlines() if str(tmp_path) not in line]
        assert max(map(len, lines)) <= width
        assert pieces(text) <= pieces(on_a_terminal(view, 1000))
    assert (" age " in on_a_terminal(views[0], width)) == (width == 120)


def on_a_terminal(view: Callable[[Console], None], width: int) -> str:
    console = Console(file=io.StringIO(), width=width, force_terminal=True, color_system=None)
    view(console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def pieces(text: str) -> set[str]:
    """The words, and the parts of names."""
    return set(re.split(r"[-_,\s]+", text.replace("─", "")))


def test_json_holds_every_replicate(runs: Path, cli: Cli) -> None:
    answer = cli("runs", "ls", "--json", "--name", "group")
    (run,) = json.loads(answer.out)
    assert (run["run"], run["settings"]["optimizer.lr"], run["reason"]) == ("group-0a", "0.001", None)
    assert [(one["seed"], one["state"]) for one in run["replicates"]] == [
        (0, "diverged"),
        (1, "failed"),
        (2, "interrupted"),
        (3, "unreadable"),
    ]
    assert run["replicates"][1]["command"] == "bnlab train norm=group"
    assert run["replicates"][0]["final"]["test_accuracy"] == 0.5
    assert "damaged" in run["replicates"][3]["reason"]
    assert json.loads(cli("runs", "--json", "--name", "nobody").out) == []


def test_ls_lists_as_runs_alone_does(runs: Path, cli: Cli) -> None:
    assert rows(cli("runs", "ls", "--state", "done").out) == rows(cli("runs", "--state", "done").out)


def test_what_two_runs_differ_in(cli: Cli, tmp_path: Path) -> None:
    folder = tmp_path / "runs"
    stored.arm(folder, "batch", [0.9, 0.92, 0.5], folder="one")
    stored.arm(folder, "batch", [0.8, 0.81], folder="two", lr=0.01)
    answer = cli("runs", "diff", "one", "two")
    assert answer.code == 0
    lines = [line.split() for line in answer.out.splitlines() if line.strip()]
    assert ["optimizer.lr", "0.001", "0.01"] in lines
    # Of seeds 0 and 1 alone: .91 and .805.
    assert ["test", "91.00%", "80.50%", "-10.50", "points"] in lines
    assert "means of the seeds 0-1, which both have" in answer.out
    assert not any(line[0].startswith("norm.") for line in lines)
    assert "no setting differs" in cli("runs", "diff", "one", "one").out


def test_export_to_stdout_is_a_table_and_nothing_else(runs: Path, cli: Cli) -> None:
    answer = cli("runs", "export", "-")
    table = pd.read_csv(io.StringIO(answer.out))
    assert len(table) == 9
    assert "skipped" in answer.err


def test_a_line_is_whole_in_a_pipe(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cause: names were folded to 11 letters for 80 columns, which grep does not find, and brackets were markup."""
    stored.arm(tmp_path / "runs", "batch", [0.8], folder="[b]a-long-name-of-a-run")
    monkeypatch.setenv("COLUMNS", "40")
    assert [row[0] for row in rows(cli("runs").out)] == ["[b]a-long-name-of-a-run"]


def test_filters_by_setting_and_age(runs: Path, cli: Cli) -> None:
    """Cause: runs could be picked by their state and the name of their folder alone."""
    (old,) = runs.glob("none*/seed-1/result.json")
    os.utime(old, (1, 1))
    os.utime(old.parent, (1, 1))
    assert "2 runs, 6 replicates, " in cli("runs", "--where", "norm.name=batch,none").out
    assert "1 run, 3 replicates, " in cli("runs", "--where", "norm.name=batch", "--where", "optimizer.lr=1e-3").out
    assert "3 runs, 10 replicates, " in cli("runs", "--where", "model.hidden=[128,64]").out
    assert "1 run, 1 replicate, " in cli("runs", "--older", "7d").out
    assert "1 replicate would be removed" in cli("runs", "rm", "--older", "7d").out


def test_a_filter_that_matches_nothing_says_so(runs: Path, cli: Cli) -> None:
    """Cause: an empty table."""
    assert cli("runs", "--name", "nobody").out == "none of the 3 runs matches\n"
    assert cli("runs", "rm", "--state", "running", "--yes").out == "nothing to remove: no replicate matches\n"


def test_broken_runs_are_listed_with_the_reason(runs: Path, cli: Cli) -> None:
    """Cause: config.yaml was not looked at, and folders in which nothing was written were left out."""
    (runs / "half" / "seed-0").mkdir(parents=True)
    stored.run(runs, "rms", folder="bare")
    next(runs.glob("none*/config.yaml")).unlink()
    next(runs.glob("batch*/config.yaml")).write_text("norm: [")
    (newer,) = runs.glob("group*/seed-0")
    change(newer, schema=2)
    out = cli("runs").out
    states = {row[0]: row[3] for row in rows(out) if row[0] in ("half", "bare", "none-0a", "batch-0a")}
    assert states == {"half": "empty", "bare": "empty", "none-0a": "unreadable", "batch-0a": "unreadable"}
    reason = "group-0a seeds 0: result.json has schema 2; this version reads schema 1"
    for said in (
        "none-0a: no config.yaml",
        "batch-0a: config.yaml is damaged: it is not valid YAML (while parsing a flow",
        reason,
        "group-0a seeds 3: result.json is damaged: it cannot be read as JSON (Expecting property name",
    ):
        assert any(line.startswith(said) for line in out.splitlines()), said
    shown = cli("runs", "show", "group")
    assert reason in shown.out.splitlines()
    # Replicates without an environment had a line "seeds 0,3: " that said nothing.
    assert not any(line.startswith("seeds") and line.rstrip().endswith(":") for line in shown.out.splitlines())
    assert cli("runs", "show", "half").code == 0


def test_a_running_replicate_is_one_whose_lock_is_held(runs: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    from filelock import FileLock

    (folder,) = runs.glob("group*/seed-2")
    with FileLock(folder / ".lock"):
        assert "running" in cli("runs").out
        kept = cli("runs", "rm", "--state", "running", "--yes")
        assert f"kept runs/{folder.relative_to(runs)}: a process is training it" in kept.out
        assert "0 replicates removed" in kept.out
    assert folder.exists()
    assert "running" not in cli("runs").out


def test_one_run(runs: Path, cli: Cli) -> None:
    answer = cli("runs", "show", "group")
    assert answer.code == 0
    assert "    name: group\n" in answer.out
    assert "seed 1 failed: [b]out of luck" in answer.out
    assert "to resume: bnlab train norm=group" in answer.out


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ("show grop", "there is no run 'grop'; nearest: group"),
        ("show batch/seed-7", "has no 'seed-7'; it has seed-0, seed-1, seed-2"),
        ("show ../runs", "there is no run '..'; nearest: "),
        ("--where norm.nam=batch", "unknown setting 'norm.nam'; allowed: "),
        ("--where batch", "--where batch is not of the form setting=value"),
        ("--older soon", "--older 'soon' is no age; give a number with s, min, h, d, w, e.g. --older 7d"),
        ("rm /", "there is no run ''; nearest: "),
        (
            "rm",
            "say what to remove: RUN, RUN/seed-N, --state STATE, --where SETTING=VALUE or --older AGE",
        ),
        ("--state dnoe", "unknown state 'dnoe'; allowed: diverged, done, empty, failed, "),
        ("rm --state dnoe --yes", "Did you mean 'done'?"),
        (
            "--runs-dir rnus",
            "runs folder 'rnus' does not exist; train a run first: bnlab train, or give --runs-dir. Did",
        ),
        ("export runs.xlsx", "runs.xlsx ends in '.xlsx'; allowed: .csv or .parquet, or - for stdout"),
    ],
)
def test_bad_input(arguments: str, error: str, runs: Path, cli: Cli, tmp_path: Path) -> None:
    before = files_below(tmp_path)
    answer = cli("runs", *arguments.split())
    assert (answer.code, answer.out, answer.err.count("\n")) == (2, "", 1)
    assert error in answer.err
    assert files_below(tmp_path) == before


def test_removing_is_a_dry_run_unless_yes(runs: Path, cli: Cli, tmp_path: Path) -> None:
    before = files_below(tmp_path)
    answer = cli("runs", "rm", "batch", "none/seed-1")
    assert "4 replicates would be removed; add --yes to do so" in answer.out
    assert files_below(tmp_path) == before
    assert "4 replicates removed" in cli("runs", "rm", "batch", "none/seed-1", "--yes").out
    assert len(list(runs.glob("[!.]*"))) == 2
    assert sorted(path.name for path in runs.glob("none*/seed-*")) == ["seed-0", "seed-2"]


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_export(suffix: str, runs: Path, cli: Cli, tmp_path: Path) -> None:
    if suffix == "parquet":
        pytest.importorskip("pyarrow")
    answer = cli("runs", "export", f"all.{suffix}")
    assert answer.code == 0, answer.err
    frame = pd.read_csv("all.csv") if suffix == "csv" else pd.read_parquet("all.parquet")
    assert len(frame) == 9
    assert f"9 replicates written to all.{suffix}" in answer.out
    assert frame["state"].value_counts().to_dict() == {"done": 6, "diverged": 1, "failed": 1, "running": 1}
    means = frame[frame["state"] == "done"].groupby("norm.name")["validation_accuracy"].mean()
    assert means["batch"] == pytest.approx(0.91)


def test_the_list_imports_neither_torch_nor_pandas(runs: Path, tmp_path: Path) -> None:
    code = (
        "import sys; sys.argv = ['bnlab', 'runs']\n"
        "from bnlab.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "print(sorted({'torch', 'pandas', 'hydra', 'omegaconf'} & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_evaluating_kept_weights(cli: Cli, tmp_path: Path) -> None:
    assert cli("train", *QUICK, "keep_checkpoint=true", "seeds=2", "norm=none", "data.normalize=standard").code == 0
    (run,) = (tmp_path / "runs").glob("[!.]*")
    answer = cli("evaluate", "none", "-o", "scores.csv")
    assert answer.code == 0, answer.err
    scores = pd.read_csv("scores.csv")
    for seed in (0, 1):
        final = json.loads((run / f"seed-{seed}" / "result.json").read_text())["final"]
        assert scores["accuracy"][seed] == final["test_accuracy"]
        assert scores["loss"][seed] == pytest.approx(final["test_loss"], rel=1e-5)

    # All 10,000 images instead of 200, by hand; scaled with the mean and deviation of what was trained on.
    assert cli("evaluate", "none/seed-1", "data.limit=null", "-o", "all.csv").code == 0
    settings = {"root": None, "download": False, "batch_size": 32, "drop_last": False, "normalize": "standard"}
    trained = split_of(DataConfig(name="mnist", validation_size=10_000, limit=200, **settings))  # type: ignore[arg-type]
    every = split_of(DataConfig(name="mnist", validation_size=10_000, limit=None, **settings))  # type: ignore[arg-type]
    pixels = trained.train.images.double() / 255
    x = ((every.test.images.double() / 255 - pixels.mean()) / pixels.std(correction=0)).flatten(1)
    weights = {key: value.double() for key, value in torch.load(run / "seed-1" / WEIGHTS, weights_only=True).items()}
    layers = sorted({key.rpartition(".")[0] for key in weights}, key=lambda name: int(name.rpartition(".")[2]))
    for layer in layers:
        x = x @ weights[f"{layer}.weight"].T + weights[f"{layer}.bias"]
        x = x.relu() if layer != layers[-1] else x
    (row,) = pd.read_csv("all.csv").to_dict("records")
    assert row["accuracy"] == pytest.approx((x.argmax(1) == every.test.labels).double().mean().item(), abs=1.5e-4)
    assert row["loss"] == pytest.approx(F.cross_entropy(x, every.test.labels).item(), rel=1e-4)


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ("lr=1", "lr=1 cannot be set for an evaluation; allowed: data=NAME, data.KEY=VALUE, device=NAME, threads=N"),
        ("norm.eps=1", "norm.eps=1 cannot be set for an evaluation"),
        (
            "data=mnits",
            "unknown data 'mnits'; allowed: emnist, fashion_mnist, kmnist, mnist, qmnist. Did you mean 'mnist'?",
        ),
        ("data.limt=1", "data=mnist has no setting 'limt'; "),
        ("data.limit=0", "data.limit=0 is out of range"),
        ("data.limit=1,2", "data.limit=1,2 cannot be set for an evaluation"),
        ("data", "'data' sets nothing; write data=NAME"),
        ("device=tpu", "device=tpu cannot be used here"),
    ],
)
def test_bad_input_of_an_evaluation(arguments: str, error: str, runs: Path, cli: Cli) -> None:
    config = next(runs.glob("batch*")) / "config.yaml"
    assert cli("train", *QUICK, "runs_dir=other").code == 0
    config.write_text(next(Path("other").glob("*/config.yaml")).read_text())
    answer = cli("evaluate", "batch", *arguments.split())
    assert (answer.code, answer.out, answer.err.count("\n")) == (2, "", 1)
    assert error in answer.err


def test_no_weights_and_foreign_weights(cli: Cli, tmp_path: Path) -> None:
    assert cli("train", *QUICK, "norm=none").code == 0
    answer = cli("evaluate", "none")
    assert answer.code == 2
    assert "has no weights; train with keep_checkpoint=true (and rerun=true for a run that is done)" in answer.err
    (folder,) = tmp_path.glob("runs/*/seed-0")
    unseal(folder)
    for content in (b"", b"rubbish"):
        (folder / WEIGHTS).write_bytes(content)
        answer = cli("evaluate", "none")
        assert answer.code == 2
        assert answer.err.count("\n") == 1
        assert "weights.pt does not hold this run's weights (" in answer.err
    torch.save({"other": torch.zeros(1)}, folder / WEIGHTS)
    assert "does not hold this run's weights" in cli("evaluate", "none").err


def test_a_report_of_a_run_by_its_name(runs: Path, cli: Cli, tmp_path: Path) -> None:
    (folder,) = runs.glob("batch*")
    named, given = cli("report", "batch"), cli("report", str(folder))
    assert (named.code, named.err) == (0, "")
    assert named.out == given.out
    (tmp_path / "runs").rename(tmp_path / "kept")
    assert cli("report", "batch", "--runs-dir", "kept").out == given.out
    every = cli("report", "--runs-dir", "kept")
    assert (every.code, every.out) == (0, cli("report", "kept").out)


def test_tags_and_a_note_are_kept_shown_and_found(runs: Path, cli: Cli) -> None:
    assert cli("runs", "tag", "batch", "thesis", "figure-3", "--note", "for chapter 2").code == 0
    assert cli("runs", "tag", "none", "thesis").out == "tags: thesis\n"
    assert cli("runs", "tag", "batch").out == "tags: figure-3, thesis\nnote: for chapter 2\n"
    listed = {row[0]: row[1] for row in rows(cli("runs").out)}
    assert listed["batch-0a"].endswith("#figure-3 #thesis")
    assert "2 runs, " in cli("runs", "--tag", "thesis").out
    assert "1 run, " in cli("runs", "ls", "--tag", "thesis", "--tag", "figure-3").out
    assert "note: for chapter 2" in cli("runs", "show", "batch").out
    (run,) = json.loads(cli("runs", "--json", "--name", "batch").out)
    assert (run["tags"], run["note"]) == (["figure-3", "thesis"], "for chapter 2")
    assert cli("runs", "tag", "batch", "thesis", "--remove", "--note", "").out == "tags: figure-3\n"


def test_tags_at_training_are_added_and_change_no_address(cli: Cli, tmp_path: Path) -> None:
    quick = ("train", *QUICK, "--quiet", "model.hidden=[8]")
    assert cli(*quick, "norm=none", "+tags=[thesis,figure-3]").code == 0
    (run,) = (tmp_path / "runs").glob("none-*")
    assert cli("runs", "tag", run.name, "--note", "mine").code == 0
    answer = cli(*quick, "-m", "norm=none,batch", "tags=[thesis, 7]")
    assert (answer.code, answer.err) == (0, "")
    assert "1 stored before" in answer.out
    runs = json.loads(cli("runs", "ls", "--json", "--tag", "thesis").out)
    assert [(run["run"].split("-")[0], run["tags"], run["note"]) for run in runs] == [
        ("batch", ["7", "thesis"], ""),
        ("none", ["7", "figure-3", "thesis"], "mine"),
    ]


@pytest.mark.parametrize(
    ("tags", "said"),
    [
        ("tags=[thesis,two words]", "error: tag 'two words' is not allowed; allowed: 1 to 40 letters, digits, "),
        ("+tags=thesis", "error: tags=thesis is of the wrong type; it has to be a list of names, e.g. ["),
    ],
)
def test_tags_at_training_that_cannot_be(tags: str, said: str, cli: Cli, tmp_path: Path) -> None:
    answer = cli("train", tags)
    assert (answer.code, answer.out, answer.err.count("\n")) == (2, "", 1)
    assert answer.err.startswith(said)
    assert not list(tmp_path.iterdir())


def test_tags_that_cannot_be(runs: Path, cli: Cli) -> None:
    for arguments, said in (
        (("a b",), "tag 'a b' is not allowed; allowed: 1 to 40 letters, digits, '.', '-' and '_'"),
        (("thesis", "--remove"), "unknown tag 'thesis'"),
        (("--note", "two\nlines"), "the note is not allowed; allowed: one line of at most 500 characters"),
    ):
        answer = cli("runs", "tag", "batch", *arguments)
        assert answer.code == 2
        assert said in answer.err
    assert not list(runs.glob("*/tags.json"))
    (runs / "batch-0a" / "tags.json").write_text("{}")
    assert "tags.json cannot be read" in cli("runs").err


def test_removing_a_run_removes_its_tags(runs: Path, cli: Cli) -> None:
    assert cli("runs", "tag", "batch", "thesis").code == 0
    assert cli("runs", "rm", "batch", "--yes").code == 0
    assert not (runs / "batch-0a").exists()
