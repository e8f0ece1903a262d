"""What digests cost: `python -m tests.benchmarks.digest_cost`.

Prints which share of the CPU time of a training goes into the digests of its files and the run's index, and which share
of that of a report into holding 10,000 stored replicates against theirs. CPU time, as other programs change it least,
less what it takes to measure it, which is about as much as a digest.
"""

import argparse
import io
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from time import process_time
from typing import Any
from unittest.mock import patch

from rich.console import Console

from bnlab import report
from bnlab.config import from_mapping
from bnlab.launch import run
from bnlab.report.comparison import curves, images
from bnlab.store import index_file, replicate, result_file
from tests.benchmarks.stored_runs import make
from tests.compose import compose

TRAININGS = {
    "single run, 1 epoch": ["epochs=1"],
    "16 seeds, 1 epoch, weights kept": ["epochs=1", "seeds=16", "keep_checkpoint=true"],
}
OF_TRAINING = ((replicate, "digests_in"), (index_file, "add"))
OF_REPORT = ((result_file, "_checked_digest"), (curves, "digest_of"), (images, "digest_of"))
OF_INDEX = ((index_file, "_read"),)


def share(work: Callable[[], object], functions: tuple[tuple[Any, str], ...]) -> tuple[float, float]:
    """The CPU seconds that the functions take of the work's."""
    spent, own = 0.0, measuring()

    def timed(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any) -> Any:
            nonlocal spent
            start = process_time()
            try:
                return function(*arguments)
            finally:
                spent += process_time() - start - own

        return call

    with ExitStack() as patches:
        for module, name in functions:
            patches.enter_context(patch.object(module, name, timed(getattr(module, name))))
        start = process_time()
        work()
        return spent, process_time() - start


def measuring(times: int = 10_000) -> float:
    """The CPU seconds that are found of nothing."""
    return sum(-(process_time() - process_time()) for _ in range(times)) / times


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=1250)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for number, (name, overrides) in enumerate(TRAININGS.items()):
            config = from_mapping(compose([*overrides, "quiet=true", f"runs_dir={folder}/{number}"]))
            spent, whole = share(lambda config=config: run([config]), OF_TRAINING)  # type: ignore[misc]
            print(f"{name}: {1000 * spent:.1f} ms of {whole:.1f} s, {spent / whole:.2%}", flush=True)
        runs = Path(folder) / "stored"
        make(runs, given.runs, 8, 10)
        question, console = report.Question(), Console(file=io.StringIO())
        for name, functions in (("digests", OF_REPORT), ("index", OF_INDEX)) * 3:
            spent, whole = share(lambda: report.make([runs], question, None, console), functions)
            replicates = f"report on {8 * given.runs} replicates"
            print(f"{replicates}, {name}: {1000 * spent:.0f} ms of {whole:.1f} s, {spent / whole:.2%}")


if __name__ == "__main__":
    main()
