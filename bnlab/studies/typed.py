"""Makes dataclasses from plain values, by their annotations. Errors are one line that names the place in the file."""

from __future__ import annotations

import dataclasses
import math
import types
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any, Union, get_args, get_origin, get_type_hints

from bnlab.errors import UserError, shown, unknown, written

Reader = Callable[[Any, str], Any]
"""Makes a typed value from a plain value and its place in the file. Raises UserError."""


def typed(kind: Any, value: Any, place: str, readers: Mapping[Any, Reader]) -> Any:
    """Makes a value of an annotated type from a plain value.

    Args:
        kind: the type: a dataclass, an enumeration, str, int, float, bool, tuple[X, ...], Mapping[str, X] or X | None.
        value: the plain value, from YAML; a number or truth value becomes a text where `kind` is str.
        place: its place in the file, for messages, e.g. "hypotheses.faster.metric".
        readers: for types that need a function of their own, that function.

    Raises:
        UserError: the value does not fit the type.
    """
    if kind in readers:
        return readers[kind](value, place)
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        (inner,) = (each for each in arguments if each is not types.NoneType)
        return None if value is None else typed(inner, value, place, readers)
    if origin is tuple:
        items = _of_type(list, value, place, "a list, e.g. [norm=batch]")
        return tuple(typed(arguments[0], item, f"{place}[{i}]", readers) for i, item in enumerate(items))
    if isinstance(origin, type) and issubclass(origin, Mapping):
        entries = mapping(value, place)
        return {key: typed(arguments[1], entry, f"{place}.{key}", readers) for key, entry in entries.items()}
    if dataclasses.is_dataclass(kind):
        return instance(kind, mapping(value, place), place, readers)
    if issubclass(kind, StrEnum):
        if value not in list(kind):
            raise at(place, unknown(kind.__name__.lower(), str(value), map(str, kind)))
        return kind(value)
    return _scalar(kind, value, place)


def instance(schema: Any, values: Mapping[str, Any], place: str, readers: Mapping[Any, Reader], **given: object) -> Any:
    """Makes a dataclass from a mapping.

    Args:
        schema: the dataclass.
        values: plain values by the names of its fields.
        place, readers: see `typed`.
        given: values of fields that must not be in the mapping.

    Raises:
        UserError: an unknown or missing key, or a value that does not fit.
    """
    hints = get_type_hints(schema)
    fields = {field.name: field for field in dataclasses.fields(schema) if field.name not in given}
    for key in values:
        if key not in fields:
            raise at(place, unknown("key", key, fields))
    for name, field in fields.items():
        required = field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
        if required and name not in values:
            raise at(place, UserError(f"'{name}' is missing; it has to be given"))
    inside = {
        key: typed(hints[key], value, f"{place}.{key}" if place else key, readers) for key, value in values.items()
    }
    try:
        return schema(**inside, **given)
    except UserError as error:
        raise at(place, error) from error


def mapping(value: Any, place: str) -> Mapping[str, Any]:
    """The value, which has to be a mapping. Raises UserError if it is none."""
    found: Mapping[str, Any] = _of_type(dict, value, place, "keys with values, e.g. {kind: better}")
    return found


def at(place: str, error: UserError) -> UserError:
    """The error with the place in the file put before its message."""
    return UserError(f"{place}: {error}" if place else str(error))


def _of_type(kind: type, value: Any, place: str, allowed: str) -> Any:
    if not isinstance(value, kind):
        raise UserError(f"{place}: {shown(written(value))} is not allowed; allowed: {allowed}")
    return value


def _scalar(kind: type, value: Any, place: str) -> Any:
    if kind is str and isinstance(value, str | int | float):
        return written(value)
    if kind is int and type(value) is int:
        return value
    if kind is float and type(value) in (int, float) and math.isfinite(value):
        return float(value)
    if kind is bool and isinstance(value, bool):
        return value
    words = {
        str: "a text or number",
        int: "a whole number",
        float: "a number, e.g. 0.5 or 1.0e-3",
        bool: "true or false",
    }
    raise UserError(f"{place}: {shown(written(value))} is not allowed; allowed: {words[kind]}")
