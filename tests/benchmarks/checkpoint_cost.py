"""What checkpoints cost at the default setting: `python -m tests.benchmarks.checkpoint_cost`.

Trains, and prints which share of the whole time went into `Checkpoints.offer`, which decides, copies and writes. A
share, because the difference of two trainings is smaller than what another program on the machine does to them.
"""

import argparse
import tempfile
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any
from unittest.mock import patch

from bnlab.config import from_mapping
from bnlab.launch.checkpoints import Checkpoints
from bnlab.launch.outcomes import run
from bnlab.store.checkpoint_file import save
from tests.compose import compose

CASES = {
    "single run, 10 epochs": ["epochs=10"],
    "stack of 16, 4 epochs": ["epochs=4", "seeds=16"],
    "wide stack of 8, 4 epochs": ["epochs=4", "seeds=8", "model.hidden=[512,512]", "data.batch_size=512"],
}


def cost(overrides: list[str]) -> tuple[float, int]:
    """The share of checkpoints in the time of a training in an empty folder, and how many were written."""
    spent, offer = 0.0, Checkpoints.offer

    def timed(self: Checkpoints, *arguments: Any, **options: Any) -> None:
        nonlocal spent
        start = perf_counter()
        offer(self, *arguments, **options)
        spent += perf_counter() - start

    with tempfile.TemporaryDirectory() as folder:
        config = from_mapping(compose([*overrides, "quiet=true", f"runs_dir={Path(folder) / 'runs'}"]))
        with (
            patch.object(Checkpoints, "offer", timed),
            patch("bnlab.launch.checkpoints.save", wraps=save) as saved,
        ):
            start = perf_counter()
            run([config])
            return spent / (perf_counter() - start), saved.call_count


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    for name, overrides in CASES.items():
        costs = [cost(overrides) for _ in range(rounds)]
        share, count = median(share for share, _ in costs), median(count for _, count in costs)
        print(f"{name:26} {share:.2%} of the time for {count:.0f} checkpoints (median of {rounds})", flush=True)


if __name__ == "__main__":
    main()
