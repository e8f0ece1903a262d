"""Reading stored runs. What cannot be read is returned with the reason, so that all else is still read."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bnlab.errors import shown
from bnlab.store import result_file
from bnlab.store.config_file import CONFIG, StoredConfig, read_config
from bnlab.store.reading import DamagedError
from bnlab.store.result_file import RESULT, OtherSchemaError, Result

SEED = re.compile(r"seed-(0|[1-9][0-9]{0,9})")
"""The name of a replicate's folder: seed-N."""
LINK = "is a link, and links are not followed"


@dataclass(frozen=True)
class StoredReplicate:
    """A stored replicate: a folder seed-N.

    Attributes:
        path: the folder.
        seed: N.
        result: the content of result.json; None if it cannot be read.
        reason: why it cannot be read, or "".
        digest: the SHA-256 of the whole result.json; "" if it cannot be read.
    """

    path: Path
    seed: int
    result: Result | None
    reason: str = ""
    digest: str = ""


@dataclass(frozen=True)
class StoredRun:
    """A stored run: a folder with replicates.

    Attributes:
        path: the folder.
        config: the content of config.yaml; None if it cannot be read.
        reason: why it cannot be read, or "".
        replicates: the replicates in the order of their seeds.
    """

    path: Path
    config: StoredConfig | None
    reason: str = ""
    replicates: Sequence[StoredReplicate] = ()

    @property
    def name(self) -> str:
        """The folder's name in printable characters."""
        return shown(Path(os.path.realpath(self.path)).name if self.path.name in ("", "..") else self.path.name)


def identity(config: StoredConfig, result: Result) -> tuple[object, ...]:
    """Equal for copies of one result (configuration, seed, versions), which must count once. Names do not matter."""
    return config.hash, result.seed, *(result.environment.get(name) for name in ("bnlab", "torch"))


def read_runs(folder: Path) -> Iterator[StoredRun]:
    """Every run in a folder, in the order of their names; other entries are skipped.

    Raises:
        OSError: the folder itself cannot be read.
    """
    with os.scandir(folder) as entries:
        names = {entry.name: entry.is_symlink() for entry in entries if not entry.name.startswith(".")}
    for name in sorted(names):
        run = StoredRun(folder / name, None, LINK) if names[name] else read_run(folder / name)
        if run is not None:
            yield run


def read_run(path: Path) -> StoredRun | None:
    """The run in a folder; None if the folder is not a run's, or does not exist."""
    try:
        with os.scandir(path) as entries:
            found = {entry.name: entry for entry in entries if entry.name == CONFIG or SEED.fullmatch(entry.name)}
            seeds = {name: LINK if entry.is_symlink() else "" for name, entry in found.items() if name != CONFIG}
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        return StoredRun(path, None, f"cannot be read: {error.strerror}")
    if not found:
        return None
    config, reason = _config(path)
    names = sorted(seeds, key=lambda name: int(name.removeprefix("seed-")))
    replicates = (_replicate(path / name, seeds[name], config) for name in names)
    return StoredRun(path, config, reason, [replicate for replicate in replicates if replicate is not None])


def _config(run: Path) -> tuple[StoredConfig | None, str]:
    try:
        return read_config(run), ""
    except FileNotFoundError:
        return None, f"no {CONFIG}"
    except OSError as error:
        return None, f"{CONFIG} cannot be read: {error.strerror}"
    except DamagedError as error:
        return None, f"{CONFIG} is damaged: {error}"


def _replicate(path: Path, reason: str, config: StoredConfig | None) -> StoredReplicate | None:
    """The replicate in a folder; None if it is not a folder, or is being removed.

    Args:
        path: the folder.
        reason: why it must not be read, or "".
        config: the run's configuration, if it can be read; the result must belong to it.
    """
    seed = int(path.name.removeprefix("seed-"))
    if reason:
        return StoredReplicate(path, seed, None, reason)
    try:
        result, digest = result_file.read_in(path, None if config is None else config.hash)
    except NotADirectoryError:
        return None
    except FileNotFoundError:
        return StoredReplicate(path, seed, None, f"no {RESULT}") if path.is_dir() else None
    except OSError as error:
        return StoredReplicate(path, seed, None, f"{RESULT} cannot be read: {error.strerror}")
    except DamagedError as error:
        return StoredReplicate(path, seed, None, f"{RESULT} is damaged: {error}")
    except OtherSchemaError as error:
        return StoredReplicate(path, seed, None, f"{RESULT} {error}")
    return StoredReplicate(path, seed, result, digest=digest)
