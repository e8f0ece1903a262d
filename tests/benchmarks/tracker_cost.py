"""What trackers cost: `python -m tests.benchmarks.tracker_cost`.

CPU seconds of whole trainings, each in a process of its own, with no tracker and with each in turn, rounds alternating.
Beside the totals, which vary from one round to the next, what is spent in a tracker's thread, in the training's thread,
and in processes that it has started or at the end; not what threads of its library take.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

from bnlab.config import TRACKERS

PR_SET_CHILD_SUBREAPER = 36
KEPT = "TRACKER_COST"


def trained(arguments: list[str], tracker: str | None) -> dict[str, float]:
    """CPU seconds of one `bnlab train`."""
    with tempfile.TemporaryDirectory() as folder:
        kept = Path(folder, "spent.json")
        command = [
            sys.executable,
            "-m",
            "tests.benchmarks.tracker_cost",
            "--once",
            *arguments,
            f"runs_dir={folder}/runs",
        ]
        extra = [f"tracker={tracker}"] if tracker else []
        before = _seconds(resource.RUSAGE_CHILDREN)
        subprocess.run([*command, *extra], env=os.environ | {KEPT: str(kept)}, check=True, stdout=subprocess.DEVNULL)
        while _wait_for_orphan():
            pass
        spent: dict[str, float] = json.loads(kept.read_text())
        total = _seconds(resource.RUSAGE_CHILDREN) - before
    return {"total": total, **spent, "processes": total - spent.pop("own")}


def _seconds(who: int) -> float:
    usage = resource.getrusage(who)
    return usage.ru_utime + usage.ru_stime


def _wait_for_orphan() -> bool:
    try:
        os.wait()
    except ChildProcessError:
        return False
    return True


def once(arguments: list[str]) -> None:
    """Trains in this process, and writes what was spent on trackers."""
    from bnlab.cli.app import main
    from bnlab.trackers import observer, trackers

    spent = {"thread": 0.0, "training": 0.0}

    def timed(name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def timed_call(*given: Any, **named: Any) -> Any:
            start = time.thread_time()
            try:
                return call(*given, **named)
            finally:
                spent[name] += time.thread_time() - start

        return timed_call

    trackers._Thread._run = timed("thread", trackers._Thread._run)  # type: ignore[method-assign]
    for name in ("begin", "evaluated", "inspected", "diverged", "end"):
        setattr(observer.Tracking, name, timed("training", getattr(observer.Tracking, name)))
    sys.argv = ["bnlab", "train", *arguments]
    try:
        main()
    finally:
        own = _seconds(resource.RUSAGE_SELF) + _seconds(resource.RUSAGE_CHILDREN)
        Path(os.environ[KEPT]).write_text(json.dumps({"own": own, **spent}))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--train", default="-m norm=none,batch seeds=8 epochs=10 quiet=true")
    parser.add_argument("--trackers", nargs="+", default=TRACKERS)
    arguments = parser.parse_args()
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1)  # what trackers have started is waited for, and counted
    names: list[str | None] = [None, *arguments.trackers]
    found: dict[str | None, list[dict[str, float]]] = {name: [] for name in names}
    for _ in range(arguments.rounds):
        for name in names:
            found[name].append(trained(arguments.train.split(), name))
            print(name, found[name][-1], flush=True)
    plain, ended = (median(each[part] for each in found[None]) for part in ("total", "processes"))
    print(f"bnlab train {arguments.train}: {plain:.1f} s of CPU without a tracker")
    for name in names[1:]:
        parts = {part: median(each[part] for each in found[name]) for part in ("thread", "training", "processes")}
        parts["processes"] -= ended  # what the end of a process takes without a tracker
        own = parts["thread"] + parts["training"] + parts["processes"]
        total = median(each["total"] for each in found[name]) / plain - 1
        print(f"{name:12} {own:6.3f} s = {own / plain:6.2%}; totals differ by {total:+.2%}; {parts}")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--once"]:
        once(sys.argv[2:])
    else:
        main()
