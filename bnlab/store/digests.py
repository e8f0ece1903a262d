"""Checks that the files of a finished replicate are unchanged: by digests, and final metrics against metrics.csv."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from bnlab.store.answers_file import ANSWERS
from bnlab.store.probes_file import PROBES_FILE
from bnlab.store.reading import MOST_BYTES, MOST_BYTES_OF_ROWS, DamagedError, digest_of, read_bytes
from bnlab.store.result_file import Result
from bnlab.store.rows_file import METRICS_FILE, TIMING_FILE, read_scores

WEIGHTS = "weights.pt"
DIGESTED = (METRICS_FILE, TIMING_FILE, ANSWERS, PROBES_FILE, WEIGHTS)
"""The files of a finished replicate whose digests are in its result.json."""
BYTES_PER_PARAMETER = 64
"""The most that weights.pt may have: four bytes for the number, and room for what is stored beside it."""
CHANGED = "was changed after it was stored: its digest is wrong"


def digests_in(replicate: Path) -> dict[str, str]:
    """The SHA-256, by file name, of those `DIGESTED` files that exist. Raises OSError if one cannot be read."""
    present = [replicate / name for name in DIGESTED if (replicate / name).exists()]
    return {path.name: digest_of(read_bytes(path, path.stat().st_size)) for path in present}


def read_weights(replicate: Path, result: Result) -> bytes:
    """The content of weights.pt. Raises OSError, also if it is too large for the number of parameters in the result."""
    return read_bytes(replicate / WEIGHTS, MOST_BYTES + BYTES_PER_PARAMETER * (result.parameters or MOST_BYTES))


def faults(replicate: Path, result: Result) -> Iterator[str]:
    """What is wrong with a finished replicate's files, a line each; nothing for a replicate that is not finished."""
    if not result.is_final:
        return
    for name in DIGESTED:
        path, digest = replicate / name, result.digests.get(name)
        try:
            is_weights = name == WEIGHTS
            content = read_weights(replicate, result) if is_weights else read_bytes(path, MOST_BYTES_OF_ROWS)
        except FileNotFoundError:
            if digest is not None:
                yield f"{name} is missing"
        except OSError as error:
            yield f"{name} cannot be read: {error.strerror}"
        else:
            if digest not in (None, digest_of(content)):
                yield f"{name} {CHANGED}"
            elif digest is None and result.is_sealed:
                yield f"{name} was not there when the result was stored"
    yield from _faults_of_scores(replicate, result)


def _faults_of_scores(replicate: Path, result: Result) -> Iterator[str]:
    try:
        rows = read_scores(replicate)
    except OSError:
        return  # `faults` reports it
    except DamagedError as error:
        yield f"{METRICS_FILE} is damaged: {error}"
        return
    for row in rows:
        if not 0 <= row.accuracy <= 1 or row.loss < 0:
            yield f"{METRICS_FILE} has a score out of its range, in epoch {row.epoch:g}"
            return
    last = {f"{row.split}_{kind}": getattr(row, kind) for row in rows for kind in ("loss", "accuracy")}
    differing = sorted(name for name in last.keys() & result.final.keys() if last[name] != result.final[name])
    if differing:
        yield f"result.json and {METRICS_FILE} differ in {', '.join(differing)}"
