"""Ctrl-C and SIGTERM: the state is saved, the command that goes on is told, and going on loses no bit."""

import json
import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from bnlab.engine.optimizer import StackOptimizer
from tests.conftest import Cli, environment, files_below
from tests.forks import Process

TRAIN = ("train", "threads=1", "data.limit=320", "data.batch_size=32", "epochs=3", "seeds=2", "checkpoint_every=0")
STEPS = 30
Signals = Callable[..., None]


@pytest.fixture
def signals(monkeypatch: pytest.MonkeyPatch) -> Signals:
    """`signals({5: SIGINT})` sends this process the signal in the middle of the fifth step."""

    def send(at: dict[int, signal.Signals]) -> None:
        step, taken = StackOptimizer.set_lr, 0

        def watched(self: StackOptimizer, *arguments: Any) -> None:
            nonlocal taken
            taken += 1
            if taken in at:
                os.kill(os.getpid(), at[taken])
                time.sleep(0.2)  # nobody presses twice in less: two signals at once are one to Python
            step(self, *arguments)

        monkeypatch.setattr(StackOptimizer, "set_lr", watched)

    return send


def metrics(folder: Path) -> dict[str, bytes]:
    return {path.parent.name: path.read_bytes() for path in folder.glob("*/*/metrics.csv")}


@pytest.fixture(scope="module")
def kept() -> dict[str, dict[str, bytes]]:
    """By the impl, what the first test that asked for it has trained."""
    return {}


@pytest.fixture
def whole(cli: Cli, kept: dict[str, dict[str, bytes]], tmp_path: Path) -> Callable[[str], dict[str, bytes]]:
    """`whole("native")` are the metrics of TRAIN without an interruption."""

    def of(impl: str) -> dict[str, bytes]:
        if impl not in kept:
            assert cli(*TRAIN, f"norm.impl={impl}", "runs_dir=whole").code == 0
            kept[impl] = metrics(tmp_path / "whole")
        return kept[impl]

    return of


def states(folder: Path) -> list[str]:
    return [json.loads(path.read_text())["state"] for path in sorted(folder.glob("*/*/result.json"))]


