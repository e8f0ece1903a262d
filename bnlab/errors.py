"""Errors that the user can fix: messages of one line, with the nearest valid name."""

import difflib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

LONGEST_SHOWN = 200
"""Characters of a value that a message shows."""
SHORTEST_BEGINNING = 3
"""Letters that a valid name needs to be suggested for a longer one that begins with it: batch for batchnorm."""


class UserError(Exception):
    """Bad input. The command line prints the message as one line and exits with code 2.

    The message names what was received, what is allowed and how to fix it.
    """


class SettingError(UserError):
    """A setting's value is refused: the message is `KEY=VALUE problem`."""

    def __init__(self, key: str, value: object, problem: str) -> None:
        super().__init__(f"{key}={shown(written(value))} {problem}")
        self.key, self.problem = key, problem


class StorageError(OSError):
    """A file of a result cannot be written, e.g. on a full disk. Exit code 1; what was stored before stays as it is."""

    def __init__(self, path: Path, error: OSError) -> None:
        super().__init__(error.errno, error.strerror, str(path))

    def __str__(self) -> str:
        return (
            f"cannot write {self.filename}: {self.strerror}; what was stored before is untouched. "
            "Make room or mend the folder, then repeat the command: it goes on from there"
        )


class UnreadableError(OSError):
    """A stored file is there and cannot be read, e.g. for lack of permission. Exit code 1; it is left as it is."""

    def __init__(self, path: Path, error: OSError) -> None:
        super().__init__(error.errno, error.strerror, str(path))

    def __str__(self) -> str:
        return f"cannot read {self.filename}: {self.strerror}; it was left as it is. Mend it, then repeat the command"


class SweepFailedError(Exception):
    """Jobs of a sweep failed; the message lists every one with its reason. Exit code 1."""


def printable(text: str) -> str:
    """The text with control characters, on which a terminal would act, replaced by escapes. Line breaks stay."""
    return text if text.isprintable() else "".join(c if c.isprintable() or c == "\n" else repr(c)[1:-1] for c in text)


def shown(value: object, longest: int = LONGEST_SHOWN) -> str:
    """A value as one line of text, cut after `longest` characters."""
    text = printable(str(value)).replace("\n", "\\n")
    return text if len(text) <= longest else f"{text[:longest]}... ({len(text)} characters)"


def written(value: object) -> str:
    """A value as it is written on the command line: null, true, [128,64]."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, Mapping):
        return f"{{{','.join(f'{key}:{written(each)}' for key, each in value.items())}}}"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return f"[{','.join(map(written, value))}]"
    return str(value)


def one_line(error: BaseException) -> str:
    """`ValueError: what it says`, in one line."""
    said = " ".join(str(error).split())
    return f"{type(error).__name__}: {said}" if said else type(error).__name__


def nearest(received: str, allowed: Iterable[str]) -> str:
    """`" Did you mean 'batch'?"` if the name is like an allowed one, or begins with one; else an empty string."""
    received = received[:LONGEST_SHOWN].lower()  # the search takes time quadratic in the length
    names = {name.lower(): name for name in allowed}
    begun = [name for name in names if len(name) >= SHORTEST_BEGINNING and received.startswith(name)]
    matches = (
        difflib.get_close_matches(received, list(names), n=1, cutoff=0.92)
        or sorted(begun, key=len)[-1:]  # batchnorm means batch, though it is more like batch_renorm
        or difflib.get_close_matches(received, list(names), n=1, cutoff=0.5)
    )
    return f" Did you mean '{names[matches[0]]}'?" if matches else ""


def unknown(
    kind: str, received: str, allowed: Iterable[str], other_names: Mapping[str, str] | None = None
) -> UserError:
    """The error for a name that is not allowed. `other_names` maps names that other libraries use to bnlab's."""
    names, meant = sorted(allowed), (other_names or {}).get(received.lower())
    hint = f" Did you mean '{meant}'?" if meant else nearest(received, names)
    return UserError(f"unknown {kind} '{shown(received)}'; allowed: {', '.join(names)}.{hint}")
