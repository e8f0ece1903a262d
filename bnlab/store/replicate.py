"""The folder of a replicate, runs/<label>-<hash>/seed-N/: where it lies follows from what is trained.

A run's folder holds `config.yaml`, and for each replicate a folder `seed-N/` with

* `result.json`: state, final metrics, environment, schema version;
* `metrics.csv`: epoch, step, split, loss, accuracy; nothing in it depends on the clock;
* `timing.csv`: epoch, step, seconds, images_per_second, number of replicates trained side by side;
* `answers.bin`: which test images were classified correctly at the end;
* `probes.csv`: step, probe, layer, quantity, value; only if `probes.names` is set;
* `run.log`: events, each with its time;
* `weights.pt`: the trained weights; only with `keep_checkpoint=true`.

Every file is replaced as a whole, so a reader never sees half of one. docs/store.md describes them for other programs.
"""

from __future__ import annotations

import dataclasses
import datetime
import functools
import itertools
import json
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bnlab.config import RunConfig
from bnlab.errors import UnreadableError
from bnlab.store import index_file, result_file
from bnlab.store.address import run_folder
from bnlab.store.answers_file import ANSWERS
from bnlab.store.config_file import CONFIG, protocol_hash
from bnlab.store.digests import DIGESTED, WEIGHTS, digests_in
from bnlab.store.files import LEFTOVER, append, as_csv, flush, replace, storage_errors
from bnlab.store.locks import lock_in
from bnlab.store.probes_file import PROBES_FILE, Measured, probes_text
from bnlab.store.reading import DamagedError, read_text, yaml_mapping
from bnlab.store.result_file import RESULT, OtherSchemaError, Probed, Result
from bnlab.store.rows_file import METRICS, METRICS_FILE, TIMING, TIMING_FILE, Scored, Timed

if TYPE_CHECKING:
    from filelock import BaseFileLock


LOG = "run.log"
DAMAGED = "result-damaged"
"""The start of the name that a damaged result.json is renamed to."""


def finished(replicate: Path, probed: Probed | None = None) -> Result | None:
    """The result in a replicate's folder if it is final (done or diverged), and None otherwise.

    Args:
        replicate: the folder.
        probed: the probes that are asked for; a result without them counts as None.

    Raises:
        UnreadableError: result.json is there and cannot be read.
    """
    try:
        result = _read(replicate, None)
    except (FileNotFoundError, DamagedError, OtherSchemaError):
        return None
    return suffices(result if result.is_final else None, probed)


def suffices(result: Result | None, probed: Probed | None) -> Result | None:
    """The result if it has all probes that are asked for (None: no probes), and None otherwise."""
    if result is None or probed is None or (result.probed is not None and result.probed.holds(probed)):
        return result
    return None


def _read(replicate: Path, run: str | None) -> Result:
    """Raises UnreadableError, FileNotFoundError, DamagedError or OtherSchemaError."""
    try:
        result, digest = result_file.read_in(replicate, run)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise UnreadableError(replicate / RESULT, error) from error
    if result.is_final and index_file.disowns(replicate.parent, result.seed, digest):
        raise DamagedError(f"it {index_file.ELSEWHERE}")
    return result


@functools.lru_cache
def _as_yaml(protocol: str) -> str:
    """The protocol, given as JSON, as YAML. Cached for all seeds of a run, as PyYAML takes milliseconds."""
    import yaml

    text: str = yaml.safe_dump(json.loads(protocol), sort_keys=False)
    return text


