"""Makes folders of runs as if they had been trained: `python -m tests.benchmarks.stored_runs FOLDER`.

Accuracies follow a saturating curve with a level per scheme and learning rate and noise per seed, so that a report on
them has something to find. `--time` also times `bnlab report` on them, in a process of its own.
"""

import argparse
import contextlib
import copy
import itertools
import math
import random
import re
import subprocess
import sys
from pathlib import Path
from time import perf_counter, sleep

import yaml

from bnlab.config import from_mapping
from bnlab.models import build
from bnlab.store import index_file
from bnlab.store.address import run_folder
from bnlab.store.answers_file import ANSWERS, packed
from bnlab.store.digests import digests_in
from bnlab.store.result_file import RESULT, Result, State, encode
from bnlab.store.rows_file import METRICS, METRICS_FILE, TIMING, TIMING_FILE
from tests.compose import compose

LEVELS = {"none": 0.972, "batch": 0.978, "layer": 0.976, "group": 0.976, "rms": 0.977}
ENVIRONMENT: dict[str, str | int | bool] = {
    "bnlab": "0.1.0",
    "torch": "2.14.1",
    "torchvision": "0.29.1",
    "python": "3.11.7",
    "platform": "Linux",
    "cpu": "X9",
    "device": "cpu",
    "threads": 1,
    "commit": "0" * 40,
    "dirty": False,
}
IMAGE, CLASSES, IMAGES = (1, 28, 28), 10, 10_000
SPLITS = {"train": 0.012, "validation": 0.0, "test": 0.0}


def make(folder: Path, runs: int, seeds: int, epochs: int) -> None:
    """So many run folders with so many seeds each: 5 schemes times as many learning rates as are needed."""
    rates = [10 ** (-4 + 2.5 * i / max(1, math.ceil(runs / 5) - 1)) for i in range(math.ceil(runs / 5))]
    composed = {name: compose([f"norm={name}"]) for name in LEVELS}
    for name, rate in itertools.islice(itertools.product(LEVELS, rates), runs):
        mapping = copy.deepcopy(composed[name])
        mapping["optimizer"]["lr"] = float(f"{rate:.4g}")
        config = from_mapping(mapping | {"runs_dir": str(folder)})
        run = run_folder(config)
        run.mkdir(parents=True, exist_ok=True)
        (run / "config.yaml").write_text(yaml.safe_dump(config.protocol(), sort_keys=False), encoding="utf-8")
        model = build(config.model, config.norm, IMAGE, CLASSES, generator=None)
        parameters = sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)
        level = LEVELS[name] - 0.004 * (math.log10(rate) + 2.7) ** 2 * (2 if name == "none" else 1)
        for seed in range(seeds):
            _replicate(run / f"seed-{seed}", name, level, rate, seed, epochs, parameters)


def _replicate(path: Path, name: str, level: float, rate: float, seed: int, epochs: int, parameters: int) -> None:
    noise = random.Random(f"{name} {rate} {seed}")
    shared = random.Random(seed).gauss(0, 0.0006)
    diverged = name == "none" and rate > 0.02 and seed % 3 == 0
    end = level + shared + noise.gauss(0, 0.0008)
    rows: list[tuple[object, ...]] = []
    timing: list[tuple[object, ...]] = []
    final: dict[str, float] = {}
    for epoch in range(1, epochs + 1):
        reached = end - 0.05 * math.exp(-epoch / (3 if name == "none" else 1.5)) + noise.gauss(0, 0.0004)
        splits = SPLITS | ({"test_batch_stats": -0.006} if name == "batch" and epoch == epochs else {})
        for split, offset in splits.items():
            accuracy = min(1.0, round(reached + offset * epoch / epochs, 4))
            loss = round(3.3 * (1 - accuracy), 5)
            rows.append((epoch, 1563 * epoch, split, loss, accuracy))
            final |= {f"{split}_loss": loss, f"{split}_accuracy": accuracy}
        timing.append((epoch, 1563 * epoch, f"{2.1 * epoch:.4f}", "23800.0", 16))
        if diverged and epoch == 3:
            break
    path.mkdir(exist_ok=True)
    (path / METRICS_FILE).write_text(_csv(METRICS, rows), encoding="utf-8")
    (path / TIMING_FILE).write_text(_csv(TIMING, timing), encoding="utf-8")
    if not diverged:
        (path / ANSWERS).write_bytes(packed(_answers(round(IMAGES * final["test_accuracy"]), noise)))
    result = Result(
        seed=seed,
        state=State.DIVERGED if diverged else State.DONE,
        diverged_at_step=5000 if diverged else None,
        final=final,
        seconds=2.1 * epochs,
        parameters=parameters,
        command="bnlab train",
        environment=ENVIRONMENT,
        run=path.parent.name.rpartition("-")[2],
        digests=digests_in(path),
    )
    content = encode(result)
    (path / RESULT).write_bytes(content)
    index_file.add(path.parent, seed, content)


def _answers(right: int, noise: random.Random) -> list[bool]:
    """So many are right; the first images are the hard ones, on which every replicate fails most."""
    wrong = set(noise.sample(range(3 * (IMAGES - right) + 1), IMAGES - right))
    return [image not in wrong for image in range(IMAGES)]


def _csv(header: tuple[str, ...], rows: list[tuple[object, ...]]) -> str:
    return "".join(",".join(map(str, row)) + "\n" for row in (header, *rows))


def time(folder: Path, *options: str) -> None:
    """Prints wall seconds and the peak memory of `bnlab report` on the folder; on Linux."""
    start = perf_counter()
    command = [sys.executable, "-m", "bnlab", "report", str(folder), *options]
    peaks: dict[str, int] = {}
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        while process.poll() is None:
            with contextlib.suppress(OSError):  # a process has just ended
                children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
                for each in (str(process.pid), *children):
                    peaks[each] = max(_peak(each), peaks.get(each, 0))
            sleep(0.05)
    if process.returncode != 0:
        raise subprocess.CalledProcessError(process.returncode, command)
    said = f"{perf_counter() - start:.1f} s, {' + '.join(map(str, peaks.values()))} MB at most"
    print(f"bnlab report {' '.join(options)}: {said}")


def _peak(process: str) -> int:
    """The most memory that a process had until now, in MB. Not of getrusage, which counts the memory of the parent."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{process}/status").read_text())
    return int(found[1]) // 1024 if found else 0  # it has just ended


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--runs", type=int, default=1250)
    parser.add_argument("--seeds", type=int, default=8)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--time", nargs=argparse.REMAINDER, help="time bnlab report with these options")
    given = parser.parse_args()
    if not given.folder.exists():
        make(given.folder, given.runs, given.seeds, given.epochs)
    if given.time is not None:
        time(given.folder, *given.time)


if __name__ == "__main__":
    main()
