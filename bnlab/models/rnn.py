"""Recurrent networks that read an image as a sequence: of its 28 rows, or of its 784 pixels.

At each of T steps, starting with h = c = 0, with separate norms N_x, N_h, N_c:

    tanh:  h ← tanh(N_x(W_x x) + N_h(W_h h))
    lstm:  f, i, o, g = N_x(W_x x) + N_h(W_h h);  c ← σ(f + 1) c + σ(i) tanh(g);  h ← σ(o) tanh(N_c(c))
    gru:   r, z, n = N_x(W_x x);  r', z', n' = N_h(W_h h);  r, z ← σ(r + r'), σ(z + z')
           h ← z h + (1 - z) tanh(n + r n')

A linear layer makes the logits of the last h. The LSTM with batch norm is that of Cooijmans et al. 2017 (arXiv
1603.09025), without its learned first state and the noise on it: W_x x, W_h h and c are normalized separately. γ starts
at 0.1 (`gamma`), since with γ = 1 the inputs of tanh are so large that its gradients vanish. Each step has running
statistics of its own (`per_step`), since the first steps have other statistics than the later ones; with `shared` all
steps have the same ones. γ and β are shared by all steps in both cases. The 1 in the forget gate is from Jozefowicz et
al. 2015.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import torch
from torch import Tensor, nn

from bnlab.config import RNNConfig
from bnlab.declarations import Calls, Each
from bnlab.models.blocks import Blocks
from bnlab.models.steps import NormOfSteps

State = tuple[Tensor, Tensor]
"""h and c (N, H)."""


class Steps(nn.Module):
    """Images (N, channels, height, width) as sequences (N, T, features).

    Args:
        pixels: a step is one pixel with its channels; else one row of pixels.
        order: the order of the steps; None: as in the image.
    """

    treats_alone = Each.SAMPLE

    def __init__(self, pixels: bool, order: Sequence[int] | None) -> None:
        super().__init__()
        self.pixels, self.order = pixels, None if order is None else list(order)

    def forward(self, images: Tensor) -> Tensor:
        steps: Tensor = images.flatten(2).mT if self.pixels else images.transpose(1, 2).flatten(2)
        return steps if self.order is None else steps[:, self.order]


class Recurrence(nn.Module):
    """Runs the cell over a sequence: the normalized W_x x of all steps, (N, T, gates H) -> the last h (N, H).

    Args:
        hidden: H.
        cell: one of `CELLS`.
        of_state: W_h.
        norms_of_state, norms_of_c: N_h and N_c: T norms, or one for all steps, and their γ and β.
    """

    holds_layers = Calls.BY_ITS_FORWARD

    def __init__(
        self,
        hidden: int,
        cell: str,
        of_state: nn.Linear,
        norms_of_state: tuple[nn.Sequential, nn.Module],
        norms_of_c: tuple[nn.Sequential, nn.Module],
    ) -> None:
        super().__init__()
        self.hidden, self.cell, self.count = hidden, cell, len(norms_of_state[0])
        self.of_state = of_state
        self.norms_of_state, self.affine_of_state = norms_of_state
        self.norms_of_c, self.affine_of_c = norms_of_c

    def forward(self, inputs: Tensor) -> Tensor:
        h = c = inputs.new_zeros(*inputs.shape[:-2], self.hidden)
        step = CELLS[self.cell][1]
        for number, x in enumerate(inputs.unbind(-2)):
            at = number % self.count
            y = self.affine_of_state(self.norms_of_state[at](self.of_state(h)))
            h, c = step(x, y, (h, c), partial(self._normalize_c, at))
        return h

    def _normalize_c(self, at: int, c: Tensor) -> Tensor:
        y: Tensor = self.affine_of_c(self.norms_of_c[at](c))
        return y


Norm = Callable[[Tensor], Tensor]


def _tanh(x: Tensor, y: Tensor, state: State, _: Norm) -> State:
    return (x + y).tanh(), state[1]


def _lstm(x: Tensor, y: Tensor, state: State, norm: Norm) -> State:
    f, i, o, candidate = (x + y).chunk(4, -1)  # whose gradients are put together in one copy
    c = (f + 1).sigmoid() * state[1] + i.sigmoid() * candidate.tanh()
    return o.sigmoid() * norm(c).tanh(), c


def _gru(x: Tensor, y: Tensor, state: State, _: Norm) -> State:
    size = state[0].shape[-1]
    (of_x, n), (of_y, other) = (each.split([2 * size, size], -1) for each in (x, y))
    r, z = (of_x + of_y).sigmoid().chunk(2, -1)
    return torch.lerp((n + r * other).tanh(), state[0], z), state[1]


CELLS: dict[str, tuple[int, Callable[[Tensor, Tensor, State, Norm], State]]] = {
    "tanh": (1, _tanh),
    "lstm": (4, _lstm),
    "gru": (3, _gru),
}
"""By the cell: how many gates it has, and its step, a function of W_x x and W_h h (normalized), (h, c) and N_c."""


class RNN(nn.Module):
    """Recurrent network.

    Shapes: images (N, *image) -> logits (N, classes).

    Args:
        image: shape of one image, (channels, height, width).
        config: the cell, its size, the kind of sequence and of statistics.
        classes: number of logits.
        blocks: makes the layers.
    """

    holds_layers = Calls.IN_ORDER

    def __init__(self, image: Sequence[int], config: RNNConfig, classes: int, blocks: Blocks) -> None:
        super().__init__()
        channels, height, width = image
        pixels, hidden, gates = config.by_pixels(), config.hidden, CELLS[config.cell][0] * config.hidden
        steps, features = (height * width, channels) if pixels else (height, channels * width)
        order = permutation(steps) if config.is_permuted() else None

        def norms(size: int) -> tuple[nn.Sequential, nn.Module]:
            return blocks.step_norms(size, steps, config.gamma, per_step=config.statistics == "per_step")

        without = nn.Sequential(nn.Identity()), nn.Identity()
        self.layers = nn.Sequential(
            Steps(pixels, order),
            blocks.token_norm(features, config.norm_input),
            blocks.before_norm(features, gates),
            NormOfSteps(*norms(gates)),
            Recurrence(
                hidden,
                config.cell,
                nn.Linear(hidden, gates, bias=False),
                norms(gates),
                norms(hidden) if config.cell == "lstm" else without,
            ),
            *blocks.output(hidden, classes),
        )

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.layers(images)
        return logits


def permutation(steps: int) -> list[int]:
    """The order of the steps in a permuted sequence, the same for all seeds, since it is part of the task."""
    order: list[int] = torch.randperm(steps, generator=torch.Generator().manual_seed(0), device="cpu").tolist()
    return order
