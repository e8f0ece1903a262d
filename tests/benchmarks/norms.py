"""How much slower a training step with a custom norm is than with torch.nn's: `python -m tests.benchmarks.norms`.

One step of the article's network (784-128-64-10, batch 32, fused Adam), one thread, CPU. Native and custom alternate in
short blocks, as `bnlab bench norms` does with the layers by themselves.
"""

from collections.abc import Callable
from functools import partial
from statistics import median

import torch
from torch import nn

from bnlab.bench.configs import norm_config
from bnlab.bench.timing import alternate, median_seconds
from bnlab.machine.threads import use_threads
from bnlab.norms import SCHEMES

BLOCKS, WARM_UP, CALLS = 60, 5, 25


def training_step(norm: Callable[[int], nn.Module]) -> Callable[[], None]:
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


def measure(scheme: str, impl: str) -> Callable[[], float]:
    """Times one block of steps."""
    settings = norm_config(scheme, impl).settings()
    step = training_step(lambda channels: SCHEMES[scheme].build(impl, channels, 2, **settings))
    return partial(median_seconds, step, CALLS, WARM_UP)


def main() -> None:
    print(f"torch {torch.__version__}, 1 thread, medians of {BLOCKS} alternating blocks of {CALLS} steps")
    with use_threads(1):
        for scheme in ("batch", "layer", "group", "rms"):
            measures = {impl: measure(scheme, impl) for impl in SCHEMES[scheme].impls}
            times = alternate(measures, BLOCKS, lambda number, impl: None)
            native, custom = median(times["native"]), median(times["custom"])
            print(f"{scheme:6} native {native * 1e6:6.0f} us per step, custom/native {custom / native:.2f}")


if __name__ == "__main__":
    main()
