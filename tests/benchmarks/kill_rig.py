"""Kills training at random places and resumes it: `python -m tests.benchmarks.kill_rig --kills 60`.

Each trial trains in a process that kills itself (SIGKILL) at a place drawn at random, repeats the same command, and
compares every metrics.csv with that of an uninterrupted training, byte by byte. The places are a step, an evaluation,
for each file that is written: half of it written, all of it but not yet in place, in place; and any millisecond. In a
third of the trials the resumed process is killed too, and resumed again.

A process is a fork of this one, which has imported PyTorch but never computed with it.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import json
import os
import random
import signal
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import IO, Any

QUICK = ("threads=1", "data.limit=640", "data.validation_size=200", "data.batch_size=32", "checkpoint_every=0")
SCENARIOS = {
    "single run": (*QUICK, "epochs=3", "schedule=cosine"),
    "stack of 5 seeds": (*QUICK, "epochs=2", "eval_every=7", "seeds=5", "optimizer=sgd", "optimizer.momentum=0.9"),
    "sweep of 2 x 2 seeds": ("-m", *QUICK, "epochs=2", "norm=batch,layer", "norm.impl=custom", "seeds=2"),
    "residual layers, dropout, accumulation": (
        *(*QUICK, "epochs=2", "seeds=2", "data.accumulate=2", "optimizer=rmsprop", "optimizer.clip_norm=1"),
        *("model.width=16", "model.depth=3", "model.residual=true", "model.dropout=0.2"),
    ),
    "vit": (*QUICK, "epochs=2", "eval_every=7", "model=vit", "model.width=16", "model.depth=1", "norm=layer"),
    "rnn": (*QUICK, "epochs=1", "eval_every=7", "model=rnn", "model.hidden=8", "optimizer.clip_norm=1"),
    "sweep in 2 stacks": ("-m", *QUICK, "epochs=1", "norm=batch", "data.batch_size=32,64", "seeds=2"),
}
ANY = "any millisecond"
PLACES = ("step", "evaluation", "half a file", "file not in place", "file in place", ANY)


@dataclass
class Events:
    """Counts what a training does, and ends the process at the `at`-th event of a place."""

    place: str | None = None
    at: int = 0

    def __post_init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self._began = perf_counter()
        if self.place == ANY:
            signal.signal(signal.SIGALRM, signal.SIG_DFL)  # which ends the process as SIGKILL does
            signal.setitimer(signal.ITIMER_REAL, self.at / 1000)

    def end(self) -> None:
        """The training is through."""
        self.counts[ANY] = round(1000 * (perf_counter() - self._began))

    def happened(self, place: str) -> None:
        self.counts[place] += 1
        if place == self.place and self.counts[place] == self.at:
            os.kill(os.getpid(), signal.SIGKILL)


class HalfWritten:
    """A file that tells of its writing between the first half and the second."""

    def __init__(self, file: IO[bytes], events: Events) -> None:
        self._file, self._events = file, events

    def __enter__(self) -> HalfWritten:
        return self

    def __exit__(self, *error: object) -> None:
        self._file.close()

    def write(self, content: bytes) -> None:
        half = len(content) // 2
        self._file.write(content[:half])
        self._file.flush()
        self._events.happened("half a file")
        self._file.write(content[half:])

    def flush(self) -> None:
        self._file.flush()

    def fileno(self) -> int:
        return self._file.fileno()


def watch(events: Events) -> None:
    """Makes this process tell `events` what it does."""
    from bnlab.engine import optimizer as optim
    from bnlab.engine import shard

    def before(place: str, call: Any) -> Any:
        def watched(*arguments: Any, **options: Any) -> Any:
            events.happened(place)
            return call(*arguments, **options)

        return watched

    def after(place: str, call: Any) -> Any:
        def watched(*arguments: Any, **options: Any) -> Any:
            done = call(*arguments, **options)
            events.happened(place)
            return done

        return watched

    def opened(fdopen: Any) -> Any:
        def watched(descriptor: int, mode: str = "r", *arguments: Any, **options: Any) -> Any:
            file = fdopen(descriptor, mode, *arguments, **options)
            return HalfWritten(file, events) if mode == "wb" else file

        return watched

    for owner, name, wrap in (
        (optim.StackOptimizer, "set_lr", partial(after, "step")),
        (shard, "evaluate", partial(before, "evaluation")),
        (os, "fdopen", opened),
        (Path, "replace", partial(before, "file not in place")),
        (Path, "replace", partial(after, "file in place")),
    ):
        setattr(owner, name, wrap(getattr(owner, name)))


def in_a_fork(work: Callable[[], str], log: Path) -> tuple[int | None, str]:
    """The exit code of a forked process (None: killed) and what its work returned; its output goes to a file."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        with log.open("ab", buffering=0) as output:
            os.dup2(output.fileno(), 1)
            os.dup2(output.fileno(), 2)
        code = 1
        with contextlib.suppress(BaseException):
            os.write(writing, work().encode())
            code = 0
        os._exit(code)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        answer = pipe.read()
    status = os.waitpid(child, 0)[1]
    return (None if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)), answer


