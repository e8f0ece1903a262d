"""Launchers with workers, each with its real component: a job that raises, one that is killed, and the rest."""

from __future__ import annotations

import json
import re
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from subprocess import PIPE

import pytest

from tests.conftest import environment

pytestmark = pytest.mark.slow

LAUNCHERS = {
    "joblib": ["hydra.launcher.n_jobs=2"],
    "submitit_local": [],
    "submitit_slurm": [
        *("hydra.launcher.array_parallelism=2", "hydra.launcher.cpus_per_task=1", "hydra.launcher.mem_gb=1"),
        "hydra.launcher.timeout_min=10",
    ],
    "ray": ["hydra.launcher.ray.init.num_cpus=2"],
}
NORMS = """\
import os
import signal
from pathlib import Path

from torch import nn


class Fine(nn.BatchNorm1d):
    calls = 0

    def forward(self, x):
        type(self).calls += 1
        if self.calls > 40 and Path("faulty").exists():  # which is after it was tried out
            self.fault()
        return super().forward(x)

    def fault(self):
        pass


class Raises(Fine):
    def fault(self):
        raise RuntimeError("a fault of its own")


class Dies(Fine):
    def fault(self):
        os.kill(os.getpid(), signal.SIGKILL)
"""
SWEEP = ("-m", "norm=none,custom_class", "norm.target=mine.py:Fine,mine.py:Raises,mine.py:Dies", "steps=40")
SMALL = ("data.limit=500", "model.hidden=[8]", "quiet=true")


def start(folder: Path, launcher: str, *arguments: str) -> subprocess.Popen[str]:
    pytest.importorskip(f"hydra_plugins.hydra_{launcher.partition('_')[0]}_launcher")
    if launcher == "submitit_slurm":
        skip_without_slurm()
    command = [sys.executable, "-m", "bnlab", "train", *SMALL, *arguments, f"hydra/launcher={launcher}"]
    variables = environment()
    del variables["OMP_NUM_THREADS"]  # which the launchers are to set
    return subprocess.Popen(
        [*command, *LAUNCHERS[launcher]], cwd=folder, env=variables, stdout=PIPE, stderr=PIPE, text=True
    )


def ended(process: subprocess.Popen[str]) -> subprocess.CompletedProcess[str]:
    out, err = process.communicate(timeout=600)
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


