"""Timing in alternating rounds, so that a slow phase of the machine affects all cases alike."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from statistics import median
from time import perf_counter


def alternate(
    measures: Mapping[str, Callable[[], float]], rounds: int, begin: Callable[[int, str], None]
) -> dict[str, list[float]]:
    """What each measure returned, round by round; every round calls all of them once, in their order.

    Args:
        measures: the functions to call, by name.
        rounds: their number.
        begin: is called with the round, counted from 1, and the name before each call.
    """
    results: dict[str, list[float]] = {name: [] for name in measures}
    for number in range(1, rounds + 1):
        for name, measure in measures.items():
            begin(number, name)
            results[name].append(measure())
    return results


def median_seconds(call: Callable[[], object], calls: int, warm_up: int) -> float:
    """The median of the seconds of `calls` calls, after `warm_up` ones that are not counted."""
    for _ in range(warm_up):
        call()
    times = []
    for _ in range(calls):
        start = perf_counter()
        call()
        times.append(perf_counter() - start)
    return median(times)