@pytest.mark.parametrize(
    ("number", "impl"),
    [(signal.SIGINT, "native"), (signal.SIGTERM, "native"), (signal.SIGHUP, "native"), (signal.SIGINT, "keras")],
    ids=["Ctrl-C", "SIGTERM", "SIGHUP", "Ctrl-C-keras"],
)
def test_once_saves_and_goes_on_to_the_same_bits(
    number: signal.Signals,
    impl: str,
    cli: Cli,
    signals: Signals,
    whole: Callable[[str], dict[str, bytes]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    train, expected = (*TRAIN, f"norm.impl={impl}"), whole(impl)
    with monkeypatch.context():
        signals({12: number})
        answer = cli(*train, "runs_dir=cut")
    command = f"bnlab {' '.join(train)} runs_dir=cut"
    assert answer.code == 130
    assert answer.err.splitlines()[-1] == f"interrupted, saved at step 20; to go on: {command}"
    assert states(tmp_path / "cut") == ["interrupted", "interrupted"]
    listed = cli("runs", "--runs-dir", "cut")
    assert "interrupted" in listed.out
    assert f"to resume: {command}" in listed.out

    answer = cli(*train, "runs_dir=cut")
    assert answer.code == 0
    assert "going on from step 20" in answer.err
    assert states(tmp_path / "cut") == ["done", "done"]
    assert metrics(tmp_path / "cut") == expected
    assert not [name for name in files_below(tmp_path / "cut") if name.endswith(".pt") or ".stacks" in name]


def test_sigusr1_saves_and_goes_on(
    cli: Cli,
    signals: Signals,
    whole: Callable[[str], dict[str, bytes]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    train, expected = (*TRAIN[:-1], "checkpoint_every=1000000"), whole("native")
    with monkeypatch.context():
        signals({12: signal.SIGUSR1})
        answer = cli(*train, "runs_dir=cut")
    assert answer.code == 0
    assert "saved at step 20, as SIGUSR1 asked; going on" in answer.err
    assert metrics(tmp_path / "cut") == expected


@pytest.mark.parametrize("seeds", [1, 2])
def test_sigusr2_is_passed_on_to_whoever_waits_for_it_once_all_is_saved(
    seeds: int, cli: Cli, signals: Signals, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cause: submitit's handler raised in the middle of a step, which counted as a failure of the training."""
    heard: list[list[str]] = []

    def handler(number: int, frame: object) -> None:
        heard.append(states(tmp_path / "runs"))
        sys.exit(3)

    before = signal.signal(signal.SIGUSR2, handler)
    try:
        with monkeypatch.context():
            signals({12: signal.SIGUSR2})
            assert cli(*TRAIN, f"seeds={seeds}").code == 3
        assert signal.getsignal(signal.SIGUSR2) is handler
    finally:
        signal.signal(signal.SIGUSR2, before)
    assert heard == [["interrupted"] * seeds]
    answer = cli(*TRAIN, f"seeds={seeds}")
    assert "going on from step 20" in answer.err
    assert states(tmp_path / "runs") == ["done"] * seeds


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_batch_system_may_say_it_twice(number: signal.Signals, cli: Cli, signals: Signals, tmp_path: Path) -> None:
    """Cause: Slurm sends SIGTERM to a process and through its srun; the second one stopped it as it saved."""
    signals({12: number, 13: number})
    answer = cli(*TRAIN)
    assert answer.code == 130
    assert answer.err.splitlines()[-1].startswith("interrupted, saved at step 20; to go on: bnlab train ")
    assert states(tmp_path / "runs") == ["interrupted", "interrupted"]


@pytest.mark.parametrize("nohup", [False, True])
def test_a_terminal_that_hangs_up(nohup: bool, cli: Cli, tmp_path: Path) -> None:
    train = (*TRAIN[:4], "epochs=20", "seeds=2", "checkpoint_every=0")
    terminal, its = pty.openpty()
    process = Process(
        ["bnlab", *train, "quiet=true"], tmp_path, [its] * 3, environment(), terminal=True, ignores_hangup=nohup
    )
    os.close(its)
    deadline = time.monotonic() + 60
    while not list(tmp_path.glob("runs/.stacks/*/checkpoint.pt")):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    os.close(terminal)
    code = process.wait()
    if nohup:
        assert states(tmp_path / "runs") == ["done", "done"]
    else:
        assert code == 130
        assert states(tmp_path / "runs") == ["interrupted", "interrupted"]
        answer = cli(*train)
        assert (answer.code, states(tmp_path / "runs")) == (0, ["done", "done"])
        assert "going on from step" in answer.err


def test_a_replicate_removed_from_an_interrupted_stack_goes_on_with_it_to_the_same_bits(
    cli: Cli,
    signals: Signals,
    whole: Callable[[str], dict[str, bytes]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """`runs rm` leaves the checkpoint as long as the stack has another replicate, whose bits depend on its company."""
    expected = whole("native")
    with monkeypatch.context():
        signals({12: signal.SIGINT})
        assert cli(*TRAIN, "runs_dir=cut").code == 130
    (run,) = (tmp_path / "cut").glob("batch-*")
    removed = cli("runs", "rm", f"{run.name}/seed-0", "--yes", "--runs-dir", "cut")
    assert (removed.code, removed.out.splitlines()[-1]) == (0, "1 replicate removed")
    assert states(tmp_path / "cut") == ["interrupted"]
    answer = cli(*TRAIN, "runs_dir=cut")
    assert answer.code == 0
    assert "going on from step 20" in answer.err
    assert "2 replicates: 2 done" in answer.out
    assert metrics(tmp_path / "cut") == expected
    assert json.loads((run / "seed-0" / "result.json").read_text())["resumed_at_steps"] == [20]
    assert not [name for name in files_below(tmp_path / "cut") if name.endswith(".pt") or ".stacks" in name]


def test_a_checkpoint_goes_when_each_of_its_replicates_was_trained_otherwise(
    cli: Cli, signals: Signals, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cause: only a launch of all of a stack's members looked whether they are done, so this one stayed for good."""
    with monkeypatch.context():
        signals({12: signal.SIGINT})
        assert cli(*TRAIN).code == 130
    (checkpoint,) = tmp_path.glob("runs/.stacks/*/checkpoint.pt")
    assert cli(*TRAIN, "seeds=null", "seed=0").code == 0
    assert checkpoint.exists()
    assert cli(*TRAIN, "seeds=null", "seed=1").code == 0
    assert states(tmp_path / "runs") == ["done", "done"]
    assert list(tmp_path.glob("runs/.stacks/*")) == []


def test_an_interrupted_rerun_is_listed_with_the_command_that_goes_on(
    cli: Cli, signals: Signals, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cause: its replicates are `done`, by their results of before, and nothing told of the checkpoint."""
    rerun = (*TRAIN, "rerun=true", "runs_dir=cut")
    line = f"an interrupted rerun of 2 replicates goes on with: bnlab {' '.join(rerun)}"
    lists = (("runs", "--runs-dir", "cut"), ("runs", "show", "batch", "--runs-dir", "cut"))
    assert cli(*TRAIN, "runs_dir=cut").code == 0
    assert cli(*TRAIN, "runs_dir=cut", "norm=none").code == 0
    before = metrics(tmp_path / "cut")
    with monkeypatch.context():
        signals({12: signal.SIGINT})
        assert cli(*rerun).code == 130
    assert states(tmp_path / "cut") == ["done"] * 4
    for command in lists:
        assert line in cli(*command).out.splitlines()
    assert "rerun" not in cli("runs", "--name", "none", "--runs-dir", "cut").out
    (locked,) = (tmp_path / "cut").glob("batch-*/seed-1/.lock")
    with FileLock(locked):
        assert "rerun" not in cli(*lists[0]).out

    answer = cli(*rerun)
    assert answer.code == 0
    assert "going on from step 20" in answer.err
    assert metrics(tmp_path / "cut") == before
    for command in lists:
        assert "rerun" not in cli(*command).out


def test_it_goes_on_in_the_shards_that_it_began_with(
    cli: Cli, signals: Signals, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train = ("train", "data.limit=320", "data.batch_size=32", "epochs=3", "seeds=4", "checkpoint_every=0")
    assert cli(*train, "threads=2", "runs_dir=whole").code == 0
    with monkeypatch.context():
        signals({24: signal.SIGINT})  # the twelfth step of one of the two
        assert cli(*train, "threads=2", "runs_dir=cut").code == 130
    assert cli(*train, "threads=1", "runs_dir=cut").code == 0
    assert metrics(tmp_path / "cut") == metrics(tmp_path / "whole")


def test_ctrl_c_twice_stops_at_once_and_leaves_nothing_half_written(cli: Cli, signals: Signals, tmp_path: Path) -> None:
    signals({12: signal.SIGINT, 13: signal.SIGINT})
    answer = cli(*TRAIN, "runs_dir=cut")
    assert answer.code == 130
    assert answer.err.splitlines()[-1].startswith("stopped at once; to go on: bnlab train ")
    for path in (tmp_path / "cut").glob("*/*/result.json"):
        json.loads(path.read_text())
    assert not [name for name in files_below(tmp_path) if ".writing." in name]


def test_the_handlers_of_before_are_back_afterwards(cli: Cli, signals: Signals) -> None:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    signals({12: signal.SIGINT})
    assert cli(*TRAIN).code == 130
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before
    assert sys.exc_info() == (None, None, None)


STOPS = {"Ctrl-C": signal.SIGINT, "SIGTERM": signal.SIGTERM, "SIGHUP": signal.SIGHUP}

PROGRAM = """
import atexit, os, sys
_, at, numbers, fate, *arguments = sys.argv
numbers = list(map(int, numbers.split(",")))
class Sends:
    def find_spec(self, name, path=None, target=None):
        if name == at:
            sys.meta_path.remove(self)
            for number in numbers:
                child = os.fork()
                if child == 0:
                    try:
                        os.kill(os.getpid(), number)
                    except BaseException:
                        if fate == "passes": raise
                    return
                _, status = os.waitpid(child, 0)
                os.write(2, f"\\0{os.waitstatus_to_exitcode(status)}\\0".encode())
            os._exit(0)
sys.meta_path.insert(0, Sends())
if at == "end":
    atexit.register(os.kill, os.getpid(), *numbers)
from bnlab.__main__ import main
sys.argv = ["bnlab", *arguments]
main()
"""
"""A process that, as it imports a module, is as many as there are signals, each of which gets one."""


def started(at: str, numbers: Iterable[int], fate: str, command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """A process that gets a signal, or each of several, as it imports a module, or one at its very end."""
    given = ",".join(str(int(number)) for number in numbers)
    arguments = [sys.executable, "-c", PROGRAM, at, given, fate, *command.split()]
    return subprocess.run(arguments, cwd=folder, env=environment(), capture_output=True, text=True, timeout=120)


def interrupted(at: str, numbers: Iterable[int], fate: str, command: str, folder: Path) -> list[tuple[str, str]]:
    """For each signal the exit code and stderr."""
    done = started(at, numbers, fate, command, folder)
    errors_and_codes = done.stderr.split("\0")[:-1]
    assert done.returncode == 0, done.stderr
    return list(zip(errors_and_codes[1::2], errors_and_codes[::2], strict=True))


@pytest.mark.parametrize(
    ("at", "command"),
    [
        ("typer", "norms"),
        ("hydra", "train"),
        ("torch", "train"),
        ("pandas", "report"),
        ("torch", "verify"),
    ],
)
def test_while_libraries_are_imported(at: str, command: str, tmp_path: Path) -> None:
    found = dict(zip(STOPS, interrupted(at, STOPS.values(), "passes", command, tmp_path), strict=True))
    assert {name: code for name, (code, _) in found.items()} == dict.fromkeys(STOPS, "130"), found
    for _, error in found.values():
        assert error in ("interrupted\n", f"interrupted; to go on: bnlab {command}\n")
    assert files_below(tmp_path) == set()


def test_an_interrupt_that_somebody_swallows_comes_again(tmp_path: Path) -> None:
    found = interrupted("torch", [signal.SIGTERM], "is swallowed", "verify --all", tmp_path)
    assert found == [("130", "interrupted\n")]


def test_when_all_is_done_there_is_nothing_to_interrupt(tmp_path: Path) -> None:
    done = started("end", [signal.SIGINT], "passes", "norms", tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
