"""The optimizers' updates written in PyTorch's public operations.

RMSProp, for which PyTorch has no fused kernel, always uses the one here; the others do if this PyTorch lacks theirs.
Every number that changes from step to step is in a tensor, so that an update can be recorded.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor


def adam(
    parameters: Sequence[Tensor],
    gradients: Sequence[Tensor],
    averages: Sequence[Tensor],
    squares: Sequence[Tensor],
    _: Sequence[Tensor],
    counts: Sequence[Tensor],
    *,
    lr: Tensor,
    beta1: float,
    beta2: float,
    weight_decay: float,
    eps: float,
    **unused: Any,
) -> None:
    """Adam (Kingma & Ba, 2015, arXiv 1412.6980), with weight decay λ w added to the gradient, as torch.optim.Adam."""
    for p, gradient, m, v, count in zip(parameters, gradients, averages, squares, counts, strict=True):
        g = gradient.add(p, alpha=weight_decay)
        m.lerp_(g, 1 - beta1)
        v.mul_(beta2).addcmul_(g, g, value=1 - beta2)
        steps = count.double()
        root = (v / (1 - torch.pow(beta2, steps))).sqrt()
        p.sub_(m / (root + eps) * (lr / (1 - torch.pow(beta1, steps))))


def adamw(
    parameters: Sequence[Tensor], *others: Sequence[Tensor], lr: Tensor, weight_decay: float, **settings: Any
) -> None:
    """AdamW (Loshchilov & Hutter, 2019, arXiv 1711.05101): w ← w (1 - lr λ), then Adam without weight decay."""
    for p in parameters:
        p.mul_(1 - lr * weight_decay)
    adam(parameters, *others, lr=lr, weight_decay=0.0, **settings)


def sgd(
    parameters: Sequence[Tensor],
    gradients: Sequence[Tensor],
    buffers: Sequence[Tensor],
    *,
    weight_decay: float,
    momentum: float,
    lr: Tensor,
    nesterov: bool,
    **unused: Any,
) -> None:
    """Gradient descent, as torch.optim.SGD: w ← w - lr g.

    With momentum m, b ← m b + g takes the place of g; with Nesterov's momentum g + m b does.
    """
    for number, (p, gradient) in enumerate(zip(parameters, gradients, strict=True)):
        g = gradient.add(p, alpha=weight_decay)
        if buffers:
            b = buffers[number].mul_(momentum).add_(g)
            g = g + momentum * b if nesterov else b
        p.sub_(g * lr)


def rmsprop(
    parameters: Sequence[Tensor],
    gradients: Sequence[Tensor],
    squares: Sequence[Tensor],
    buffers: Sequence[Tensor],
    *,
    lr: Tensor,
    alpha: float,
    eps: float,
    momentum: float,
    weight_decay: float,
) -> None:
    """RMSProp (Tieleman & Hinton, 2012), as torch.optim.RMSprop: v ← α v + (1 - α) g²,  w ← w - lr g / (√v + ε).

    With momentum m, b ← m b + g / (√v + ε),  w ← w - lr b.
    """
    for number, (p, gradient, v) in enumerate(zip(parameters, gradients, squares, strict=True)):
        g = gradient.add(p, alpha=weight_decay) if weight_decay else gradient
        v.mul_(alpha).addcmul_(g, g, value=1 - alpha)
        step = g / v.sqrt().add_(eps)
        if buffers:
            step = buffers[number].mul_(momentum).add_(step)
        p.sub_(step * lr)


PLAIN_UPDATES: dict[str, Callable[..., None]] = {"adam": adam, "adamw": adamw, "sgd": sgd, "rmsprop": rmsprop}
