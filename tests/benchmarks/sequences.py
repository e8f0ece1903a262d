"""model=rnn and model=vit against the same models in a plain PyTorch loop: `python -m tests.benchmarks.sequences`.

The plain loop keeps images and labels resident as well, selects batches by index, and trains the plain module with
torch.optim.Adam: what anyone would write. Alternating rounds; the medians and their ratio, per replicate and step.
Products are the matrix products of a step by themselves, in the fastest layout of their operands: no step of a stack
can take less. They are counted while a step runs; attention, convolutions and all else count as free.
"""

from __future__ import annotations

import argparse
import dataclasses
import statistics
import threading
from collections import Counter
from collections.abc import Callable
from time import perf_counter
from typing import Any

import torch
from torch.nn import functional as F
from torch.utils._python_dispatch import TorchDispatchMode

from bnlab.bench import limit
from bnlab.config import RunConfig
from bnlab.engine.shard import Shard
from bnlab.launch.build import plan_of, replicate, split_of
from bnlab.machine.threads import use_threads
from tests.configured import changed

WARM_UP = 3
FACTORS = {"mm": (0, 1), "bmm": (0, 1), "addmm": (1, 2), "baddbmm": (1, 2)}
"""The kernels of matrix products, and which of their arguments are the factors."""
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


def stacked(config: RunConfig, replicates: int, *, compiled: bool = False) -> Callable[[int], None]:
    plan, device = plan_of(config), torch.device("cpu")
    stack = [replicate(config, seed) for seed in range(replicates)]
    shard, goes_on = Shard(stack, split_of(config.data), plan, device, compiled=compiled, warn=print), threading.Event()

    def steps(count: int) -> None:
        left = count
        while left:
            left -= len(shard.train(left, goes_on).losses)

    return steps


class Products(TorchDispatchMode):
    """Counts the matrix products that are called while it is entered."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.counts: Counter[limit.Product] = Counter()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = func.overloadpacket.__name__
        if name in FACTORS:
            first, second = (args[place] for place in FACTORS[name])
            replicates = first.shape[0] if first.ndim == 3 else 1
            self.counts[limit.Product(replicates, first.shape[-2], first.shape[-1], second.shape[-1])] += 1
        return func(*args, **(kwargs or {}))


def products(config: RunConfig, replicates: int) -> float:
    """The seconds that the products of a step take by themselves."""
    too_short_to_record = dataclasses.replace(config, steps=1, epochs=None)
    run, counted = stacked(too_short_to_record, replicates), Products()
    with counted:
        run(1)
    return sum(count * limit.fastest(product) for product, count in counted.counts.items())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--compiled", action="store_true", help="with PyTorch's compiler, which takes minutes")
    parser.add_argument("--cases", nargs="*", default=list(CASES))
    arguments = parser.parse_args()
    print(f"{'':12}{'plain':>10}{'single':>26}{'stack of 8':>26}   µs per replicate and step")
    print(f"{'case':12}{'loop':>10}" + 2 * f"{'products':>10}{'step':>9}{'times':>7}")
    for case in arguments.cases:
        config = changed(CASES[case])
        sizes = {"single": 1, "stack": 8}
        stacks = {name: (stacked(config, size, compiled=arguments.compiled), size) for name, size in sizes.items()}
        runs = {"plain": (plain(config), 1), **stacks}
        taken: dict[str, list[float]] = {name: [] for name in runs}
        with use_threads(1), torch.enable_grad():
            alone = {name: products(config, runs[name][1]) / runs[name][1] * 1e6 for name in ("single", "stack")}
            for run, _ in runs.values():
                run(WARM_UP)
            for _ in range(arguments.rounds):
                for name, (run, replicates) in runs.items():
                    began = perf_counter()
                    run(arguments.steps)
                    taken[name].append((perf_counter() - began) / arguments.steps / replicates * 1e6)
        median = {name: statistics.median(values) for name, values in taken.items()}
        columns = [f"{alone[name]:10,.0f}{median[name]:9,.0f}{median['plain'] / median[name]:7.1f}" for name in alone]
        print(f"{case:12}{median['plain']:10,.0f}{''.join(columns)}", flush=True)


if __name__ == "__main__":
    main()
