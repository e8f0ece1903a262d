"""Checks of a setting's range. Each raises SettingError, which says what is allowed."""

from __future__ import annotations

import math
from collections.abc import Collection

from bnlab.errors import SettingError, nearest

SMALLEST = 1.2e-38
"""Just above the smallest normal float32."""

LARGEST = 3.4e38
"""Just below the largest float32."""


def require(legal: bool, key: str, value: object, allowed: str) -> None:
    if not legal:
        raise SettingError(key, value, f"is out of range; it has to be {allowed}")


def one_of(key: str, value: str, allowed: Collection[str]) -> None:
    if value not in allowed:
        raise SettingError(key, value, f"is not known; allowed: {', '.join(allowed)}.{nearest(value, allowed)}")


def positive(key: str, value: float) -> None:
    """Above 0, also when rounded to float32."""
    require(value > 0 and math.isfinite(value), key, value, "a finite number above 0")
    finite(key, value)


def not_negative(key: str, value: float) -> None:
    """0 or above, and neither infinite nor rounded to 0 in float32."""
    require(value >= 0 and math.isfinite(value), key, value, "a finite number, 0 or above")
    finite(key, value)


def within_0_1(key: str, value: float) -> None:
    require(0 <= value <= 1, key, value, "between 0 and 1")
    finite(key, value)


def finite(key: str, value: float) -> None:
    """Finite in float32 too, and not denormal there (`SMALLEST`), since a denormal number may count as 0."""
    require(math.isfinite(value), key, value, "a finite number")
    size, sign = abs(value), "-" if value < 0 else ""
    nearer = "above" if sign else "below"
    require(
        size <= LARGEST, key, value, f"{sign}{LARGEST} or {nearer}, since float32 takes what is larger for infinity"
    )
    further = "below" if sign else "above"
    legal = size == 0 or size >= SMALLEST
    require(legal, key, value, f"{sign}{SMALLEST} or {further}, since float32 takes what is smaller for 0")
