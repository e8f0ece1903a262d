"""What probes cost every 100 steps: `python -m tests.benchmarks.probes`.

Trains, and prints which share of the process's CPU time went into looks and what is kept of them. A share, because the
difference of two trainings is smaller than what another program on the machine does to them; the checks' bar is 10 %.
"""

import argparse
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from time import process_time, thread_time
from typing import Any
from unittest.mock import patch

from bnlab.config import PROBES, from_mapping
from bnlab.engine import Look
from bnlab.engine.shard import Shard
from bnlab.launch.outcomes import run
from bnlab.launch.recorder import Recorder
from bnlab.store import ReplicateFolder
from tests.compose import compose

CASES = {
    "mlp, 1": ["epochs=4"],
    "mlp, stack of 16": ["epochs=4", "seeds=16"],
    "cnn, stack of 4": ["model=cnn", "steps=400", "seeds=4"],
    "rnn, stack of 4": ["model=rnn", "steps=200", "seeds=4"],
    "vit, stack of 4": ["model=vit", "steps=200", "seeds=4"],
}
MEASURED = ((Shard, "_look"), (Look, "measure"), (Recorder, "inspected"), (ReplicateFolder, "write_probes"))


def cost(overrides: Sequence[str]) -> float:
    """The share of CPU time of a training in an empty folder."""
    spent = [0.0]

    def timed(of: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            began = thread_time()
            try:
                return of(*arguments, **options)
            finally:
                spent.append(thread_time() - began)

        return call

    with tempfile.TemporaryDirectory() as folder, ExitStack() as patches:
        for owner, name in MEASURED:
            patches.enter_context(patch.object(owner, name, timed(getattr(owner, name))))
        config = from_mapping(compose([*overrides, "quiet=true", f"runs_dir={Path(folder) / 'runs'}"]))
        began = process_time()
        run([config])
        return sum(spent) / (process_time() - began)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--names", nargs="+", default=["activations", "gradients"], choices=PROBES)
    parser.add_argument("--cases", nargs="+", default=list(CASES))
    arguments = parser.parse_args()
    probes = f"probes.names=[{','.join(arguments.names)}]"
    for name in arguments.cases:
        shares = [cost([*CASES[name], probes]) for _ in range(arguments.rounds)]
        print(f"{name:18} {median(shares):6.1%} of the CPU time (median of {arguments.rounds})", flush=True)


if __name__ == "__main__":
    main()
