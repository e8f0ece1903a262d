"""A whole training run with custom batch norm against one with native, in turn.

`python -m tests.benchmarks.custom_against_native [--rounds 7] [--epochs 1] [--seeds 1]`. Each run is what `bnlab train`
does after its imports: build, train, evaluate, store.
"""

from __future__ import annotations

import argparse
import dataclasses
import tempfile
import time
from statistics import median

from bnlab.bench.configs import article_config, with_norm
from bnlab.bench.timing import alternate
from bnlab.launch.outcomes import run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--seeds", type=int, default=1, help="more than one are trained as a stack")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        base = dataclasses.replace(article_config(), epochs=arguments.epochs, seeds=arguments.seeds)
        base = dataclasses.replace(base, runs_dir=folder, rerun=True, quiet=True)

        def seconds(impl: str) -> float:
            start = time.perf_counter()
            run([with_norm(base, "batch", impl)])
            return time.perf_counter() - start

        seconds("native")
        measures = {"native": lambda: seconds("native"), "custom": lambda: seconds("custom")}
        times = alternate(measures, arguments.rounds, lambda number, name: None)
    ratios = [custom / native for custom, native in zip(times["custom"], times["native"], strict=True)]
    print(f"native {median(times['native']):.2f} s, custom {median(times['custom']):.2f} s (medians of {len(ratios)})")
    print(f"custom / native, pair by pair: median {median(ratios):.3f}, {min(ratios):.3f} to {max(ratios):.3f}")


if __name__ == "__main__":
    main()
