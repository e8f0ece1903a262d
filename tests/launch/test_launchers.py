"""Launchers with workers, each with its real component: a job that raises, one that is killed, and the rest."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import environment

pytestmark = pytest.mark.slow

LAUNCHERS = {
    "joblib": ["hydra.launcher.n_jobs=2"],
    "submitit_local": [],
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


def train(folder: Path, launcher: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    pytest.importorskip(f"hydra_plugins.hydra_{launcher.partition('_')[0]}_launcher")
    command = [sys.executable, "-m", "bnlab", "train", *SMALL, *arguments, f"hydra/launcher={launcher}"]
    variables = environment()
    del variables["OMP_NUM_THREADS"]  # which the launchers are to set
    return subprocess.run(
        [*command, *LAUNCHERS[launcher]], cwd=folder, env=variables, capture_output=True, text=True, timeout=600
    )


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
