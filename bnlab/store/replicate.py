"""Results on disk: runs/<label>-<hash>/seed-N/, addressed by what was trained.

A run's folder holds `config.yaml`, and per replicate `seed-N/` with

* `result.json`: state, final metrics, environment, schema version;
* `metrics.csv`: epoch, step, split, loss, accuracy; nothing in it depends on the clock;
* `timing.csv`: epoch, step, seconds, images_per_second, replicates trained side by side;
* `answers.bin`: which test images were classified rightly at the end;
* `run.log`: what happened when;
* `weights.pt`: the trained weights, with `keep_checkpoint=true`.

Every file is replaced as a whole, so a reader never sees half of one. docs/store.md describes them for other programs.
"""

from __future__ import annotations

import datetime
import functools
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bnlab.config import RunConfig
from bnlab.store.address import run_folder
from bnlab.store.answers_file import ANSWERS
from bnlab.store.files import LEFTOVER, as_csv, flush, replace, storage_errors
from bnlab.store.result_file import SCHEMA, DamagedResultError, OtherSchemaError
from bnlab.store.result_file import read as read_result

if TYPE_CHECKING:
    from filelock import BaseFileLock

METRICS = ("epoch", "step", "split", "loss", "accuracy")
TIMING = ("epoch", "step", "seconds", "images_per_second", "replicates")


RESULT, DAMAGED, WEIGHTS = "result.json", "result-damaged.json", "weights.pt"

FINISHED = ("done", "diverged")
"""States whose result is final; a replicate in any other state is trained."""


def stored_result(replicate: Path) -> dict[str, Any] | None:
    """The result.json in a replicate's folder; None if there is none that can be read."""
    try:
        return read_result(replicate / RESULT)
    except (FileNotFoundError, DamagedResultError, OtherSchemaError):
        return None


def finished(replicate: Path) -> dict[str, Any] | None:
    """The result in a replicate's folder if it is done, or has diverged."""
    result = stored_result(replicate)
    return result if result is not None and result.get("state") in FINISHED else None


@functools.lru_cache
def _as_yaml(protocol: str) -> str:
    """Once for all seeds of a run: the dumper takes milliseconds."""
    import yaml

    text: str = yaml.safe_dump(json.loads(protocol), sort_keys=False)
    return text


class ReplicateFolder:
    """One seed's folder. Made when the first file is written."""

    def __init__(self, config: RunConfig, seed: int) -> None:
        self.run = run_folder(config)
        self.path = self.run / f"seed-{seed}"
        self.seed = seed
        self._config = config

    def result(self) -> dict[str, Any] | None:
        """The stored result.json; None if there is none that can be read."""
        return stored_result(self.path)

    def finished(self) -> dict[str, Any] | None:
        """The result if the replicate is done, or has diverged."""
        return finished(self.path)

    def foreign(self) -> str | None:
        """What another version of bnlab has stored here, which must not be overwritten; None if nothing."""
        try:
            read_result(self.path / RESULT)
        except (FileNotFoundError, DamagedResultError):
            return None
        except OtherSchemaError as error:
            return f"{self.path / RESULT} {error}"
        return None

    def set_damaged_aside(self) -> str | None:
        """Gives a result.json that is none another name; says so. Only for the holder of the lock."""
        path, aside = self.path / RESULT, self.path / DAMAGED
        try:
            read_result(path)
        except DamagedResultError as error:
            with storage_errors(path):
                path.replace(aside)
            return f"{path} is damaged: {error}; it is kept as {aside.name}, and the replicate is trained"
        except (FileNotFoundError, OtherSchemaError):
            pass
        return None

    def lock(self) -> BaseFileLock:
        """Held while the replicate is trained, so that a second process waits instead of training it again.

        The kernel releases it when its process ends, however it ends.
        """
        from filelock import FileLock

        with storage_errors(self.path):
            self.path.mkdir(parents=True, exist_ok=True)
        return FileLock(self.path / ".lock")

    def remove_leftovers(self) -> None:
        """Removes what a killed process was writing. Only for the holder of the lock."""
        for leftover in self.path.glob(f"{LEFTOVER}*"):
            leftover.unlink(missing_ok=True)

    def write_config(self) -> None:
        """Writes config.yaml unless it is there and whole: all seeds of a run share it, and none is read without it."""
        import yaml

        path, content = self.run / "config.yaml", _as_yaml(json.dumps(self._config.protocol()))
        try:
            stored = path.read_text(encoding="utf-8")
            if stored == content or yaml.safe_load(stored) == yaml.safe_load(content):
                return
        except (OSError, ValueError, yaml.YAMLError):
            pass
        # Written in the seed's own folder, whose lock says who may remove what a killed process leaves there.
        replace(path, content, workspace=self.path, durable=True)

    def write_result(self, state: str, environment: dict[str, Any], **values: Any) -> dict[str, Any]:
        """Writes result.json; that of a finished replicate, and its metrics, are then safe from a power failure."""
        result = {"schema": SCHEMA, "seed": self.seed, "state": state, **values, "environment": environment}
        conventions = self._config.norm.conventions()
        if conventions:
            result["conventions"] = conventions
        durable = state in FINISHED
        if durable:
            for name in ("metrics.csv", "timing.csv", ANSWERS):
                flush(self.path / name)
        replace(self.path / RESULT, json.dumps(result, indent=2, allow_nan=False) + "\n", durable=durable)
        return result

    def write_weights(self, file: bytes) -> None:
        replace(self.path / WEIGHTS, file)

    def write_answers(self, file: bytes | None) -> None:
        """Writes answers.bin, or removes one that an earlier training left."""
        if file is not None:
            replace(self.path / ANSWERS, file)
        else:
            with storage_errors(self.path / ANSWERS):
                (self.path / ANSWERS).unlink(missing_ok=True)

    def write_metrics(self, rows: Iterable[Sequence[object]]) -> None:
        replace(self.path / "metrics.csv", as_csv(METRICS, rows))

    def write_timing(self, rows: Iterable[Sequence[object]]) -> None:
        replace(self.path / "timing.csv", as_csv(TIMING, rows))

    def log(self, line: str) -> None:
        """Appends a line with the time to run.log."""
        now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        with storage_errors(self.path):
            self.path.mkdir(parents=True, exist_ok=True)
            with (self.path / "run.log").open("a", encoding="utf-8") as file:
                file.write(f"{now} {line}\n")
