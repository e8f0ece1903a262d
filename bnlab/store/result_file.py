"""result.json: its content as a `Result`, and reading and writing it in this version's schema."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from enum import StrEnum
from pathlib import Path
from typing import Any

from bnlab.config import ProbesConfig
from bnlab.errors import shown
from bnlab.store.reading import MOST_BYTES, DamagedError, decoded, digest_of, json_object, read_bytes

RESULT = "result.json"
SCHEMA = 1
Scalar = str | int | float | bool | None
Kinds = tuple[type, ...]
WHOLE, NUMBER, TEXT, SCALAR = (int,), (int, float), (str,), (str, int, float, bool)
"""Kinds of JSON values as exact Python types, so that true is not taken for a whole number."""
DIGEST = b'  "digest": "'
"""These bytes begin the last key, the file's own digest: the SHA-256 of all bytes before them."""


class State(StrEnum):
    """The state of a replicate's training, as stored in result.json."""

    DONE = "done"
    DIVERGED = "diverged"
    FAILED = "failed"
    RUNNING = "running"
    INTERRUPTED = "interrupted"


STATES = tuple(State)
FINISHED = (State.DONE, State.DIVERGED)
"""The states whose result is final. A replicate in another state is trained when it is asked for again."""


@dataclass(frozen=True)
class Company:
    """The stack that a replicate was trained in.

    The last bits of a result depend on it, because batched matrix products round differently for other batches.

    Attributes:
        replicates: the number of replicates in the stack, this one included.
        digest: a digest of their folders' names, in order: equal for the same stack.
    """

    replicates: int
    digest: str


@dataclass(frozen=True)
class Probed:
    """What was probed during a replicate's training.

    Attributes:
        names: the names of the probes.
        every: the number of steps from one measurement to the next.
        layers: the layers whose values were kept; None: all.
    """

    names: Sequence[str]
    every: int
    layers: Sequence[str] | None

    @classmethod
    def of(cls, config: ProbesConfig) -> Probed | None:
        """What a configuration asks for; None if it asks for no probe."""
        return cls(config.names, config.every, config.layers) if config.names else None

    def holds(self, other: Probed) -> bool:
        """Whether the measurements of this one include all of the other one."""
        layers = self.layers is None or (other.layers is not None and set(other.layers) <= set(self.layers))
        return set(other.names) <= set(self.names) and other.every % self.every == 0 and layers


@dataclass(frozen=True, kw_only=True)
class Result:
    """The content of result.json; docs/store.md says what each key means. None or empty: it was not stored."""

    seed: int
    state: State
    diverged_at_step: int | None = None
    error: str | None = None
    final: Mapping[str, float] = field(default_factory=dict)
    seconds: float | None = None
    parameters: int | None = None
    resumed_at_steps: Sequence[int] = ()
    command: str | None = None
    environment: Mapping[str, Scalar] = field(default_factory=dict)
    conventions: Mapping[str, Scalar] = field(default_factory=dict)
    run: str | None = None
    company: Company | None = None
    digests: Mapping[str, str] = field(default_factory=dict)
    probed: Probed | None = None

    @property
    def is_final(self) -> bool:
        """Whether the replicate is done or has diverged."""
        return self.state in FINISHED

    @property
    def is_sealed(self) -> bool:
        """Whether the result has digests of the replicate's files; results of older versions have none."""
        return self.run is not None


KEYS = frozenset(each.name for each in fields(Result))

TYPES: Mapping[str, tuple[Kinds, str]] = {
    "seed": (WHOLE, "a whole number"),
    "state": (TEXT, "a text"),
    "diverged_at_step": (WHOLE, "a whole number"),
    "error": (TEXT, "a text"),
    "final": ((dict,), "a mapping of names to numbers"),
    "seconds": (NUMBER, "a number"),
    "parameters": (WHOLE, "a whole number"),
    "resumed_at_steps": ((list,), "a list of whole numbers"),
    "command": (TEXT, "a text"),
    "environment": ((dict,), "a mapping"),
    "conventions": ((dict,), "a mapping"),
    "run": (TEXT, "a text"),
    "company": ((dict,), "a mapping"),
    "probed": ((dict,), "a mapping"),
    "digests": ((dict,), "a mapping of files to their digests"),
}
"""The allowed types of each key's value, unless it is missing or null, and the same in words for messages."""

