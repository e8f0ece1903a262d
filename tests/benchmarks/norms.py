"""How much slower the custom norms are than torch.nn's: `python -m tests.benchmarks.norms`. One thread, CPU.

Prints the time of torch.nn's layer and the ratio custom / native, of one forward and backward pass of a layer and of
one training step of the article's network (784-128-64-10, batch 32, fused Adam). Native and custom alternate in short
blocks, as in a real run each finds its own code warm, and a busy machine slows both; medians over the single calls.
"""

from collections.abc import Callable
from statistics import median
from time import perf_counter
from typing import Any

import torch
from torch import nn

from bnlab.norms import SCHEMES
from tests.norms.settings import DEFAULTS

SIZES = ((32, 64), (32, 128), (128, 128), (128, 784))
BLOCKS, WARM_UP, CALLS = 60, 5, 25


def compare(calls: dict[str, Callable[[], object]]) -> tuple[float, float]:
    """Median seconds of the native call, and the median of the custom one as a multiple of it."""
    times: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(BLOCKS):
        for name, call in calls.items():
            for _ in range(WARM_UP):
                call()
            for _ in range(CALLS):
                start = perf_counter()
                call()
                times[name].append(perf_counter() - start)
    native, custom = median(times["native"]), median(times["custom"])
    return native, custom / native


def layer_pass(layer: nn.Module, batch: int, channels: int) -> Callable[[], object]:
    """One forward and backward pass of the layer."""
    x = torch.randn(batch, channels, requires_grad=True)
    g = torch.randn(batch, channels)
    return lambda: layer(x).backward(g)


def training_step(norm: Callable[[int], nn.Module]) -> Callable[[], object]:
    """One step of the article's network with this norm."""
    hidden = (nn.Linear(784, 128), norm(128), nn.ReLU(), nn.Linear(128, 64), norm(64), nn.ReLU())
    model = nn.Sequential(*hidden, nn.Linear(64, 10))
    optimizer = torch.optim.Adam(model.parameters(), fused=True)
    images, labels = torch.rand(32, 784), torch.randint(0, 10, (32,))

    def step() -> None:
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(images), labels).backward()
        optimizer.step()

    return step


def builder(scheme: str, impl: str, **settings: Any) -> Callable[[int], nn.Module]:
    return lambda channels: SCHEMES[scheme].build(impl, channels, 2, **settings)


def main() -> None:
    torch.set_num_threads(1)
    print(f"torch {torch.__version__}, 1 thread, medians of {BLOCKS * CALLS} calls")
    for scheme in ("batch", "layer", "group", "rms"):
        norms = {impl: builder(scheme, impl, **DEFAULTS[scheme]) for impl in SCHEMES[scheme].impls}
        for n, c in SIZES:
            native, ratio = compare({impl: layer_pass(norm(c), n, c) for impl, norm in norms.items()})
            print(f"{scheme:6} ({n:3}, {c:3})  native {native * 1e6:6.0f} us  custom/native {ratio:.2f}")
        native, ratio = compare({impl: training_step(norm) for impl, norm in norms.items()})
        print(f"{scheme:6} step        native {native * 1e6:6.0f} us  custom/native {ratio:.2f}")


if __name__ == "__main__":
    main()