def train(
    folder: Path, arguments: Sequence[str], place: str | None = None, at: int = 0
) -> tuple[int | None, Counter[str]]:
    """`bnlab train` in a process of its own that works in `folder` and is killed there; its exit code and events."""

    def work() -> str:
        from bnlab.cli.app import main

        os.chdir(folder)
        events = Events(place, at)
        watch(events)
        sys.argv = ["bnlab", "train", "--quiet", *arguments]
        try:
            main()
        except SystemExit as stop:
            if stop.code:
                raise
        events.end()
        return json.dumps(events.counts)

    code, counts = in_a_fork(work, folder / "output.txt")
    return code, Counter(json.loads(counts or "{}"))


def metrics(folder: Path) -> dict[str, bytes]:
    """Every replicate's metrics.csv, by its place below runs/."""
    return {
        str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.glob("runs/*/seed-*/metrics.csv"))
    }


def leftovers(folder: Path) -> list[str]:
    """Files that should be gone when everything is done."""
    found = itertools.chain(folder.rglob(".writing.*"), folder.glob("runs/.stacks/*"), folder.rglob("*.pt"))
    return sorted(str(path.relative_to(folder)) for path in found)


@contextlib.contextmanager
def empty_folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


@dataclass(frozen=True)
class Trial:
    """One training that was killed once or twice and resumed; `fault` is None if nothing was lost."""

    scenario: str
    place: str
    kills: int
    fault: str | None


class Rig:
    """The scenarios with their uninterrupted results."""

    def __init__(self, scenarios: Sequence[str], seed: int) -> None:
        self._draw = random.Random(seed)
        self._counts: dict[str, Counter[str]] = {}
        self._expected: dict[str, dict[str, bytes]] = {}
        with empty_folder() as folder:
            train(folder, SCENARIOS["single run"])  # may unpack the data, which no later training does
        for name in scenarios:
            with empty_folder() as folder:
                code, self._counts[name] = train(folder, SCENARIOS[name])
                if code != 0:
                    raise RuntimeError(f"{name}: {(folder / 'output.txt').read_text()}")
                self._expected[name] = metrics(folder)

    def trial(self, scenario: str, place: str) -> Trial:
        """Trains until it is through, killed on the way."""
        planned = 2 if self._draw.random() < 1 / 3 else 1
        with empty_folder() as folder:
            kills = 0
            while True:
                at = self._draw.randint(1, self._counts[scenario][place])
                code, _ = train(folder, SCENARIOS[scenario], place if kills < planned else None, at)
                if code is not None:
                    break
                kills += 1
            return Trial(scenario, place, kills, self._fault(folder, scenario, code))

    def _fault(self, folder: Path, scenario: str, code: int) -> str | None:
        if code != 0:
            return f"exit code {code}: {(folder / 'output.txt').read_text().strip()}"
        if metrics(folder) != self._expected[scenario]:
            return "metrics.csv differs"
        left = leftovers(folder)
        return f"left behind: {', '.join(left)}" if left else None


def run(kills: int, scenarios: Sequence[str], seed: int) -> list[Trial]:
    """At least so many kills, in turns over the scenarios and all places. Prints a line per trial."""
    import torch  # noqa: F401  # imported once, here, for all forks

    import bnlab.launch  # noqa: F401

    rig = Rig(scenarios, seed)
    trials: list[Trial] = []
    for place, scenario in itertools.cycle(itertools.product(PLACES, scenarios)):
        if sum(trial.kills for trial in trials) >= kills:
            return trials
        trials.append(rig.trial(scenario, place))
        last = trials[-1]
        print(
            f"{last.kills} x killed at: {last.place:18} {last.scenario:21} {last.fault or 'bit-identical'}", flush=True
        )
    raise AssertionError("a cycle does not end")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=60)
    parser.add_argument("--scenarios", type=int, default=len(SCENARIOS), help="only the last so many")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    began = perf_counter()
    trials = run(options.kills, list(SCENARIOS)[-options.scenarios :], options.seed)
    faults = [trial for trial in trials if trial.fault is not None]
    kills = sum(trial.kills for trial in trials)
    print(f"{kills} kills, {len(trials)} trainings, {len(faults)} not bit-identical; {perf_counter() - began:.0f} s")
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
