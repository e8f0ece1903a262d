"""Several processes on one runs/: each replicate is trained by one of them, and nobody fails."""

import re
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from filelock import FileLock

from bnlab.store.claims import LONGEST_LOOK, claimed, is_claimed, wait_for
from bnlab.store.replicate import ReplicateFolder
from tests.conftest import Cli, environment
from tests.store.test_replicate import config

SWEEP = (
    *("-m", "threads=1", "data.limit=300", "epochs=2", "seeds=2"),
    *("norm=none,batch,layer", "optimizer.lr=1e-3,3e-3", "data.batch_size=32,64"),
)
REPLICATES = 3 * 2 * 2 * 2


@pytest.mark.slow
def test_four_processes_share_a_sweep_of_24_replicates(cli: Cli, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "bnlab", "train", *SWEEP]
    started = [
        subprocess.Popen(
            command, cwd=tmp_path, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for _ in range(4)
    ]
    reports = 0
    while any(process.poll() is None for process in started):
        # A report may be made meanwhile: there is none yet, or it is whole.
        answer = cli("report", "--by", "norm.name")
        assert answer.code == 0 or re.search("'runs' does not exist|no run to report|none has finished", answer.err)
        reports += answer.code == 0
    answers = [process.communicate() for process in started]
    assert [process.returncode for process in started] == [0] * 4, answers
    assert reports > 0
    logs = [path.read_text() for path in (tmp_path / "runs").glob("*/seed-*/run.log")]
    assert len(logs) == REPLICATES
    assert [log.count("training starts") for log in logs] == [1] * REPLICATES
    # Each process ends with the results of all, and together they trained each once.
    outs = [out for out, _ in answers]
    assert [counted("done", out) + counted("stored before", out) for out in outs] == [REPLICATES] * 4, outs
    assert sum(counted("done", out) for out in outs) == REPLICATES


def counted(state: str, out: str) -> int:
    found = re.search(rf"(\d+) {state}", out)
    return int(found[1]) if found else 0


def folders(tmp_path: Path, *seeds: int) -> list[ReplicateFolder]:
    settings = config(f"runs_dir={tmp_path / 'runs'}")
    return [ReplicateFolder(settings, seed) for seed in seeds]


def test_all_or_none_of_a_whole_stack(tmp_path: Path) -> None:
    zero, one, two = folders(tmp_path, 0, 1, 2)
    runs = tmp_path / "runs"
    with claimed(runs, [zero], whole=True) as held:
        assert held == {zero.path}
        with claimed(runs, [zero, one], whole=True) as others:
            assert others == set()
            with claimed(runs, [one, two], whole=True) as free:
                assert free == {one.path, two.path}
        with claimed(runs, [zero, one], whole=False) as rest:
            assert rest == {one.path}
    with claimed(runs, [zero, one, two], whole=True) as everything:
        assert len(everything) == 3


def test_a_look_at_a_replicate_does_not_break_up_a_stack(tmp_path: Path) -> None:
    """`bnlab runs` locks a replicate for a moment, to see if it is being trained; in parts, a stack has other bits."""
    zero, one = folders(tmp_path, 0, 1)
    zero.path.mkdir(parents=True)
    look = FileLock(zero.path / ".lock", thread_local=False)
    look.acquire()
    end = threading.Timer(LONGEST_LOOK / 2, look.release)
    end.start()
    with claimed(tmp_path / "runs", [zero, one], whole=True) as held:
        assert held == {zero.path, one.path}
    end.join()


@pytest.mark.parametrize("how", ["ends", "is killed"])
def test_a_dead_process_holds_nothing(how: str, tmp_path: Path) -> None:
    (folder,) = folders(tmp_path, 0)
    folder.path.mkdir(parents=True)
    hold = (
        "import filelock, os, signal, sys\n"
        f"lock = filelock.FileLock({str(folder.path / '.lock')!r})\n"
        "lock.acquire()\n"
        "print('held', flush=True)\n"
        "sys.stdin.readline()\n"
    )
    process = subprocess.Popen([sys.executable, "-c", hold], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    assert is_claimed(folder.path)
    if how == "is killed":
        process.kill()
    process.communicate("\n")
    assert not is_claimed(folder.path)
    said: list[str] = []
    wait_for(folder, said.append)
    assert said == [f"waiting for {folder.path}, which another process is training"]
