"""The settings of the probes, which measure during a training and change nothing in it."""

from __future__ import annotations

from dataclasses import dataclass

from bnlab.ranges import one_of, require

PROBES = ("activations", "gradients", "running", "landscape", "shift")
"""The names of the probes; each is a file in bnlab/probes/."""
MOST_STEPS_BETWEEN = 1_000_000_000


@dataclass(frozen=True)
class ProbesConfig:
    """Which probes measure, and when.

    Attributes:
        names: the probes.
        every: steps from one measurement to the next.
        layers: the layers whose values are kept, by their paths in the model; None: all.
    """

    names: list[str]
    every: int
    layers: list[str] | None

    def __post_init__(self) -> None:
        for name in self.names:
            one_of("probes.names", name, PROBES)
        require(len(set(self.names)) == len(self.names), "probes.names", self.names, "a list of distinct names")
        allowed = f"1 to {MOST_STEPS_BETWEEN}"
        require(1 <= self.every <= MOST_STEPS_BETWEEN, "probes.every", self.every, allowed)
        is_list = self.layers is None or 0 < len(self.layers) == len(set(self.layers))
        require(is_list, "probes.layers", self.layers, "a list of distinct layers, or null for all")