UPGRADES: Mapping[int, Callable[[dict[str, Any]], dict[str, Any]]] = {}
"""By schema, the function that turns a result into the next schema. Empty, because schema 1 is the first."""


class OtherSchemaError(Exception):
    """A result in a schema that this version of bnlab cannot read; the message names the schema."""


def read(path: Path) -> Result:
    """Reads a result.json, in this version's schema.

    Raises:
        OSError: it cannot be read, FileNotFoundError if there is none.
        DamagedError: it is no JSON object with a schema, a value has another type or is out of its range, or the digest
            is wrong.
        OtherSchemaError: its schema is newer, or so old that nothing upgrades it.
    """
    return _parsed(read_bytes(path, MOST_BYTES))[0]


def _parsed(content: bytes) -> tuple[Result, str]:
    """The result in the content of a file, and the content's SHA-256. Raises as `read` does."""
    stored = json_object(decoded(content))
    if type(stored.get("schema")) is not int:
        raise DamagedError("it is no JSON object with a schema")
    values = _upgraded(stored)
    has_digest = any(key in values for key in ("run", "digests", "digest"))
    digest = _checked_digest(content) if has_digest else digest_of(content)
    try:
        return _typed({key: value for key, value in values.items() if value is not None}), digest
    except RecursionError as error:
        raise DamagedError("it is nested too deeply") from error


def read_in(replicate: Path, run: str | None) -> tuple[Result, str]:
    """Reads the result.json in a replicate's folder.

    Args:
        replicate: the folder, named seed-N.
        run: the hash of the run that the result must belong to; None: any.

    Returns:
        The result, and the SHA-256 of the whole file.

    Raises:
        OSError, DamagedError, OtherSchemaError: as `read` does; a result of another seed or run is damaged too.
    """
    content = read_bytes(replicate / RESULT, MOST_BYTES)
    result, digest = _parsed(content)
    if f"seed-{result.seed}" != replicate.name:
        raise DamagedError(f"it is of seed {result.seed}")
    if None not in (run, result.run) and result.run != run:
        raise DamagedError(f"it is of another run, {shown(result.run)}")
    return result, digest


def encode(result: Result) -> bytes:
    """The content of result.json, with its own digest at the end."""
    values = asdict(result) | {"state": result.state.value}
    if not result.conventions:
        del values["conventions"]
    if result.probed is None:
        del values["probed"]
    text = json.dumps({"schema": SCHEMA, **values}, indent=2, allow_nan=False)
    before = text.removesuffix("\n}").encode() + b",\n"
    return b"".join((before, DIGEST, digest_of(before).encode(), b'"\n}\n'))


def _checked_digest(content: bytes) -> str:
    """The content's SHA-256, from one pass over it. Raises DamagedError if the digest inside is not of what is before.

    A second pass would cost a report on many replicates as much again as it spends on any other of their files.
    """
    before, _, after = content.rpartition(DIGEST)
    sha256 = hashlib.sha256(before)
    if after != sha256.hexdigest().encode() + b'"\n}\n':
        raise DamagedError("its digest is wrong: it was changed after it was stored")
    sha256.update(DIGEST + after)
    return sha256.hexdigest()


def _upgraded(result: dict[str, Any]) -> dict[str, Any]:
    """The values of a result in this version's schema. Raises OtherSchemaError."""
    current = dict(result)
    schema: Any
    while (schema := current.get("schema")) != SCHEMA:
        if schema not in UPGRADES:
            raise OtherSchemaError(f"has schema {shown(json.dumps(schema))}; this version reads schema {SCHEMA}")
        current = UPGRADES[schema](current)
    return current


