"""bnlab's stacks against JAX's vmap: `python -m tests.benchmarks.jax_vmap ENVIRONMENT/bin/python`.

The argument is the Python of an environment of its own, in which `pip install jax optax` was run. Both train the
article's network (jax_network.py) for so many steps in alternating rounds, on all cores; printed are the medians in
microseconds per replicate and step.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from bnlab.bench.configs import article_config
from bnlab.bench.engine import seconds_of_steps
from bnlab.data import unpacked_mnist
from bnlab.launch import Job
from bnlab.machine.threads import use_threads

PROGRAM = Path(__file__).with_name("jax_network.py")
OF_JAX, OF_BNLAB = (1, 2, 4, 8, 16), (1, 4, 16, 64)


def round_of_jax(process: subprocess.Popen[str]) -> str:
    """What the program prints of its next round."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("\n")
    process.stdin.flush()
    answer = process.stdout.readline().strip()
    if not answer:
        raise RuntimeError("the program in JAX ended")
    return answer


def seconds_of_jax(process: subprocess.Popen[str]) -> float:
    return float(round_of_jax(process))


@use_threads(1)
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("python", help="of an environment with JAX and Optax")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--steps", type=int, default=500)
    given = parser.parse_args()
    config = article_config()
    with ExitStack() as stack:
        raw = stack.enter_context(unpacked_mnist()) / "MNIST" / "raw"
        cases: dict[str, tuple[int, Callable[[], float]]] = {}
        for replicates in OF_JAX:
            command = [given.python, str(PROGRAM), str(replicates), str(given.steps), str(raw)]
            process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            stack.callback(process.terminate)
            round_of_jax(process)
            cases[f"JAX, R = {replicates}"] = replicates, partial(seconds_of_jax, process)
        for replicates in OF_BNLAB:
            jobs = [Job(config, seed) for seed in range(replicates)]
            seconds = partial(seconds_of_steps, jobs, given.steps, compiled=False)
            cases[f"bnlab, R = {replicates}"] = replicates, seconds
        taken: dict[str, list[float]] = {name: [] for name in cases}
        for _ in range(given.rounds):
            for name, (replicates, measure) in cases.items():
                taken[name].append(measure() / given.steps / replicates * 1e6)
    for name, values in taken.items():
        print(f"{name:15}{statistics.median(values):8.0f}   {min(values):.0f} to {max(values):.0f}")


if __name__ == "__main__":
    main()
