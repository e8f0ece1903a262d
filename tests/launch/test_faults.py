"""Full disks, files removed under way, too little memory: earlier runs stay readable, and the state is clear."""

import ctypes
import gc
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import pytest
import torch

from bnlab import engine
from bnlab.engine.loop import train
from bnlab.engine.shard import Replicate
from bnlab.machine import memory
from tests.conftest import Cli, environment, files_below
from tests.forks import Process

TRAIN = ("train", "threads=1", "data.limit=320", "data.batch_size=32", "epochs=3", "checkpoint_every=0")
LONG = (*TRAIN[:3], "epochs=30", "checkpoint_every=0")
SWEEP = (*TRAIN, "-m", "norm=none,layer", "seeds=2")


def contents(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in files_below(folder)}


def metrics(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.glob("*/*/metrics.csv")}


def states(folder: Path) -> dict[str, str]:
    found = folder.glob("*/*/result.json")
    return {f"{path.parts[-3].split('-')[0]} {path.parts[-2]}": json.loads(path.read_text())["state"] for path in found}


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the first test that asks for what is stored before leaves a copy of it for the others."""
    return tmp_path_factory.mktemp("kept") / "trained"


@pytest.fixture
def earlier(cli: Cli, kept: Path, tmp_path: Path) -> dict[str, bytes]:
    """What is stored before the fault; in whole/ is what it strikes, trained without it."""
    if kept.exists():
        shutil.copytree(kept, tmp_path, dirs_exist_ok=True)
    else:
        assert cli(*TRAIN, "norm=rms").code == 0
        assert cli(*TRAIN, "norm=layer", "runs_dir=whole").code == 0
        shutil.copytree(tmp_path, kept)
    return contents(tmp_path / "runs")


class FullDisk:
    """Stands for os.fdopen: from the `after`-th file on, the second half of what is written finds no room."""

    def __init__(self, after: int) -> None:
        self.written, self.after, self._fdopen = 0, after, os.fdopen

    def __call__(self, descriptor: int, mode: str = "r", *arguments: Any, **options: Any) -> Any:
        file = self._fdopen(descriptor, mode, *arguments, **options)
        if mode != "wb":
            return file
        self.written += 1
        return file if self.written < self.after else self.full(file)

    @staticmethod
    def full(file: IO[bytes]) -> IO[bytes]:
        write = file.write

        def half(content: bytes) -> int:
            write(content[: len(content) // 2])
            raise OSError(28, "No space left on device")

        file.write = half  # type: ignore[method-assign,assignment]
        return file


@pytest.mark.parametrize("after", [1, 3, 4, 6, 9, 12])
def test_a_full_disk(
    after: int, earlier: dict[str, bytes], cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(os, "fdopen", FullDisk(after))
        answer = cli(*TRAIN, "norm=layer")
    assert answer.code == 1
    last = answer.err.splitlines()[-1]
    assert last.startswith("failed: cannot write runs/")
    assert last.endswith(
        ": No space left on device; what was stored before is untouched. "
        "Make room or mend the folder, then repeat the command: it goes on from there"
    )
    now = contents(tmp_path / "runs")
    assert {name: now[name] for name in earlier} == earlier
    assert not [name for name in now if ".writing." in name]
    assert set(states(tmp_path / "runs").items()) <= {
        ("rms seed-0", "done"),
        ("layer seed-0", "running"),
        ("layer seed-0", "interrupted"),
    }
    assert cli("report").code == 0

    assert cli(*TRAIN, "norm=layer").code == 0
    assert metrics(tmp_path / "whole").items() <= metrics(tmp_path / "runs").items()


def test_a_real_limit_on_files(earlier: dict[str, bytes], cli: Cli, tmp_path: Path) -> None:
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (300, before[1]))
    try:
        answer = cli(*TRAIN, "norm=layer")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert answer.code == 1
    assert ": File too large; what was stored before is untouched. " in answer.err
    now = contents(tmp_path / "runs")
    assert {name: now[name] for name in earlier} == earlier
    assert not [name for name in now if ".writing." in name]


@pytest.mark.parametrize("removed", ["runs", "runs/*/seed-0", "runs/*/seed-0/result.json", "runs/.stacks"])
def test_removed_under_way(removed: str, cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is written anew at the next evaluation, or the command says what is missing; nothing is silently wrong."""
    assert cli(*TRAIN, "runs_dir=whole").code == 0
    from bnlab.engine.optimizer import StackOptimizer

    step, taken = StackOptimizer.set_lr, 0

    def watched(self: StackOptimizer, *arguments: Any) -> None:
        nonlocal taken
        taken += 1
        if taken == 15:
            for path in tmp_path.glob(removed):
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        step(self, *arguments)

    monkeypatch.setattr(StackOptimizer, "set_lr", watched)
    answer = cli(*TRAIN)
    assert answer.code == 0, answer.err
    assert states(tmp_path / "runs") == {"batch seed-0": "done"}
    assert metrics(tmp_path / "runs") == metrics(tmp_path / "whole")
    assert len(list(tmp_path.glob("runs/*/config.yaml"))) == 1


