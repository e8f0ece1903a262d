"""Jobs on workers: how many there are, who trains together, and what a worker's death takes with it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, cast

import pytest
import yaml
from hydra.core.utils import JobReturn, JobStatus

from bnlab.config import CONF
from bnlab.errors import UserError
from bnlab.hydra_bridge import slurm
from bnlab.hydra_bridge.on_workers import THREADS, Workers, cores, ends_of, groups_of, limited, returned, workers_of
from bnlab.launch import Standing
from tests.configured import changed
from tests.conftest import QUICK, Cli


def settings_of(launcher: str, **changes: Any) -> dict[str, Any]:
    shipped: dict[str, Any] = yaml.safe_load((CONF / f"launcher/{launcher}.yaml").read_text(encoding="utf-8"))
    assert changes.keys() <= shipped.keys() | {"init"}
    if "init" in changes:
        shipped["ray"]["init"] |= changes.pop("init")
    return shipped | changes


@pytest.mark.parametrize(
    ("launcher", "changes", "expected"),
    [
        ("joblib", {}, Workers(8)),
        ("joblib", {"n_jobs": 3}, Workers(3)),
        ("joblib", {"n_jobs": -2}, Workers(7)),
        ("submitit_local", {}, Workers(8, at_once=8, threads=1)),
        ("submitit_local", {"cpus_per_task": 3}, Workers(2, at_once=2, threads=3)),
        ("submitit_local", {"cpus_per_task": 99}, Workers(1, at_once=1, threads=99)),
        ("submitit_slurm", {}, Workers(100, threads=4)),
        ("ray", {}, Workers(8)),
        ("ray", {"init": {"num_cpus": 2}}, Workers(2)),
        ("ray", {"init": {"address": "auto"}}, Workers(None)),
    ],
)
def test_how_many_workers_a_launcher_has(
    launcher: str, changes: dict[str, Any], expected: Workers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bnlab.hydra_bridge.on_workers.cores", lambda: 8)
    assert workers_of(settings_of(launcher, **changes)) == expected


def test_cores_are_those_that_this_process_may_use() -> None:
    assert 1 <= cores() <= (os.cpu_count() or 1)


def test_runs_are_gathered_into_as_many_jobs_as_there_are_workers() -> None:
    def configs(jobs: object) -> list[Any]:
        # Two shapes in turn: those of one belong together.
        return [changed((), stack__jobs=jobs, model__hidden=[8 + number % 2], seeds=2, seed=0) for number in range(8)]

    assert groups_of(configs(None), Workers(2)) == [[number] for number in range(8)]
    assert groups_of(configs("auto"), Workers(2)) == [[0, 2, 4, 6], [1, 3, 5, 7]]
    assert groups_of(configs(4), Workers(2)) == [[0, 2], [4, 6], [1, 3], [5, 7]]
    assert groups_of(configs("auto"), Workers(100)) == [[number] for number in (0, 2, 4, 6, 1, 3, 5, 7)]
    of_three = groups_of(configs(3), Workers(2))
    assert sorted(map(len, of_three)) == [2, 3, 3]
    assert sorted(number for group in of_three for number in group) == list(range(8))
    with pytest.raises(UserError, match=r"write stack\.jobs=NUMBER"):
        groups_of(configs("auto"), Workers(None))


def test_a_run_of_many_seeds_weighs_more() -> None:
    configs = [changed((), stack__jobs=2, seeds=seeds) for seeds in (6, 1, 1, 1, 3)]
    assert groups_of(configs, Workers(None)) == [[0], [1, 2, 3, 4]]


class Run:
    """How far a run has got."""

    def __init__(self) -> None:
        self.begun = self.final = False

    def is_begun(self) -> bool:
        return self.begun

    def is_final(self) -> bool:
        return self.final

    def failure(self) -> str:
        return ""


def pool(runs: Sequence[Run], deadly: set[int], size: int, launches: list[list[int]]) -> Callable[..., list[JobReturn]]:
    """A launcher like joblib's: the death of one of its workers ends the others, and gives up all jobs."""

    def launch(numbers: Sequence[int]) -> list[JobReturn]:
        launches.append(list(numbers))
        for start in range(0, len(numbers), size):
            at_once = numbers[start : start + size]
            for number in at_once:
                runs[number].begun = True
            if deadly & set(at_once):
                raise OSError("a worker was killed\nby the kernel\nand more")
            for number in at_once:
                runs[number].final = True
        return [JobReturn(status=JobStatus.COMPLETED) for _ in numbers]

    return launch


