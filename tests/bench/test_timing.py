"""Rounds take turns, and medians ignore the warm-up."""

import pytest

from bnlab.bench import timing


def test_every_round_calls_all_in_turn() -> None:
    told: list[tuple[int, str]] = []
    values = iter(range(6))
    names = ("a", "b")
    measures = {name: lambda: float(next(values)) for name in names}
    found = timing.alternate(measures, 3, lambda number, name: told.append((number, name)))
    assert found == {"a": [0.0, 2.0, 4.0], "b": [1.0, 3.0, 5.0]}
    assert told == [(1, "a"), (1, "b"), (2, "a"), (2, "b"), (3, "a"), (3, "b")]


def test_median_of_the_calls_after_the_warm_up(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    durations = iter([100.0, 100.0, 1.0, 7.0, 2.0])

    def call() -> None:
        nonlocal now
        now += next(durations)

    monkeypatch.setattr(timing, "perf_counter", lambda: now)
    assert timing.median_seconds(call, calls=3, warm_up=2) == 2.0
