"""Layers of all replicates as one vectorized call (torch.func.vmap)."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap

from bnlab.lifting.lifted import Lifted, Owned, owned_by, spread


class Vmapped(Lifted):
    """One call of the layer, vectorized over the replicates' parameters and buffers, which are stacked on an axis R.

    For layers that declare Each.CALL.
    """

    def __init__(self, plain: Sequence[nn.Module], owners: Sequence[int]) -> None:
        super().__init__(plain, owners)
        self._program = (
            copy.deepcopy(plain[0]),
        )  # in a tuple, so that it is no submodule: its own values are not used
        self._of_norm = [each.of_norm for each in owned_by(plain[0], 0)]
        self._names = [name for name, _ in plain[0].named_parameters()]
        self._buffer_names = [name for name, _ in plain[0].named_buffers()]
        rows = zip(*(module.parameters() for module in plain), strict=True)
        self.values = nn.ParameterList([torch.stack([value.detach() for value in row]) for row in rows])
        for name in self._buffer_names:
            self.register_buffer(_flat(name), torch.stack([module.get_buffer(name) for module in plain]))

    def forward(self, x: Tensor) -> Tensor:
        (program,) = self._program
        program.train(self.training)
        y: Tensor = vmap(lambda state, x: functional_call(program, state, (x,)))(self._state(), spread(x, self.takes))
        return y

    def owned(self) -> Iterator[Owned]:
        for value, of_norm in zip(self.values, self._of_norm, strict=True):
            yield Owned(value, self.owners, of_norm, unit_axis=1 if value.ndim > 2 else None)

    @torch.no_grad()
    def lower(self) -> None:
        state = self._state()
        for row, module in enumerate(self.plain):
            for name, value in itertools.chain(module.named_parameters(), module.named_buffers()):
                value.copy_(state[name][row])

    def _state(self) -> dict[str, Tensor]:
        """The stacked parameters and buffers, by their names in the plain layer."""
        parameters = dict(zip(self._names, self.values, strict=True))
        return parameters | {name: self.get_buffer(_flat(name)) for name in self._buffer_names}


def _flat(name: str) -> str:
    """The name without dots, which a buffer's name may not have."""
    return name.replace(".", "_")