class ReplicateFolder:
    """The folder of one replicate. It is created when the first file is written.

    Args:
        config: the run's configuration.
        seed: the replicate's seed.
    """

    def __init__(self, config: RunConfig, seed: int) -> None:
        self.run = run_folder(config)
        self.path = self.run / f"seed-{seed}"
        self.seed = seed
        self._config = config
        self._hash = protocol_hash(config.protocol())

    def result(self) -> Result | None:
        """The stored result; None if it is missing, damaged or of another schema. Raises UnreadableError."""
        try:
            return _read(self.path, self._hash)
        except (FileNotFoundError, DamagedError, OtherSchemaError):
            return None

    def finished(self) -> Result | None:
        """The result if the replicate is done or has diverged, else None. Raises UnreadableError."""
        result = self.result()
        return result if result is not None and result.is_final else None

    def sufficient(self) -> Result | None:
        """The result if it is final and has all probes of the configuration, else None. Raises UnreadableError."""
        return suffices(self.finished(), Probed.of(self._config.probes))

    def foreign(self) -> str | None:
        """Why the folder must not be written to, as a message: a link, or a result of another schema; None if it may.

        Raises:
            UnreadableError: result.json is there and cannot be read.
        """
        for path in (self.run, self.path, self.run / index_file.INDEX):
            if path.is_symlink():
                return f"{path} is a link, and links in runs_dir are not followed"
        try:
            _read(self.path, self._hash)
        except (FileNotFoundError, DamagedError):
            return None
        except OtherSchemaError as error:
            return f"{self.path / RESULT} {error}"
        return None

    def set_damaged_aside(self) -> str | None:
        """Renames a damaged result.json and returns a message about it; None if it is not damaged.

        Only the holder of the lock may call this.

        Raises:
            UnreadableError: result.json is there and cannot be read.
            StorageError: it cannot be renamed.
        """
        path = self.path / RESULT
        try:
            _read(self.path, self._hash)
        except DamagedError as error:
            aside = self._free_name()
            with storage_errors(path):
                path.rename(aside)
            return f"{path} is damaged: {error}; it is kept as {aside.name}, and the replicate is trained"
        except (FileNotFoundError, OtherSchemaError):
            pass
        return None

    def _free_name(self) -> Path:
        """A path for a damaged result that does not exist yet, so that an earlier one is never overwritten."""
        names = itertools.chain([f"{DAMAGED}.json"], (f"{DAMAGED}-{number}.json" for number in itertools.count(2)))
        return next(path for name in names if not os.path.lexists(path := self.path / name))

    def lock(self) -> BaseFileLock:
        """The lock that a process holds while it trains the replicate, so that a second one waits for the result.

        The kernel releases the lock when the process ends, however it ends.

        Raises:
            StorageError: the folder cannot be made, or the lock is no regular file.
        """
        with storage_errors(self.path):
            self.path.mkdir(parents=True, exist_ok=True)
            return lock_in(self.path)

    def remove_leftovers(self) -> None:
        """Removes temporary files of a process that was killed. Only the holder of the lock may call this."""
        for leftover in self.path.glob(f"{LEFTOVER}*"):
            leftover.unlink(missing_ok=True)

    def write_config(self) -> None:
        """Writes config.yaml, which all seeds of a run share, unless its content is right. Raises StorageError."""
        path, content = self.run / CONFIG, _as_yaml(json.dumps(self._config.protocol()))
        try:
            stored = read_text(path)
            if stored == content or yaml_mapping(stored) == yaml_mapping(content):
                return
        except (OSError, DamagedError):
            pass
        # The temporary file lies in the seed's folder: the holder of its lock removes it if this process is killed.
        replace(path, content, workspace=self.path, durable=True)

    def write_result(self, result: Result) -> Result:
        """Writes result.json, and returns the result as written: with the run's hash, conventions and digests.

        A final result gets the digests of the replicate's files; they and it are then safe from a power failure.

        Raises:
            StorageError: a file cannot be written or read.
        """
        digests = {}
        if result.is_final:
            for name in DIGESTED:
                flush(self.path / name)
            with storage_errors(self.path):
                digests = digests_in(self.path)
        written = dataclasses.replace(
            result,
            conventions=self._config.norm.conventions() or {},
            run=self._hash,
            digests=digests,
        )
        content = result_file.encode(written)
        if result.is_final:
            # Before result.json: if the process is killed in between, the index has a result too many, not one too few.
            index_file.add(self.run, self.seed, content)
        replace(self.path / RESULT, content, durable=result.is_final)
        return written

    def write_weights(self, file: bytes) -> None:
        """Writes weights.pt, from `checkpoint_file.to_bytes`. Raises StorageError."""
        replace(self.path / WEIGHTS, file)

    def write_answers(self, file: bytes | None) -> None:
        """Writes answers.bin; None: removes the one of an earlier training. Raises StorageError."""
        self._write_or_remove(ANSWERS, file)

    def write_probes(self, rows: Sequence[Measured]) -> None:
        """Writes probes.csv; no rows: removes the one of an earlier training. Raises StorageError."""
        self._write_or_remove(PROBES_FILE, probes_text(rows) if rows else None)

    def _write_or_remove(self, name: str, file: str | bytes | None) -> None:
        if file is not None:
            replace(self.path / name, file)
        else:
            with storage_errors(self.path / name):
                (self.path / name).unlink(missing_ok=True)

    def write_metrics(self, rows: Iterable[Scored]) -> None:
        """Writes metrics.csv. Raises StorageError."""
        replace(self.path / METRICS_FILE, as_csv(METRICS, rows))

    def write_timing(self, rows: Iterable[Timed]) -> None:
        """Writes timing.csv. Raises StorageError."""
        replace(self.path / TIMING_FILE, as_csv(TIMING, rows))

    def log(self, line: str) -> None:
        """Appends a line to run.log, after the time (UTC). Raises StorageError."""
        now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        with storage_errors(self.path):
            self.path.mkdir(parents=True, exist_ok=True)
            append(self.path / LOG, f"{now} {line}\n")
