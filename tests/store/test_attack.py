"""After any of the attacks every command gives the right numbers or says what is wrong, and nothing outside changes."""

import csv
import json
import re
import shutil
import signal
import time
from pathlib import Path

import pytest

from tests.conftest import Answer, Cli
from tests.store.attack import Attack
from tests.store.hostile import TRAIN, state_of

LONGEST, WAIT = 10, 60
"""Seconds that a command may take of the processor, and on the clock, of which other programs take their share."""
Truth = dict[tuple[str, str], float]


@pytest.fixture
def truth(trained: Path) -> Truth:
    """The stored accuracies, by scheme and seed."""
    found = trained.glob("*/seed-*/result.json")
    return {
        (path.parts[-3].split("-")[0], path.parent.name.removeprefix("seed-")): json.loads(path.read_text())["final"][
            "test_accuracy"
        ]
        for path in found
    }


def outside_of(folder: Path, trained: Path) -> Path:
    """What links of an attack point to: a whole run, and a file of each name."""
    outside = folder / "outside"
    (run,) = trained.glob("none-*")
    shutil.copytree(run, outside / "run")
    for path in (run / "seed-0").iterdir():
        shutil.copyfile(path, outside / path.name)
    return outside


class TooLongError(BaseException):
    """No command takes it for an error of its own."""


def ask(cli: Cli, *arguments: str) -> Answer:
    """The answer of a command, which must be in time, readable, and no traceback."""

    def too_long(*_: object) -> None:
        raise TooLongError(arguments)

    began, before = time.process_time(), signal.signal(signal.SIGALRM, too_long)
    signal.alarm(WAIT)
    try:
        answer = cli(*arguments)
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
    assert time.process_time() - began < LONGEST, arguments
    assert answer.code in (0, 1, 2), (arguments, answer)
    text = answer.out + answer.err
    assert "Traceback" not in text
    assert not [character for character in text.replace("\n", "") if not character.isprintable()], (arguments, text)
    assert not [line for line in text.splitlines() if line.startswith("to resume: ") and "bnlab train " not in line]
    assert not [line for line in text.splitlines() if line.startswith("to resume: curl")]
    if answer.code and arguments[:2] != ("runs", "check"):
        assert answer.err.count("\n") == 1, (arguments, answer)
        assert re.search(r"\w(Error|Exception)\b", answer.err) is None, (arguments, answer.err)
        assert (
            not answer.err.startswith("failed: ")
            or "it is left as it is" in answer.err.lower()
            or "cannot" in answer.err
        )
    return answer


def check_numbers(table: Path, truth: Truth) -> None:
    """Every replicate that is counted has the number that was stored for it, and is there once."""
    with table.open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if "stranger" not in row["run"] and row["state"] == "done"]
    known = [(row["norm.name"], row["seed"]) for row in rows]
    assert len(known) == len(set(known)), known
    for name, row in zip(known, rows, strict=True):
        assert float(row["test_accuracy"]) == truth[name], name
    assert not [cell for row in rows for cell in row.values() if cell and cell.startswith(("=", "@", "+1+"))]


def attacked(seed: int, trained: Path, truth: Truth, cli: Cli, folder: Path) -> None:
    """One case: what the commands answer of a store to which something was done."""
    runs = Path(shutil.copytree(trained, folder / "runs"))
    outside = outside_of(folder, trained)
    attack = Attack(seed, runs, outside)
    attack.go()
    before, around = state_of(outside), {path.name for path in folder.iterdir()}
    try:
        ask(cli, "runs")
        for name in ("none", "stranger"):
            ask(cli, "runs", "show", name)
        checked = ask(cli, "runs", "check")
        if ask(cli, "runs", "export", "all.csv").code == 0:
            check_numbers(folder / "all.csv", truth)
            with (folder / "all.csv").open(encoding="utf-8", newline="") as file:
                whole = "rename_folder" in attack.done or len(
                    [row for row in csv.DictReader(file) if "stranger" not in row["run"]]
                ) == len(truth)
            # A result without digests may be of before there were any: what it lacks is not noticed, and this is said.
            assert whole or checked.code == 1 or "unchecked" in checked.out, checked
        reported = ask(cli, "report", "--by", "norm.name", *(("-o", "out") if seed % 50 == 0 else ()))
        assert reported.code == 0 or reported.err.startswith("error: ")
        ask(cli, "evaluate", "layer", "threads=1")
        ask(cli, "evaluate", "stranger", "threads=1")
        ask(cli, "train", *TRAIN, "norm=none", "threads=1")
        ask(cli, "runs", "rm", "none", "layer", "--yes")
        ask(cli, "runs", "rm", "--state", "unreadable", "--yes")
        assert state_of(outside) == before
        assert {path.name for path in folder.iterdir()} - around <= {"all.csv", "out"}
    except AssertionError as error:
        raise AssertionError(f"attack {seed}: {', '.join(attack.done)}: {error}") from error


def test_a_few_attacks(trained: Path, truth: Truth, cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for seed in range(3):
        folder = tmp_path / str(seed)
        folder.mkdir()
        monkeypatch.chdir(folder)
        attacked(seed, trained, truth, cli, folder)


@pytest.mark.slow
@pytest.mark.parametrize("first", range(0, 500, 50))
def test_500_attacks(
    first: int, trained: Path, truth: Truth, cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for seed in range(first, first + 50):
        folder = tmp_path / str(seed)
        folder.mkdir()
        monkeypatch.chdir(folder)
        attacked(seed, trained, truth, cli, folder)
        shutil.rmtree(folder)
