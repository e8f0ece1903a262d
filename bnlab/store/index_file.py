"""A run's `.index.jsonl`: which replicates were finished in its folder, a line each, only ever appended.

A line has the seed and the digest of the replicate's result.json; the digest is null once `bnlab runs rm` has removed
it. So a replicate that somebody else removed is missed, and a result.json of elsewhere is told from those that were
stored here. What the index does not name, as before there was one, is nothing that does not hold.
"""

from __future__ import annotations

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


def add(run: Path, seed: int, result: bytes | None) -> None:
    """Notes that a replicate ends with that result.json, or that it is removed. Raises StorageError."""
    digest = None if result is None else digest_of(result)
    with storage_errors(run / INDEX):
        append(run / INDEX, json.dumps({"schema": SCHEMA, "seed": seed, "digest": digest}) + "\n")


def missed(run: StoredRun) -> Iterator[tuple[Path, str]]:
    """What a run's index names and its folder does not hold, with the words for it."""
    try:
        finished = _finished(run.path)
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
            yield replicate.path, f"{RESULT} is none that was stored here"


def _finished(run: Path) -> dict[int, set[str]]:
    """Of each seed the digests of the results that it has had since it was last removed.

    There may be several: of a training that was killed before it put its result in place, or of a rerun.
    """
    finished: dict[int, set[str]] = {}
    for number, line in enumerate(read_text(run / INDEX, MOST_BYTES_OF_ROWS).splitlines(), start=1):
        entry = json_object(line)
        seed, digest = entry.get("seed"), entry.get("digest", "")
        if entry.get("schema") != SCHEMA or type(seed) is not int or not isinstance(digest, str | None):
            raise DamagedError(f"line {number} is none of it: {shown(line)}")
        finished[seed] = set() if digest is None else finished.get(seed, set()) | {digest}
    return finished
