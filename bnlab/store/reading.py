"""Reading files that cannot be trusted: links are not followed, only regular files are read, and sizes are limited.

A folder of runs may come from a stranger, or be damaged. A file that cannot be read raises OSError. A file that was
read but whose content is not what bnlab writes raises DamagedError.
"""

from __future__ import annotations

import errno
import functools
import hashlib
import json
import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from bnlab.errors import shown

MOST_BYTES = 1_000_000
"""The most that is read of a result.json or config.yaml, which have some kilobytes."""
MOST_BYTES_OF_ROWS = 1_000_000_000
"""The most that is read of a metrics.csv: a million steps, each with an evaluation, take a fifth of it."""
DEEPEST, MOST_EVENTS = 20, 5_000
"""The most levels and YAML events of a config.yaml, which has three levels and some forty keys and values."""
LONGEST_COMMON = 100
"""Characters. Shorter YAML values may recur in thousands of files: what they are parsed to is cached."""


class DamagedError(Exception):
    """The content of a file is not what bnlab writes; the message says why."""


def read_bytes(path: Path | str, most: int, start: bytes = b"") -> bytes:
    """A file's content.

    Raises:
        OSError: it cannot be read, is a link or not a regular file, or has more than `most` bytes.
        DamagedError: it does not begin with `start`; the rest is not read then.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    except OSError as error:
        if Path(path).is_symlink():
            raise OSError(errno.ELOOP, "it is a link", str(path)) from error
        raise
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, "it is no regular file", str(path))
        if status.st_size > most:
            raise OSError(errno.EFBIG, f"it has {status.st_size} bytes, and at most {most} are read", str(path))
        if start and _read(descriptor, len(start)) != start:
            raise DamagedError("it is no file of this version")
        return start + _read(descriptor, status.st_size - len(start))
    finally:
        os.close(descriptor)


def _read(descriptor: int, count: int) -> bytes:
    """Up to `count` bytes. By os.read, as making a file object would double the time of reading a small file."""
    parts = []
    while count > 0 and (part := os.read(descriptor, count)):
        parts.append(part)
        count -= len(part)
    return b"".join(parts)


def digest_of(content: bytes) -> str:
    """The SHA-256 of a file's content, as hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()


def read_text(path: Path, most: int = MOST_BYTES) -> str:
    """A file's text. Raises OSError as `read_bytes` does, and DamagedError if it is not UTF-8."""
    return decoded(read_bytes(path, most))


def decoded(content: bytes) -> str:
    """The text of a file's content. Raises DamagedError if it is not UTF-8."""
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise DamagedError(f"it is no text in UTF-8 ({error.reason} at byte {error.start})") from error


def json_object(text: str) -> dict[str, Any]:
    """Parses a JSON object. Raises DamagedError for all else, also for NaN, Infinity, and too deep nesting."""
    try:
        tree = _JSON.decode(text)
    except (ValueError, RecursionError) as error:
        reason = "it is nested too deeply" if isinstance(error, RecursionError) else " ".join(str(error).split())
        raise DamagedError(f"it cannot be read as JSON ({shown(reason)})") from error
    if not isinstance(tree, dict):
        raise DamagedError("it is no JSON object")
    return tree


def _no_number(word: str) -> float:
    raise ValueError(f"{word} is no number of JSON")


_JSON = json.JSONDecoder(parse_constant=_no_number)


def yaml_mapping(text: str) -> dict[str, Any]:
    """Parses a YAML mapping of plain values. Raises DamagedError for all else.

    Anchors, aliases and tags are refused, because a kilobyte of them can expand to a tree without end. To refuse them,
    the tree is built here from the parser's events, which also takes only a third of the time of PyYAML's loader.
    """
    import yaml

    # The loader written in C is ten times as fast; not every installation has it.
    events: Iterator[Any] = yaml.parse(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    opened: list[list[Any]] = [[]]  # the values so far of each collection that is still open
    try:
        for count, event in enumerate(events):
            if getattr(event, "anchor", None):
                raise DamagedError("it has anchors or aliases, which bnlab never writes")
            if getattr(event, "tag", None):
                raise DamagedError(f"it has the tag {shown(event.tag)}, and bnlab never writes one")
            if isinstance(event, yaml.ScalarEvent):
                opened[-1].append(_scalar(event.value, event.implicit))
            elif isinstance(event, yaml.CollectionStartEvent):
                opened.append([])
            elif isinstance(event, yaml.CollectionEndEvent):
                values = opened.pop()
                opened[-1].append(_mapping(values) if isinstance(event, yaml.MappingEndEvent) else values)
            if len(opened) > DEEPEST + 1 or count > MOST_EVENTS:
                raise DamagedError(f"it is nested more than {DEEPEST} deep, or has more than {MOST_EVENTS} values")
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise DamagedError(f"it is not valid YAML ({shown(' '.join(str(error).split()))})") from error
    (documents,) = opened
    if len(documents) != 1 or not isinstance(documents[0], dict):
        raise DamagedError("it is no mapping of keys to values")
    return documents[0]


def _mapping(values: Sequence[Any]) -> dict[str, Any]:
    """A dict from keys and values in turn; of a repeated key the last value counts, as in PyYAML."""
    for key in values[::2]:
        if not isinstance(key, str):
            raise DamagedError(f"it has the key {shown(key)}, which is no text")
    return dict(zip(values[::2], values[1::2], strict=True))


def _scalar(text: str, implicit: tuple[bool, bool]) -> Any:
    """The number, text or other value of a YAML scalar. `implicit` is PyYAML's pair of flags: plain, quoted."""
    return (_common if len(text) <= LONGEST_COMMON else _common.__wrapped__)(text, implicit)


@functools.lru_cache(1_000)
def _common(text: str, implicit: tuple[bool, bool]) -> Any:
    import yaml

    loader: Any = yaml.SafeLoader("")
    return loader.construct_object(yaml.ScalarNode(loader.resolve(yaml.ScalarNode, text, implicit), text))
