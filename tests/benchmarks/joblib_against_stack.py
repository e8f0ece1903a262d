"""16 seeds in one stack beside the same 16 runs on 2 processes: `python -m tests.benchmarks.joblib_against_stack`.

The processes train single runs with one thread each, as joblib's launcher does on two cores. They are started, and have
imported torch and read the data, before anything is timed. Both sides build the models, train and evaluate; rounds
alternate.
"""

import argparse
import dataclasses
import multiprocessing
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from statistics import median
from time import perf_counter

from bnlab.bench.configs import article_config
from bnlab.config import RunConfig
from bnlab.engine.loop import train
from bnlab.engine.observer import Observer
from bnlab.launch.build import device_of, plan_of, replicate, split_of, threads_for
from bnlab.machine.threads import DEFAULT_THREADS, use_threads
from bnlab.store import environment

PROCESSES = 2


def train_together(config: RunConfig, seeds: Sequence[int]) -> None:
    """One stack; of a single seed it is a single run."""
    replicates = [replicate(config, seed) for seed in seeds]
    threads = threads_for(config, len(replicates))
    train(replicates, split_of(config.data), plan_of(config), device_of(config), Observer(), threads=threads)


def train_apart(pool: ProcessPoolExecutor, config: RunConfig, seeds: Sequence[int]) -> None:
    """A job per seed."""
    for done in [pool.submit(train_together, config, [seed]) for seed in seeds]:
        done.result()


@use_threads(1)
def prepare(config: RunConfig) -> None:
    """What a worker does once."""
    split_of(config.data)


@use_threads(1)
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=16)
    parser.add_argument("--steps", type=int, default=1875, help="of each run; 1875 are an epoch")
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    config = dataclasses.replace(article_config(), steps=arguments.steps)
    seeds = range(arguments.seeds)
    stacked, apart = [], []
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(PROCESSES, spawn, prepare, (config,)) as pool:
        brief = dataclasses.replace(config, steps=1)
        train_together(brief, seeds)
        train_apart(pool, brief, range(2 * PROCESSES))
        for _ in range(arguments.rounds):
            start = perf_counter()
            train_together(config, seeds)
            stacked.append(perf_counter() - start)
            start = perf_counter()
            train_apart(pool, config, seeds)
            apart.append(perf_counter() - start)
    print(environment.describe("cpu", DEFAULT_THREADS))
    print(f"{len(seeds)} runs of {arguments.steps} steps, medians of {arguments.rounds} alternating rounds")
    print(f"one stack         {median(stacked):7.2f} s")
    print(f"{PROCESSES} processes       {median(apart):7.2f} s")
    print(f"ratio of the medians: {median(apart) / median(stacked):.2f}")


if __name__ == "__main__":
    main()
