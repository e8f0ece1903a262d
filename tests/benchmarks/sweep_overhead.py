"""What a job of a sweep costs besides its training: `python -m tests.benchmarks.sweep_overhead`.

Launches `bnlab train` on one tiny run and on a sweep of 200, alternately; their difference by 200 is the overhead per
job. Then profiles the sweep inside this process, phase by phase; the profiler itself slows Python code, so the
phases tell shares, not times.
"""

import argparse
import cProfile
import dataclasses
import os
import pstats
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from time import perf_counter

from hydra import compose, initialize_config_dir

from bnlab.config import CONF
from bnlab.hydra_bridge.jobs import configs_of
from bnlab.launch.outcomes import run

TINY = ("threads=1", "steps=1", "data.limit=64", "quiet=true")
NORMS = ("none", "batch")
RATES = [f"{1e-3 * (1 + i / 100):.5f}" for i in range(100)]
JOBS = len(NORMS) * len(RATES)
PHASES = {
    "composition": ("sweep.py", "configs_of"),
    "check": ("prepare.py", "check"),
    "grouping": ("grouping.py", "stacks_of"),
    "training, metrics": ("train.py", "train"),
    "store: start": ("record.py", "__enter__"),
    "of it metrics": ("record.py", "evaluated"),
    "store: end": ("record.py", "__exit__"),
    "all": ("sweep_overhead.py", "sweep"),
}


def launch_seconds(*arguments: str) -> float:
    """A launch of `bnlab train` in an empty folder."""
    with tempfile.TemporaryDirectory() as folder:
        start = perf_counter()
        subprocess.run(
            [sys.executable, "-m", "bnlab", "train", *arguments, *TINY],
            cwd=folder,
            env=os.environ | {"PYTHONPATH": str(CONF.parent)},
            stdout=subprocess.DEVNULL,
            check=True,
        )
        return perf_counter() - start


def sweep(folder: str) -> None:
    """The same sweep in this process."""
    jobs = [[f"norm={norm}", f"optimizer.lr={rate}", *TINY] for norm in NORMS for rate in RATES]
    with initialize_config_dir(version_base="1.3", config_dir=str(CONF)):
        configs = configs_of(jobs, lambda overrides: compose("config", overrides=overrides))
    run([dataclasses.replace(config, runs_dir=folder) for config in configs])


def profile() -> dict[str, float]:
    """Milliseconds per job of each phase, under the profiler."""
    profiler = cProfile.Profile()
    with tempfile.TemporaryDirectory() as folder:
        profiler.runcall(sweep, folder)
    stats: dict[tuple[str, int, str], tuple[int, int, float, float, object]]
    stats = pstats.Stats(profiler).stats  # type: ignore[attr-defined]  # not in its stub
    seconds = {(Path(file).name, name): timing[3] for (file, _, name), timing in stats.items()}
    return {phase: 1000 * seconds[key] / JOBS for phase, key in PHASES.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    single, swept = [], []
    for _ in range(rounds):
        single.append(launch_seconds())
        swept.append(launch_seconds("-m", f"norm={','.join(NORMS)}", f"optimizer.lr={','.join(RATES)}"))
    overhead = (median(swept) - median(single)) / JOBS
    print(f"a single run {median(single):.2f} s, a sweep of {JOBS} {median(swept):.2f} s; medians of {rounds} rounds")
    print(f"overhead per job: {1000 * overhead:.1f} ms")
    for phase, milliseconds in profile().items():
        print(f"  {phase:17} {milliseconds:6.2f} ms per job, profiled")


if __name__ == "__main__":
    main()
