"""Observations: values of a stack's layers that every step returns besides its losses.

What nobody asks for is not computed. Shapes: R replicates, N batch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from bnlab.lifting.lifted import Takes, spread
from bnlab.lifting.places import places_of


@dataclass(frozen=True)
class Observation:
    """A tensor (R, ...) that each step computes of the inputs of one layer, in all replicates.

    Attributes:
        name: the name under which the values are reported.
        layer: the layer's path in the plain models, as in their `state_dict`; "" is the whole model.
        of: computes it of the layer's inputs (R, N, ...), of which there is one for each time that a step calls the
            layer. It has no gradient, and must not read a number out of a tensor, since it may be recorded.
    """

    name: str
    layer: str
    of: Callable[[Sequence[Tensor]], Tensor]


class Watch:
    """Collects the inputs of the observed layers of a stack by hooks, and computes the observations.

    Args:
        stack: as `lift` makes it.
        declared: what to observe.
        takes: which of the U batches each replicate takes, as for `lift`.

    Raises:
        ValueError: there is no such layer, or it is inside a layer that is called for all replicates at once; or two
            observations have the same name.
    """

    def __init__(self, stack: nn.Module, declared: Sequence[Observation], takes: Takes) -> None:
        names = [each.name for each in declared]
        if len(set(names)) < len(names):
            raise ValueError(f"observations need names of their own, not {', '.join(names)}")
        self.declared, self._takes = declared, takes
        self._is_open = False
        self._of_each = [[_Place(*found) for found in _find(stack, each, takes)] for each in declared]
        self._places = [place for places in self._of_each for place in places]
        self._hooks = [place.module.register_forward_pre_hook(self._hook(place)) for place in self._places]

    @contextmanager
    def open(self) -> Iterator[None]:
        """Collects the inputs of the forward pass within the `with`, and of no other."""
        for place in self._places:
            place.inputs.clear()
        self._is_open = True
        try:
            yield
        finally:
            self._is_open = False

    def close(self) -> None:
        """Removes the hooks; in a stack of one they are on layers of the plain model."""
        for hook in self._hooks:
            hook.remove()

    @torch.no_grad()
    def values(self) -> list[Tensor]:
        """The observations (R, ...) of the last collected pass, in the order in which they are declared.

        Raises:
            ValueError: the pass did not call the layer, or the first axis of a value is not the replicates'.
        """
        return [self._value(each, places) for each, places in zip(self.declared, self._of_each, strict=True)]

    def _value(self, observation: Observation, places: Sequence[_Place]) -> Tensor:
        calls = [torch.cat(parts) for parts in zip(*(place.inputs for place in places), strict=True)]
        for place in places:
            place.inputs.clear()
        if not calls:
            raise ValueError(f"a step does not call the layer '{observation.layer}', which is to be observed")
        value = observation.of([spread(x, self._takes) for x in calls])
        if value.shape[:1] != (len(self._takes),):
            raise ValueError(
                f"the observation '{observation.name}' is of shape {tuple(value.shape)}; its first axis is the"
                f" replicates', of which there are {len(self._takes)}"
            )
        return value.clone()  # it may be a view of a tensor that the rest of the step, or the next one, overwrites

    def _hook(self, place: _Place) -> Callable[[nn.Module, Any], None]:
        def see(module: nn.Module, arguments: Any) -> None:
            if self._is_open:
                x = arguments[0].detach()
                place.inputs.append(x.unsqueeze(0) if place.is_plain else x)

        return see


class _Place:
    """A module of the stack that does the work of the observed layer for some replicates, and its collected inputs.

    `is_plain`: it is the plain layer of one replicate, whose tensors have no replicate axis.
    """

    def __init__(self, module: nn.Module, is_plain: bool) -> None:
        self.module, self.is_plain = module, is_plain
        self.inputs: list[Tensor] = []


def _find(stack: nn.Module, observation: Observation, takes: Takes) -> list[tuple[nn.Module, bool]]:
    """The modules of the observed layer in the order of the replicates, and whether each is plain."""
    places = list(places_of(stack, observation.layer, range(len(takes))))
    if [owner for place in places for owner in place.owners] != list(range(len(takes))):
        raise ValueError(
            f"the observation '{observation.name}' is of the layer '{observation.layer}', which the model does not have"
            " or which is inside a layer that is called for all replicates at once"
        )
    return [(place.module, place.is_plain) for place in places]