@pytest.mark.parametrize("deadly", [set(), {0}, {5}, {2, 3}, {0, 1, 2, 3, 4, 5}])
@pytest.mark.parametrize("size", [1, 2, 4])
def test_a_killed_worker_fails_its_own_job_alone(deadly: set[int], size: int) -> None:
    runs, launches = [Run() for _ in range(6)], cast(list[list[int]], [])
    ends = ends_of([[n] for n in range(6)], cast(Sequence[Standing], runs), pool(runs, deadly, size, launches))
    died = "its worker died: OSError: a worker was killed by the kernel; repeat the command to go on"
    assert ends == dict.fromkeys(deadly, died)
    assert [number for number, run in enumerate(runs) if run.final] == sorted(set(range(6)) - deadly)
    assert launches[0] == list(range(6))
    assert all(sum(number in launch for launch in launches) <= len(deadly) + 2 for number in range(6))


def test_a_worker_that_dies_before_it_has_begun_ends_too() -> None:
    runs = [Run(), Run()]

    def launch(numbers: Sequence[int]) -> list[JobReturn]:
        raise OSError("no worker starts")

    ends = ends_of([[0], [1]], cast(Sequence[Standing], runs), launch)
    assert ends.keys() == {0, 1}


def test_of_a_job_that_died_what_was_finished_counts() -> None:
    runs = [Run(), Run(), Run()]

    def launch(numbers: Sequence[int]) -> list[JobReturn]:
        runs[0].final = True
        return [returned(lambda: 1 / 0, ["x"])]  # type: ignore[arg-type, return-value]

    ends = ends_of([[0, 1, 2]], cast(Sequence[Standing], runs), launch)
    assert ends == dict.fromkeys(
        (1, 2), "its worker died: ZeroDivisionError: division by zero; repeat the command to go on"
    )


def test_bad_input_is_no_death() -> None:
    def launch(numbers: Sequence[int]) -> list[JobReturn]:
        raise UserError("it was typed wrong")

    with pytest.raises(UserError, match="typed wrong"):
        ends_of([[0]], cast(Sequence[Standing], [Run()]), launch)


def test_threads_are_limited_unless_the_user_has_said_how_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(THREADS)
    with limited(3):
        assert os.environ[THREADS] == "3"
    assert THREADS not in os.environ
    with limited(None):
        assert THREADS not in os.environ
    monkeypatch.setenv(THREADS, "5")
    with limited(3):
        assert os.environ[THREADS] == "5"


def companies(folder: Path) -> dict[str, int]:
    """How many replicates trained beside each."""
    results = {path.parts[-3].split("-")[0]: json.loads(path.read_text()) for path in folder.glob("*/*/result.json")}
    return {run: result["company"]["replicates"] for run, result in results.items()}


def test_a_job_of_several_runs_is_one_stack(cli: Cli, tmp_path: Path) -> None:
    sweep = ("train", *QUICK, "--quiet", "-m", "hydra/launcher=basic", "norm=none,batch,layer,rms")
    answer = cli(*sweep, "stack.jobs=2")
    assert (answer.code, answer.err) == (0, "")
    assert "4 replicates: 4 done" in answer.out
    assert companies(tmp_path / "runs") == dict.fromkeys(("none", "batch", "layer", "rms"), 2)
    assert "4 stored before" in cli(*sweep, "stack.jobs=auto").out


def test_stack_jobs_without_workers_is_refused(cli: Cli) -> None:
    answer = cli("train", *QUICK, "-m", "norm=none,batch", "stack.jobs=auto")
    assert answer.code == 2
    assert "stack.jobs=auto changes nothing: hydra/launcher=stacked trains all runs in one job" in answer.err


SQUEUE = """#!/bin/sh
test -e no-answer && exit 1
cat queue
"""


def test_slurm_is_asked_which_jobs_are_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cause: sacct was asked, which without a database knows no job, so that dead ones were waited for forever."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.setattr(slurm, "EVERY", 0)
    (tmp_path / "squeue").write_text(SQUEUE, encoding="utf-8")
    (tmp_path / "squeue").chmod(0o755)
    (tmp_path / "no-answer").touch()
    queue = slurm.Queue()
    assert (queue.is_done("7_0"), queue.get_state("7_0")) == (False, "UNKNOWN")
    (tmp_path / "queue").write_text(
        "7_0 CANCELLED\n7_1 RUNNING\n7_2 PENDING\n7_3 PREEMPTED\n7_4 TIMEOUT\n", encoding="utf-8"
    )
    (tmp_path / "no-answer").unlink()
    assert [queue.is_done(f"7_{number}") for number in range(5)] == [True, False, False, False, True]
    assert queue.get_state("7_4") == "TIMEOUT"
    assert (queue.is_done("6"), queue.get_state("6")) == (True, "no longer in the queue")
    (tmp_path / "no-answer").touch()
    assert [queue.is_done(f"7_{number}") for number in range(2)] == [True, False]
