"""Makes overrides, as they are typed, of settings that a Python program gives."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from hydra.core.override_parser.types import Quote, QuotedString

from bnlab.config import did_you_mean
from bnlab.errors import UserError, shown

KEY = re.compile(r"[^\W\d][\w./@]*")
WORD = re.compile(r"[A-Za-z_][\w./:@-]*")
"""A text that needs no quotes."""
RESERVED = {"null", "true", "false", "nan", "inf"}


def overrides_of(settings: Mapping[str, object]) -> list[str]:
    """`{"norm": "batch", "optimizer.lr": 0.1}` as `["norm=batch", "optimizer.lr=0.1"]`. Raises UserError."""
    return [f"{_key(key)}={_value(key, value)}" for key, value in settings.items()]


def sweep_of(choices: Mapping[str, object]) -> list[str]:
    """`{"norm": ["none", "batch"]}` as `["norm=none,batch"]`: a list is swept over. Raises UserError."""
    return [
        f"{_key(key)}={','.join(_value(key, each) for each in _choices(key, value))}" for key, value in choices.items()
    ]


def _choices(key: str, value: object) -> Sequence[object]:
    if isinstance(value, str) or not isinstance(value, Sequence):
        return [value]
    if not value:
        raise UserError(f"{key}=[] has no value to be tried; give some, e.g. {{'norm': ['none', 'batch']}}")
    return value


def _key(key: str) -> str:
    if not isinstance(key, str) or not KEY.fullmatch(key):
        raise UserError(f"'{shown(key)}' is no setting's name; write it as on the command line, e.g. 'norm.eps'")
    return key


def _value(key: str, value: object) -> str:
    """A value as Hydra's parser reads it; a text that it would take for something else is quoted."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return repr(int(value) if isinstance(value, int) else float(value))  # NumPy's float64 has another repr
    if isinstance(value, str | Path):
        return _text(str(value))
    if isinstance(value, Mapping):
        return f"{{{','.join(f'{_key(name)}:{_value(key, each)}' for name, each in value.items())}}}"
    if isinstance(value, Sequence):
        return f"[{','.join(_value(key, each) for each in value)}]"
    raise UserError(
        f"{key}={shown(value)} is of the type {type(value).__name__}; allowed: a text, a number, True, False, None, "
        f"or a list or dict of these.{did_you_mean(key)}"
    )


def _text(text: str) -> str:
    if WORD.fullmatch(text) and text.lower() not in RESERVED:
        return text
    return str(QuotedString(text=text, quote=Quote.single).with_quotes())
