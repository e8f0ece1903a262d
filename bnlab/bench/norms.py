"""`bnlab bench norms`: times a layer's forward pass, and forward and backward pass, for every scheme and impl."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from statistics import median
from typing import Any

import torch
from torch import Tensor, nn

from bnlab.bench.configs import norm_config
from bnlab.bench.timing import alternate, median_seconds
from bnlab.machine.threads import DEFAULT_THREADS, use_threads
from bnlab.norms import SCHEMES
from bnlab.store import environment

SHAPES = ((32, 128), (128, 128), (32, 784), (1024, 128), (32, 32, 14, 14))
"""Shapes (N, C) as in the article's network and around it, and one (N, C, H, W) for norms that need space."""

NUM_GROUPS = 16
"""Divides the channels of all shapes."""

WARM_UP, CALLS = 5, 25
"""Calls of a layer in one round: short blocks, in each of which the layer's own code is in the cache."""


@dataclass(frozen=True)
class Case:
    """A layer on one shape, in one of the two passes."""

    scheme: str
    impl: str
    shape: tuple[int, ...]
    backward: bool

    @property
    def name(self) -> str:
        return f"{self.scheme} {self.impl} {self.shape} {'forward + backward' if self.backward else 'forward'}"


def bench(rounds: int, threads: int | None, *, begin: Callable[[int, str], None]) -> dict[str, Any]:
    """Times all cases in alternating rounds and returns the figures as plain values.

    Times are medians in microseconds per call. `ratio_to_native` is the time divided by that of torch.nn's layer, None
    if torch.nn has none for this shape.

    Args:
        rounds: how often each case's block of calls is timed.
        threads: of the CPU; None leaves PyTorch's choice.
        begin: is called with the round and the case before each measurement.
    """
    passes = {case: call for case in _all() if (call := layer_pass(case)) is not None}
    measures = {case.name: partial(median_seconds, call, CALLS, WARM_UP) for case, call in passes.items()}
    with use_threads(threads or DEFAULT_THREADS):
        times = alternate(measures, rounds, begin)
        medians = {case: median(times[case.name]) for case in passes}
        return {
            "bench": "norms",
            "environment": environment.describe("cpu", torch.get_num_threads()),
            "calls": CALLS,
            "rounds": rounds,
            "cases": [_figures(case, medians) for case in passes],
        }


def layer_pass(case: Case) -> Callable[[], Tensor | None] | None:
    """A function that does the pass in training mode; None if the scheme or impl is not defined for the shape."""
    settings = norm_config(case.scheme, case.impl).settings()
    if "num_groups" in settings:
        settings["num_groups"] = NUM_GROUPS
    try:
        layer = SCHEMES[case.scheme].build(case.impl, case.shape[1], len(case.shape), **settings)
    except ValueError:
        return None
    return _backward(layer, case.shape) if case.backward else _forward(layer, case.shape)


def _forward(layer: nn.Module, shape: tuple[int, ...]) -> Callable[[], Tensor]:
    x = torch.randn(shape, requires_grad=True)
    return lambda: layer(x)


def _backward(layer: nn.Module, shape: tuple[int, ...]) -> Callable[[], None]:
    x, gradient = torch.randn(shape, requires_grad=True), torch.randn(shape)
    return lambda: layer(x).backward(gradient)


def _all() -> list[Case]:
    """All cases, native and custom of a layer side by side; none without a norm, since there is nothing to time."""
    return [
        Case(scheme.name, impl, shape, backward)
        for scheme in SCHEMES.values()
        if scheme.name != "none" and not scheme.of_weights
        for shape in SHAPES
        for backward in (False, True)
        for impl in scheme.impls
        if impl != "keras"
    ]


def _figures(case: Case, medians: dict[Case, float]) -> dict[str, Any]:
    native = medians.get(Case(case.scheme, "native", case.shape, case.backward))
    return {
        "scheme": case.scheme,
        "impl": case.impl,
        "shape": list(case.shape),
        "pass": "forward + backward" if case.backward else "forward",
        "us": medians[case] * 1e6,
        "ratio_to_native": None if native is None else medians[case] / native,
    }