def train(folder: Path, launcher: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return ended(start(folder, launcher, *arguments))


def skip_without_slurm() -> None:
    if shutil.which("sinfo") is None or not called("sinfo", "--noheader"):
        pytest.skip("no Slurm answers to sinfo")


@pytest.fixture
def slurm_folder(tmp_path: Path) -> Iterator[Path]:
    """A folder; Slurm's jobs in it are ended afterwards."""
    skip_without_slurm()
    yield tmp_path
    for job in tmp_path.glob("runs/.hydra/.submitit/*_0"):
        called("scancel", job.name.partition("_")[0])


def called(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True).stdout


@pytest.mark.parametrize("launcher", LAUNCHERS)
def test_a_job_that_raises_and_one_that_is_killed_fail_alone(launcher: str, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(NORMS, encoding="utf-8")
    (tmp_path / "faulty").touch()
    done = train(tmp_path, launcher, *SWEEP)
    assert done.returncode == 1, done.stderr
    _, _, listed = done.stderr.partition("failed: 2 of 4 jobs failed; the others are stored\n")
    failed = [line for line in listed.splitlines() if line.startswith("  ")]  # Ray says on stderr that a worker died
    assert len(failed) == 2
    assert re.search(r"mine.py\\?:Raises .*: seed 0: RuntimeError: a fault of its own$", failed[0])
    assert re.search(r"mine.py\\?:Dies .*: its worker died: \w+: .*; repeat the command to go on$", failed[1])
    assert "4 replicates: 2 done, 1 failed, 1 interrupted" in done.stdout
    (tmp_path / "faulty").unlink()
    again = train(tmp_path, launcher, *SWEEP)
    assert again.returncode == 0, again.stderr
    assert "2 stored before" in again.stdout
    assert "2 done" in again.stdout


@pytest.mark.parametrize("launcher", LAUNCHERS)
def test_runs_are_gathered_and_the_workers_share_the_cores(launcher: str, tmp_path: Path) -> None:
    sweep = ("-m", "norm=none,batch,layer,rms", "seeds=3", "steps=20", "stack.jobs=auto")
    more = ["hydra.launcher.cpus_per_task=1"] if launcher == "submitit_local" else []
    done = train(tmp_path, launcher, *sweep, *more)
    assert done.returncode == 0, done.stderr
    stored = [json.loads(path.read_text()) for path in (tmp_path / "runs").glob("*/*/result.json")]
    assert len(stored) == 12
    assert {each["company"]["replicates"] for each in stored} == {6}


LONG = ("-m", "norm=none,batch", "steps=8000", "seeds=2")


def begun(folder: Path, jobs: int) -> None:
    """Waits until so many jobs have a checkpoint."""
    deadline = time.monotonic() + 300
    while len(list(folder.glob("runs/.stacks/*/checkpoint.pt"))) < jobs:
        assert time.monotonic() < deadline
        time.sleep(0.1)


def states(folder: Path) -> dict[str, int]:
    found = [json.loads(path.read_text())["state"] for path in folder.glob("runs/*/*/result.json")]
    return dict(Counter(found))


@pytest.mark.parametrize("how", ["--signal=USR2", "--full"], ids=["its time is over", "cancelled"])
def test_slurm_ends_a_job_and_it_goes_on_from_where_it_was(how: str, slurm_folder: Path) -> None:
    process = start(slurm_folder, "submitit_slurm", *LONG)
    begun(slurm_folder, 2)
    called("scancel", how, slurm_job(slurm_folder))
    done = ended(process)
    assert done.returncode == 1
    assert "failed: 2 of 2 jobs failed" in done.stderr
    said = r"TimeoutError: hydra.launcher.timeout_min is over" if "USR2" in how else r"\w+: .*\(state: CANCELLED\)"
    assert len(re.findall(rf": its worker died: {said}; repeat the command to go on$", done.stderr, re.MULTILINE)) == 2
    assert states(slurm_folder) == {"interrupted": 4}
    again = train(slurm_folder, "submitit_slurm", *LONG)
    assert again.returncode == 0, again.stderr
    assert states(slurm_folder) == {"done": 4}
    resumed = [json.loads(path.read_text())["resumed_at_steps"] for path in slurm_folder.glob("runs/*/*/result.json")]
    assert all(len(each) == 1 for each in resumed)


def slurm_job(folder: Path) -> str:
    """The number of the newest array."""
    return max((path.name.partition("_")[0] for path in (folder / "runs/.hydra/.submitit").glob("*_0")), key=int)


def test_slurm_goes_on_with_the_jobs_of_an_interrupted_command(slurm_folder: Path) -> None:
    process = start(slurm_folder, "submitit_slurm", *LONG)
    begun(slurm_folder, 2)
    process.send_signal(signal.SIGINT)
    done = ended(process)
    assert done.returncode == 130
    assert "failed" not in done.stdout
    last = done.stderr.splitlines()[-1]
    assert (
        f"interrupted; Slurm's jobs go on, and scancel {slurm_job(slurm_folder)} ends them; to go on: bnlab train"
        in last
    )
    both = [start(slurm_folder, "submitit_slurm", *LONG) for _ in range(2)]  # in two terminals
    assert [ended(each).returncode for each in both] == [0, 0]
    results = [json.loads(path.read_text()) for path in slurm_folder.glob("runs/*/*/result.json")]
    assert [(each["state"], each["resumed_at_steps"]) for each in results] == [("done", [])] * 4


def test_jobs_that_slurm_refuses_are_bad_input(slurm_folder: Path) -> None:
    done = train(slurm_folder, "submitit_slurm", "-m", "norm=none,batch", "hydra.launcher.partition=nowhere")
    assert done.returncode == 2
    error = done.stderr.splitlines()[-1]
    assert error.startswith(
        "error: hydra/launcher=submitit_slurm: no job was started: sbatch: error: invalid partition"
    )
