"""model=rnn and model=vit against the same models in a plain PyTorch loop: `python -m tests.benchmarks.sequences`.

The plain loop keeps images and labels resident as well, selects batches by index, and trains the plain module with
torch.optim.Adam: what anyone would write. Alternating rounds; the medians and their ratio, per replicate and step.
"""

from __future__ import annotations

import argparse
import statistics
import threading
from collections.abc import Callable
from time import perf_counter

import torch
from torch.nn import functional as F

from bnlab.config import RunConfig
from bnlab.engine.shard import Shard
from bnlab.launch.build import plan_of, replicate, split_of
from bnlab.machine.threads import use_threads
from tests.configured import changed

WARM_UP = 3
CASES = {
    "rnn, batch": ("model=rnn", "norm=batch"),
    "rnn, layer": ("model=rnn", "norm=layer"),
    "rnn, none": ("model=rnn", "norm=none"),
    "vit, layer": ("model=vit", "norm=layer"),
    "vit, batch": ("model=vit", "norm=batch"),
}


def plain(config: RunConfig) -> Callable[[int], None]:
    """Trains so many steps."""
    split, model = split_of(config.data), replicate(config, 0).model
    optimizer = torch.optim.Adam(model.parameters(), lr=config.optimizer.lr)

    def steps(count: int) -> None:
        for _ in range(count):
            chosen = torch.randint(len(split.train), (config.data.batch_size,))
            loss = F.cross_entropy(
                model(split.scaling.to_float(split.train.images[chosen])), split.train.labels[chosen]
            )
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

    return steps


def stacked(config: RunConfig, replicates: int) -> Callable[[int], None]:
    plan, device = plan_of(config), torch.device("cpu")
    stack = [replicate(config, seed) for seed in range(replicates)]
    shard, goes_on = Shard(stack, split_of(config.data), plan, device, compiled=False, warn=print), threading.Event()

    def steps(count: int) -> None:
        left = count
        while left:
            left -= len(shard.train(left, goes_on).losses)

    return steps


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--cases", nargs="*", default=list(CASES))
    arguments = parser.parse_args()
    print(
        f"{'case':12}{'plain':>10}{'single':>10}{'times':>7}{'stack of 8':>12}{'times':>7}   µs per replicate and step"
    )
    for case in arguments.cases:
        config = changed(CASES[case])
        runs = {"plain": (plain(config), 1), "single": (stacked(config, 1), 1), "stack": (stacked(config, 8), 8)}
        taken: dict[str, list[float]] = {name: [] for name in runs}
        with use_threads(1), torch.enable_grad():
            for run, _ in runs.values():
                run(WARM_UP)
            for _ in range(arguments.rounds):
                for name, (run, replicates) in runs.items():
                    began = perf_counter()
                    run(arguments.steps)
                    taken[name].append((perf_counter() - began) / arguments.steps / replicates * 1e6)
        median = {name: statistics.median(values) for name, values in taken.items()}
        single, stack = (median["plain"] / median[name] for name in ("single", "stack"))
        print(
            f"{case:12}{median['plain']:10,.0f}{median['single']:10,.0f}{single:7.1f}{median['stack']:12,.0f}{stack:7.1f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