def _typed(values: Mapping[str, Any]) -> Result:
    """The values as a `Result`. Raises DamagedError for a value of another type or out of its range."""
    for key, (kind, words) in TYPES.items():
        if key in values:
            _check(key, values[key], kind, words)
    for name, value in values.get("final", {}).items():
        _check_final(name, value)
    for step in values.get("resumed_at_steps", ()):
        _check("resumed_at_steps", step, WHOLE, "a list of whole numbers")
    for key in ("environment", "conventions"):
        for name, value in values.get(key, {}).items():
            _check(f"{key}.{name}", value, SCALAR, "a text, a number, true or false")
    for name, digest in values.get("digests", {}).items():
        _check(f"digests.{name}", digest, TEXT, "a text")
    if "seed" not in values or "state" not in values:
        raise DamagedError("it has no seed or no state")
    if values["state"] not in STATES:
        raise DamagedError(f"it has the state {shown(values['state'])}; allowed: {', '.join(State)}")
    typed = {key: value for key, value in values.items() if key in KEYS}
    return Result(
        **typed
        | {
            "state": State(values["state"]),
            "final": {name: float(value) for name, value in values.get("final", {}).items() if value is not None},
            "company": _company(values.get("company")),
            "probed": probed_of(values.get("probed")),
            "error": _in_one_line(values.get("error")),
            "environment": _printable(values.get("environment", {})),
            "conventions": _printable(values.get("conventions", {})),
        }
    )


def _in_one_line(text: str | None) -> str | None:
    return None if text is None else shown(" ".join(text.split()), longest=MOST_BYTES)


def _printable(values: Mapping[str, Scalar]) -> dict[str, Scalar]:
    return {shown(key): shown(value) if isinstance(value, str) else value for key, value in values.items()}


def _company(values: Mapping[str, Any] | None) -> Company | None:
    if values is None:
        return None
    _check("company.replicates", values.get("replicates"), WHOLE, "a whole number")
    _check("company.digest", values.get("digest"), TEXT, "a text")
    return Company(values.get("replicates") or 1, values.get("digest") or "")


def probed_of(values: Mapping[str, Any] | None) -> Probed | None:
    """A `Probed` from plain values; None for None. Raises DamagedError."""
    if values is None:
        return None
    names, every, layers = (values.get(key) for key in ("names", "every", "layers"))
    _check("probed.every", every, WHOLE, "a whole number")
    for key, texts in (("names", names), ("layers", layers)):
        _check(f"probed.{key}", texts, (list,), "a list of texts")
        for text in texts or ():
            _check(f"probed.{key}", text, TEXT, "a list of texts")
    return Probed(names or (), every or 1, layers)


LARGEST = 2**63
"""Every count is smaller."""


def _check(key: str, value: object, kinds: Kinds, words: str) -> None:
    kind = type(value)
    if value is None or (kind is str and kind in kinds):
        return
    if kind not in kinds:
        raise DamagedError(f"it has {shown(key)} {shown(json.dumps(value))}; {words} is expected")
    if isinstance(value, (int, float)):
        counts = abs(value) < LARGEST if isinstance(value, int) else math.isfinite(value)
        if not counts:
            raise DamagedError(f"it has {shown(key)} {shown(value)}, which is too large")
        if value < 0 and key in TYPES:
            raise DamagedError(f"it has {shown(key)} {shown(value)}, which is below 0")


def _check_final(name: str, value: object) -> None:
    _check(f"final.{name}", value, NUMBER, "a number")
    if not name.isidentifier():
        raise DamagedError(f"it has the score {shown(name)}, which is no name of one")
    if isinstance(value, (int, float)):
        within = 0 <= value <= 1 if name.endswith("_accuracy") else value >= 0 or not name.endswith("_loss")
        if not within:
            raise DamagedError(f"it has final.{name} {shown(value)}, which is out of its range")
