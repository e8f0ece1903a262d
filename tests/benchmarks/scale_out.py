"""What a sweep of many arms costs the process that starts its jobs: `python -m tests.benchmarks.scale_out`.

CPU seconds: composing and checking every arm, packing the arms of each job, and, once they are stored, reading every
result. And the bytes that each job is sent.
"""

from __future__ import annotations

import argparse
import pickle
import resource
import shutil
import tempfile
import time

from hydra import compose, initialize_config_dir

from bnlab.config import CONF
from bnlab.hydra_bridge.jobs import configs_of
from bnlab.hydra_bridge.on_workers import Gathered, Workers, groups_of
from bnlab.launch import run, stored_outcomes
from bnlab.store import environment, run_folder

TINY = ("threads=1", "steps=1", "data.limit=64", "quiet=true")
NORMS = ("none", "batch", "layer", "rms")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--arms", type=int, default=2000)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--jobs", type=int, default=100)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        each = [*TINY, f"runs_dir={folder}", f"seeds={arguments.seeds}", f"stack.jobs={arguments.jobs}"]
        rates = [f"{1e-3 * (1 + number / 1000):.6f}" for number in range(arguments.arms // len(NORMS))]
        jobs = [[f"norm={norm}", f"optimizer.lr={rate}", *each] for norm in NORMS for rate in rates]
        with initialize_config_dir(version_base="1.3", config_dir=str(CONF)):
            configs_of(jobs[:1], lambda overrides: compose("config", overrides=overrides))
            start = time.process_time()
            configs = configs_of(jobs, lambda overrides: compose("config", overrides=overrides))
        composed = time.process_time()
        task = Gathered.of(groups_of(configs, Workers(None)), jobs, configs)
        size = len(pickle.dumps(task))
        packed = time.process_time()
        one = configs[0]
        run([one])
        for config in configs[1:]:
            shutil.copytree(run_folder(one), run_folder(config))
        stored = time.process_time()
        outcomes = stored_outcomes(configs, set())
        read = time.process_time()
        replicates = sum(map(len, outcomes))
        print(environment.describe("cpu", 1))
        print(f"{len(jobs)} arms of {arguments.seeds} seeds in {arguments.jobs} jobs")
        print(f"composed and checked: {1000 * (composed - start) / len(jobs):.2f} ms of CPU an arm")
        print(f"packed: {1000 * (packed - composed) / len(jobs):.2f} ms an arm; {size / 1e6:.2f} MB for each job")
        print(f"{replicates} results read: {1000 * (read - stored) / replicates:.3f} ms each")
        print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6:.2f} GB")


if __name__ == "__main__":
    main()