def test_a_stack_that_does_not_fit_the_memory_is_halved(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []

    def too_large(replicates: Sequence[Replicate], *arguments: Any, **options: Any) -> None:
        sizes.append(len(replicates))
        if len(replicates) > 2:
            raise RuntimeError("[enforce fail at alloc_cpu.cpp:121] . DefaultCPUAllocator: can't allocate memory")
        train(replicates, *arguments, **options)

    monkeypatch.setattr(engine, "train", too_large)
    answer = cli(*TRAIN, "seeds=5")
    assert answer.code == 0
    assert sizes == [5, 2, 3, 1, 2]
    assert "a stack of 5 does not fit the memory; halving it" in answer.err
    assert states(tmp_path / "runs") == {f"batch seed-{seed}": "done" for seed in range(5)}


def test_a_stack_leaves_no_memory_behind(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cause: what 16 stacks had trained, 90 MB each, was still there at the last."""
    alive: list[int] = []

    def watched(replicates: Sequence[Replicate], *arguments: Any, **options: Any) -> None:
        alive.append(sum(issubclass(type(each), torch.Tensor) for each in gc.get_objects()))
        train(replicates, *arguments, **options)

    monkeypatch.setattr(engine, "train", watched)
    gc.disable()  # which may come late
    try:
        assert cli(*TRAIN, "seeds=3", "stack.max_replicates=1").code == 0
    finally:
        gc.enable()
    assert alive[2] == alive[1]


def killed_in_training(folder: Path, *arguments: str) -> None:
    """Trains in a process of its own, and kills it in the middle, as the kernel does."""
    with Path(os.devnull).open("r+b") as nowhere:
        process = Process(["bnlab", *arguments], folder, [nowhere.fileno()] * 3, environment())
    deadline = time.monotonic() + 60
    while not list(folder.glob("runs/.stacks/*/checkpoint.pt")):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL


def halvings(err: str) -> list[str]:
    return [line for line in err.splitlines() if "lack of memory" in line]


def test_a_stack_that_was_killed_for_lack_of_memory_is_halved_on_the_next_try(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    again = (*LONG, "seeds=4")
    killed_in_training(tmp_path, *again)
    kills = memory.out_of_memory_kills()
    assert kills is not None
    monkeypatch.setattr(memory, "out_of_memory_kills", lambda: kills + 1)
    sizes: list[int] = []

    def watched(replicates: Sequence[Replicate], *arguments: Any, **options: Any) -> None:
        sizes.append(len(replicates))
        raise KeyboardInterrupt if len(sizes) == 2 else ZeroDivisionError("enough seen")

    monkeypatch.setattr(engine, "train", watched)
    answer = cli(*again)
    assert sizes[:2] == [2, 1]
    assert halvings(answer.err) == ["a stack of 4 was killed for lack of memory; halving it"]


def test_a_stack_that_was_killed_otherwise_stays_together(cli: Cli, tmp_path: Path) -> None:
    killed_in_training(tmp_path, *LONG, "seeds=2")
    answer = cli(*LONG, "seeds=2")
    assert answer.code == 0
    assert halvings(answer.err) == []
    assert "going on from step" in answer.err


def test_a_failing_replicate_does_not_take_the_others_along(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(replicates: Sequence[Replicate], *arguments: Any, **options: Any) -> None:
        if 1 in [replicate.seed for replicate in replicates]:
            raise ZeroDivisionError("a broken norm")
        train(replicates, *arguments, **options)

    monkeypatch.setattr(engine, "train", fails)
    answer = cli(*TRAIN, "seeds=3")
    assert answer.code == 1
    assert answer.err.splitlines()[-1] == "failed: seed 1: ZeroDivisionError: a broken norm"
    assert states(tmp_path / "runs") == {"batch seed-0": "done", "batch seed-1": "failed", "batch seed-2": "done"}


def test_a_rerun_that_breaks_keeps_the_old_result(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert cli(*TRAIN).code == 0
    names = ("result.json", "metrics.csv", "timing.csv")
    before = {path: path.read_bytes() for name in names for path in tmp_path.rglob(name)}

    def breaks(*arguments: Any, **options: Any) -> None:
        train(*arguments, **options)
        os.kill(os.getpid(), signal.SIGINT)
        raise OSError("the device is gone")

    with monkeypatch.context() as patch:
        patch.setattr(engine, "train", breaks)
        assert cli(*TRAIN, "rerun=true").code != 0
    assert {path: path.read_bytes() for path in before} == before
    assert cli(*TRAIN, "rerun=true").code == 0
    changed = {path.name for path, content in before.items() if path.read_bytes() != content}
    assert "result.json" in changed
    assert "metrics.csv" not in changed


def workers_of(pid: int) -> list[int]:
    """The processes of joblib's pool that a process started."""
    pools = [path for path in Path("/proc").glob("[0-9]*/cmdline") if b"popen_loky" in path.read_bytes()]
    parents = {int(path.parent.name): (path.parent / "stat").read_text().rpartition(")")[2].split() for path in pools}
    return [worker for worker, stat in parents.items() if int(stat[1]) == pid]


@pytest.mark.slow
def test_a_worker_killed_by_the_kernel(cli: Cli, tmp_path: Path) -> None:
    pytest.importorskip("hydra_plugins.hydra_joblib_launcher")
    if not Path("/proc/self/stat").exists():
        pytest.skip("finds the workers in /proc")
    assert cli(*TRAIN, "norm=none").code == 0
    before = contents(tmp_path / "runs")
    sweep = (*SWEEP, "epochs=100000", "hydra/launcher=joblib", "hydra.launcher.n_jobs=2")
    process = subprocess.Popen(
        [sys.executable, "-m", "bnlab", *sweep], cwd=tmp_path, env=environment(), stderr=subprocess.PIPE, text=True
    )
    deadline = time.monotonic() + 120
    while "running" not in states(tmp_path / "runs").values():
        assert time.monotonic() < deadline
        time.sleep(0.2)
    for worker in workers_of(process.pid):
        os.kill(worker, signal.SIGKILL)
    _, error = process.communicate(timeout=120)
    assert process.returncode == 1, error
    assert "failed: A worker process managed by the executor was unexpectedly terminated." in error
    now = contents(tmp_path / "runs")
    assert {name: now[name] for name in before} == before
    listed = cli("runs").out
    assert "interrupted" in listed
    assert "to resume: bnlab train " in listed


DAC_OVERRIDE, DAC_READ_SEARCH = 1, 2
"""Linux's capabilities(7) of root that no permission of a file stops."""


@contextmanager
def permissions_hold() -> Iterator[None]:
    """For root too, on whom the test is skipped where the capabilities of a thread cannot be changed."""
    if os.geteuid() != 0:
        yield
        return
    libc = ctypes.CDLL(None)
    if not hasattr(libc, "capset"):
        pytest.skip("nothing is read-only to root")
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)  # version 3, this thread
    before = (ctypes.c_uint32 * 6)()  # effective, permitted, inheritable; twice 32 bits
    assert libc.capget(header, before) == 0
    effective, *others = before
    after = (ctypes.c_uint32 * 6)(effective & ~(1 << DAC_OVERRIDE | 1 << DAC_READ_SEARCH), *others)
    assert libc.capset(header, after) == 0
    try:
        yield
    finally:
        assert libc.capset(header, before) == 0


def test_a_runs_folder_that_may_only_be_read(earlier: dict[str, bytes], cli: Cli, tmp_path: Path) -> None:
    """As a teacher's shared results are: lists and reports read them, and training says where else to write."""
    folders = [tmp_path / "runs", *(path for path in (tmp_path / "runs").rglob("*") if path.is_dir())]
    for folder in folders:
        folder.chmod(0o555)
    try:
        with permissions_hold():
            listed, reported, refused = cli("runs"), cli("report"), cli(*TRAIN, "norm=layer")
    finally:
        for folder in folders:
            folder.chmod(0o755)
    assert (listed.code, listed.err) == (0, "")
    assert "1 run, 1 replicate" in listed.out
    assert (reported.code, reported.err) == (0, "")
    assert "test accuracy" in reported.out
    assert (refused.code, refused.out) == (2, "")
    assert refused.err == (
        f"error: runs_dir=runs cannot be written ({tmp_path}/runs: Permission denied); "
        "set runs_dir to a folder that can\n"
    )
    assert contents(tmp_path / "runs") == earlier
