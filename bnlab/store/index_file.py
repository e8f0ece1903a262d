"""A run's `.index.jsonl`: which replicates were finished in its folder, one line each; lines are only appended.

It serves to find replicates that were deleted by other means than `bnlab runs rm`, and a result.json that was copied
in from elsewhere. A line has a seed and the SHA-256 of that replicate's result.json, or null when `bnlab runs rm`
removed the replicate. A replicate that is not in the index is no fault: older versions of bnlab had no index.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator
from pathlib import Path

from bnlab.errors import shown
from bnlab.store.files import append, storage_errors
from bnlab.store.reading import MOST_BYTES_OF_ROWS, DamagedError, digest_of, json_object, read_text
from bnlab.store.result_file import RESULT
from bnlab.store.stored import StoredRun

INDEX = ".index.jsonl"
SCHEMA = 1
ELSEWHERE = "is none that was stored here"
"""What is wrong with a result.json that the index does not know, though it knows others of that seed."""


def add(run: Path, seed: int, result: bytes | None) -> None:
    """Adds a line to a run's index.

    Args:
        run: the run's folder.
        seed: the replicate's seed.
        result: the content of its final result.json, or None if the replicate is removed.

    Raises:
        StorageError: the index cannot be written.
    """
    digest = None if result is None else digest_of(result)
    with storage_errors(run / INDEX):
        append(run / INDEX, json.dumps({"schema": SCHEMA, "seed": seed, "digest": digest}) + "\n")


def missed(run: StoredRun) -> Iterator[tuple[Path, str]]:
    """Replicates of the index that are gone or have another result.json: pairs of a path and what is wrong with it."""
    try:
        finished = _read(run.path)
    except FileNotFoundError:
        return
    except (OSError, DamagedError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        yield run.path / INDEX, f"it cannot be read: {reason}"
        return
    found = {replicate.seed: replicate for replicate in run.replicates}
    for seed, digests in finished.items():
        replicate = found.get(seed)
        if not digests:
            continue
        if replicate is None:
            yield run.path / f"seed-{seed}", f"it was finished, and is gone; train it again, or remove {INDEX}"
        elif replicate.result and replicate.result.is_final and replicate.digest not in digests:
            yield replicate.path, f"{RESULT} {ELSEWHERE}"


def disowns(run: Path, seed: int, digest: str) -> bool:
    """Whether a run's index has results of the seed, and none with this digest; an unreadable index has none."""
    try:
        stat = (run / INDEX).lstat()
        finished = _cached(run, (stat.st_ino, stat.st_size, stat.st_mtime_ns))
    except (OSError, DamagedError):
        return False
    return digest not in (finished.get(seed) or {digest})


@functools.lru_cache
def _cached(run: Path, version: tuple[int, int, int]) -> dict[int, set[str]]:
    """The index, read once for all seeds of a run: a thousand seeds would read a thousand lines each."""
    return _read(run)


def _read(run: Path) -> dict[int, set[str]]:
    """By seed, the digests of all results that were stored since the replicate was last removed.

    There may be several, after a rerun, or when a process was killed before it had put its result in place.
    """
    finished: dict[int, set[str]] = {}
    for number, line in enumerate(read_text(run / INDEX, MOST_BYTES_OF_ROWS).splitlines(), start=1):
        entry = json_object(line)
        seed, digest = entry.get("seed"), entry.get("digest", "")
        if entry.get("schema") != SCHEMA or type(seed) is not int or not isinstance(digest, str | None):
            raise DamagedError(f"line {number} is none of it: {shown(line)}")
        finished[seed] = set() if digest is None else finished.get(seed, set()) | {digest}
    return finished
