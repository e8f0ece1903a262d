"""Results on disk: runs/<label>-<hash>/seed-N/, addressed by what was trained.

A run's folder holds `config.yaml`, and per replicate `seed-N/` with

* `result.json`: state, final metrics, environment, schema version;
* `metrics.csv`: epoch, step, split, loss, accuracy; nothing in it depends on the clock;
* `timing.csv`: epoch, step, seconds, images_per_second, replicates trained side by side;
* `run.log`: what happened when;
* `weights.pt`: the trained weights, with `keep_checkpoint=true`.

Every file is replaced as a whole, so a reader never sees half of one. docs/store.md describes them for other programs.
"""

from __future__ import annotations

import contextlib
import csv
import datetime
import functools
import hashlib
import io
import json
import os
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bnlab.config import KerasEngineConfig, RunConfig
from bnlab.errors import StorageError, UserError, shown
from bnlab.store.result_file import SCHEMA, DamagedResultError, OtherSchemaError
from bnlab.store.result_file import read as read_result

if TYPE_CHECKING:
    from filelock import BaseFileLock

METRICS = ("epoch", "step", "split", "loss", "accuracy")
TIMING = ("epoch", "step", "seconds", "images_per_second", "replicates")
LEFTOVER = ".writing."
"""How the name of a file starts while it is written; a killed process leaves it behind."""

STACKS, MEMBERS = ".stacks", "members.json"
"""The folder in runs/ of the stacks in training, and the file that says who trains together, see bnlab.stacks."""

RESULT, DAMAGED, WEIGHTS = "result.json", "result-damaged.json", "weights.pt"

FINISHED = ("done", "diverged")
"""States whose result is final; a replicate in any other state is trained."""


def run_folder(config: RunConfig) -> Path:
    """The run's address: equal protocols share it, whatever their seeds, device or paths."""
    protocol = json.dumps(config.protocol(), sort_keys=True)
    digest = hashlib.sha256(protocol.encode()).hexdigest()[:10]
    return Path(config.runs_dir) / f"{label(config)}-{digest}"


def label(config: RunConfig) -> str:
    """The readable part of the folder's name."""
    if config.label is not None:
        return config.label
    plain = f"{config.norm.label()}-{config.model.name}"
    return f"{plain}-fit-{config.engine.backend}" if isinstance(config.engine, KerasEngineConfig) else plain


def check_writable(runs_dir: Path) -> None:
    """Raises UserError if no file can be written there; leaves nothing behind."""
    nearest_existing = _nearest_existing(runs_dir)
    try:
        with tempfile.TemporaryFile(dir=nearest_existing):
            pass
    except OSError as error:
        reason = f"{nearest_existing}: {error.strerror}"
        raise UserError(
            f"runs_dir={runs_dir} cannot be written ({reason}); set runs_dir to a folder that can"
        ) from error


def check_output(option: str, path: Path) -> None:
    """Raises UserError if the file that an option names cannot be written, before there is anything to write."""
    if path.is_dir():
        raise UserError(f"{option} {shown(path)} is a folder; name a file in it")
    try:
        with tempfile.TemporaryFile(dir=_nearest_existing(path.parent)):
            pass
    except OSError as error:
        raise UserError(f"{option} {shown(path)} cannot be written ({error.strerror}); choose another file") from error


def _nearest_existing(folder: Path) -> Path:
    """The folder, or the one above it in which it would be made."""
    nearest = folder.absolute()
    while not nearest.exists() and nearest != nearest.parent:
        nearest = nearest.parent
    return nearest


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
            with _storage_errors(path):
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

        with _storage_errors(self.path):
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
            for name in ("metrics.csv", "timing.csv"):
                flush(self.path / name)
        replace(self.path / RESULT, json.dumps(result, indent=2, allow_nan=False) + "\n", durable=durable)
        return result

    def write_weights(self, file: bytes) -> None:
        replace(self.path / WEIGHTS, file)

    def write_metrics(self, rows: Iterable[Sequence[object]]) -> None:
        replace(self.path / "metrics.csv", as_csv(METRICS, rows))

    def write_timing(self, rows: Iterable[Sequence[object]]) -> None:
        replace(self.path / "timing.csv", as_csv(TIMING, rows))

    def log(self, line: str) -> None:
        """Appends a line with the time to run.log."""
        now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        with _storage_errors(self.path):
            self.path.mkdir(parents=True, exist_ok=True)
            with (self.path / "run.log").open("a", encoding="utf-8") as file:
                file.write(f"{now} {line}\n")


def flush(path: Path) -> None:
    """Has the system put a file on the disk now, if there is one."""
    with _storage_errors(path), contextlib.suppress(FileNotFoundError), path.open("rb") as file:
        os.fsync(file.fileno())


def replace(path: Path, content: str | bytes, workspace: Path | None = None, *, durable: bool = False) -> None:
    """Writes a file in one piece: readers see the old one or the new one.

    Args:
        path: the file.
        content: all of it.
        workspace: the folder where it is written before it is put in place; the file's own by default.
        durable: the content is on the disk before it takes the old one's place, so that not even a power failure leaves
            an empty file.

    Raises:
        StorageError: it cannot be written; the old one is still there then.
    """
    with _storage_errors(path):
        folder = workspace or path.parent
        folder.mkdir(parents=True, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(dir=folder, prefix=f"{LEFTOVER}{path.name}.")
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(content.encode() if isinstance(content, str) else content)
                if durable:
                    file.flush()
                    os.fsync(file.fileno())
            Path(temporary).chmod(0o644)
            Path(temporary).replace(path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise


@contextlib.contextmanager
def _storage_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StorageError(path, error) from error


def as_csv(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Rows as the text of a CSV file."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue()
