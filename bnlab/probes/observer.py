"""`Probes`: the observer that runs the probes of a configuration during a training."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

from torch import nn

from bnlab.config import ProbesConfig
from bnlab.engine import WHOLE, Inspection, Look, Observer, Values
from bnlab.errors import UserError, nearest, shown
from bnlab.lifting import layers_with_parameters, lift
from bnlab.models import Places
from bnlab.probes import activations, gradients, landscape, running, shift

Probe = Callable[[Look, Sequence[Places]], Values]

_PROBES: dict[str, Probe] = {
    "activations": activations.measure,
    "gradients": gradients.measure,
    "running": running.measure,
    "landscape": landscape.measure,
    "shift": shift.measure,
}
"""The probes, by their names in `bnlab.config.PROBES`."""


class Probes(Observer):
    """Runs the probes on the stack every `config.every` steps.

    Args:
        config: what is measured, and when; the same for all replicates.
        places: where each replicate's model has its norms and activations.
    """

    def __init__(self, config: ProbesConfig, places: Sequence[Places]) -> None:
        self._config, self._places = config, places

    def inspections(self) -> Sequence[Inspection]:
        return [Inspection(name, self._config.every, partial(self._measure, name)) for name in self._config.names]

    def _measure(self, name: str, look: Look) -> Values:
        found = _PROBES[name](look, [self._places[member] for member in look.members])
        wanted = self._config.layers
        return found if wanted is None else {key: value for key, value in found.items() if key[0] in wanted}


def check_layers(config: ProbesConfig, model: nn.Module, places: Places) -> None:
    """Raises UserError for a layer that a probe cannot measure in this model."""
    known = dict.fromkeys([WHOLE, *places.norms, *places.activations, *_with_parameters(model)])
    for layer in config.layers or ():
        if layer not in known:
            raise UserError(
                f"probes.layers: this model has no layer '{shown(layer)}' to measure; it has {', '.join(known)}."
                f"{nearest(layer, known)}"
            )


def _with_parameters(model: nn.Module) -> Mapping[str, None]:
    return dict.fromkeys(path for path, _ in layers_with_parameters(lift([model])))
