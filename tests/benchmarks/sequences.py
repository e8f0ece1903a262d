"""model=rnn and model=vit against the same models in a plain PyTorch loop: `python -m tests.benchmarks.sequences`.

The plain loop keeps images and labels resident as well, selects batches by index, and trains the plain module with
torch.optim.Adam: what anyone would write. It is timed with one of PyTorch's threads and with all, and the faster of the
two counts. bnlab's runs are timed as they train, with all threads, evaluation left out. Alternating rounds; the medians
and their ratio, per replicate and step. Products are the matrix products of a step by themselves, in the fastest layout
of their operands, as if every core had some of them all the time: no step can take less. They are counted while a step
runs; attention, convolutions and all else count as free.
"""

from __future__ import annotations

import argparse
import dataclasses
import statistics
import threading
from collections import Counter
from collections.abc import Callable
from functools import partial
from time import perf_counter
from typing import Any

import torch
from torch.nn import functional as F

from bnlab.bench import limit
from bnlab.bench.engine import seconds_of_steps
from bnlab.config import RunConfig
from bnlab.engine.pytorch_private import Kernels
from bnlab.engine.shard import Shard
from bnlab.launch.build import plan_of, replicate, split_of
from bnlab.launch.job import Job
from bnlab.machine.threads import DEFAULT_THREADS, in_own_thread, use_threads
from tests.configured import changed

WARM_UP = 20
SEEDS = 8
FACTORS = {"mm": 0, "bmm": 0, "addmm": 1, "baddbmm": 1, "_linear_pointwise": 0}
"""The kernels of matrix products, and which of their arguments is the first factor."""
CASES = {
    "rnn, batch": ("model=rnn", "norm=batch"),
    "rnn, layer": ("model=rnn", "norm=layer"),
    "rnn, none": ("model=rnn", "norm=none"),
    "vit, layer": ("model=vit", "norm=layer"),
    "vit, batch": ("model=vit", "norm=batch"),
}


def seconds_of_plain_steps(config: RunConfig, steps: int) -> float:
    """The seconds of so many steps of the plain loop, after some to warm up."""
    split, model = split_of(config.data), replicate(config, 0).model
    optimizer = torch.optim.Adam(model.parameters(), lr=config.optimizer.lr)
    began = 0.0
    for number in range(WARM_UP + steps):
        if number == WARM_UP:
            began = perf_counter()
        chosen = torch.randint(len(split.train), (config.data.batch_size,))
        loss = F.cross_entropy(model(split.scaling.to_float(split.train.images[chosen])), split.train.labels[chosen])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return perf_counter() - began


class Products(Kernels):
    """Counts the matrix products that are called while it is entered."""

    def __init__(self) -> None:
        super().__init__()
        self.counts: Counter[limit.Product] = Counter()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result, name = func(*args, **(kwargs or {})), func.overloadpacket.__name__
        if name in FACTORS:
            first = args[FACTORS[name]]
            replicates = first.shape[0] if first.ndim == 3 else 1
            self.counts[limit.Product(replicates, first.shape[-2], first.shape[-1], result.shape[-1])] += 1
        return result


@use_threads(1)
def seconds_of_products(config: RunConfig, replicates: int) -> float:
    """The seconds that the products of a step take by themselves, on one core."""
    too_short_to_record = dataclasses.replace(config, steps=1, epochs=None)
    stack = [replicate(config, seed) for seed in range(replicates)]
    plan, device = plan_of(too_short_to_record), torch.device("cpu")
    shard, counted = Shard(stack, split_of(config.data), plan, device, compiled=False, warn=print), Products()
    with counted, torch.enable_grad():
        shard.train(1, threading.Event())
    return sum(count * limit.fastest(product) for product, count in counted.counts.items())


@use_threads(1)
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--compiled", action="store_true", help="with PyTorch's compiler, which takes minutes")
    parser.add_argument("--cases", nargs="*", default=list(CASES))
    arguments = parser.parse_args()
    steps, compiled = arguments.steps, arguments.compiled
    print(f"{'':12}{'plain loop':>22}{'single run':>26}{f'stack of {SEEDS}':>26}   µs per replicate and step")
    print(f"{'case':12}{'1 thread':>11}{'all':>11}" + 2 * f"{'products':>10}{'step':>9}{'times':>7}")
    for case in arguments.cases:
        config = changed(CASES[case])
        plain = partial(seconds_of_plain_steps, config, steps)
        measures: dict[str, tuple[Callable[[], float], int]] = {
            "one": (partial(in_own_thread, 1, plain), 1),
            "all": (partial(in_own_thread, DEFAULT_THREADS, plain), 1),
        }
        for replicates in (1, SEEDS):
            jobs = [Job(config, seed) for seed in range(replicates)]
            measures[str(replicates)] = (partial(seconds_of_steps, jobs, steps, compiled=compiled), replicates)
        taken: dict[str, list[float]] = {name: [] for name in measures}
        for _ in range(arguments.rounds):
            for name, (seconds, replicates) in measures.items():
                taken[name].append(seconds() / steps / replicates * 1e6)
        median = {name: statistics.median(values) for name, values in taken.items()}
        columns = f"{median['one']:11,.0f}{median['all']:11,.0f}"
        for replicates in (1, SEEDS):
            alone = seconds_of_products(config, replicates) / replicates / DEFAULT_THREADS * 1e6
            step = median[str(replicates)]
            columns += f"{alone:10,.0f}{step:9,.0f}{min(median['one'], median['all']) / step:7.1f}"
        print(f"{case:12}{columns}", flush=True)


if __name__ == "__main__":
    main()
