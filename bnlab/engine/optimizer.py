"""Adam, AdamW, SGD and RMSProp for a stack, in which each replicate may have its own hyperparameters.

The updates of the first three are PyTorch's fused kernels, those behind `torch.optim.Adam(fused=True)`, and the results
are the same to the bit, by test. They are called directly: with a single small network, torch.optim's bookkeeping of
every tensor at every step takes longer than the kernel.
"""

from __future__ import annotations

import itertools
import math
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from bnlab.config import AdamConfig, OptimizerConfig, RMSPropConfig, ScheduleConfig, SGDConfig
from bnlab.engine.plain_updates import PLAIN_UPDATES
from bnlab.engine.pytorch_private import MissingError, fused_update
from bnlab.engine.schedule import lr_factor
from bnlab.lifting import Owned

State = Mapping[str, Sequence[Tensor]]
"""What an optimizer keeps from step to step (averages, momentum buffers, ...), by name, a tensor per updated tensor."""


@dataclass(frozen=True)
class Hyperparameters:
    """How one replicate is optimized."""

    optimizer: OptimizerConfig
    schedule: ScheduleConfig


@dataclass(frozen=True)
class _Slice:
    """Some rows of a lifted parameter.

    Attributes:
        view: these rows, a view.
        number: of the lifted parameter.
        rows: which ones; None: all.
    """

    view: Tensor
    number: int
    rows: slice | None

    def of(self, gradients: Sequence[Tensor]) -> Tensor:
        """The same rows of the parameter's gradient."""
        gradient = gradients[self.number]
        return gradient if self.rows is None else gradient[self.rows]


class _Group:
    """Slices with the same hyperparameters and weight decay, which one kernel, `update`, updates together."""

    def __init__(
        self,
        hyperparameters: Hyperparameters,
        weight_decay: float,
        slices: Sequence[_Slice],
        update: Callable[..., None],
    ) -> None:
        self.hyperparameters, self._update = hyperparameters, update
        self._config, self._weight_decay, self._slices = _known(hyperparameters.optimizer), weight_decay, slices
        self._views = [piece.view for piece in slices]
        self.state = {name: [torch.zeros_like(view) for view in self._views] for name in _remembered(self._config)}
        if isinstance(self._config, AdamConfig):  # the kernel takes a step count per tensor; all are one tensor here
            self.state["count"] = [torch.zeros((), device=self._views[0].device)]
        self._lr = torch.zeros((), dtype=torch.float64)

    def tensors(self) -> list[Tensor]:
        """All that `move` reads or changes, gradients aside."""
        return [*self._views, self._lr, *itertools.chain.from_iterable(self.state.values())]

    def set_lr(self, lr: float) -> None:
        if self._lr.item() != lr:
            self._lr.fill_(lr)

    def move(self, gradients: Sequence[Tensor]) -> None:
        """Updates the slices by the gradients of all lifted parameters."""
        mine = [piece.of(gradients) for piece in self._slices]
        if isinstance(self._config, AdamConfig):
            self._adam(self._config, mine)
        elif isinstance(self._config, RMSPropConfig):
            self._rmsprop(self._config, mine)
        else:
            self._sgd(self._config, mine)

    def _adam(self, config: AdamConfig, gradients: list[Tensor]) -> None:
        (count,) = self.state["count"]
        count.add_(1)
        beta1, beta2 = config.betas
        self._update(
            self._views,
            gradients,
            self.state["exp_avg"],
            self.state["exp_avg_sq"],
            [],
            [count] * len(gradients),
            lr=self._lr,
            beta1=beta1,
            beta2=beta2,
            weight_decay=self._weight_decay,
            eps=config.eps,
            amsgrad=False,
            maximize=False,
        )

    def _sgd(self, config: SGDConfig, gradients: list[Tensor]) -> None:
        self._update(
            self._views,
            gradients,
            self.state.get("momentum_buffer", []),
            weight_decay=self._weight_decay,
            momentum=config.momentum,
            lr=self._lr,
            dampening=0.0,
            nesterov=config.nesterov,
            maximize=False,
            is_first_step=False,  # the buffers start as zeros: the first step leaves the gradient in them
        )

    def _rmsprop(self, config: RMSPropConfig, gradients: list[Tensor]) -> None:
        self._update(
            self._views,
            gradients,
            self.state["square_avg"],
            self.state.get("momentum_buffer", []),
            lr=self._lr,
            alpha=config.alpha,
            eps=config.eps,
            momentum=config.momentum,
            weight_decay=self._weight_decay,
        )


class _Clip:
    """Clips each replicate's gradient by its norm, as torch.nn.utils.clip_grad_norm_: g ← g min(1, c / (‖g‖ + 1e-6)).

    g is the gradient of all of the replicate's parameters together.

    Args:
        parameters: the stack's.
        longest: c of each replicate; infinite for one whose gradient is not clipped.
    """

    def __init__(self, parameters: Sequence[Owned], longest: Sequence[float]) -> None:
        like, nobody = parameters[0].tensor, len(longest)
        self._longest = torch.tensor([*longest, math.inf], dtype=like.dtype, device=like.device)
        numbers = [[nobody if owner is None else owner for owner in each.owners] for each in parameters]
        self._owners = [torch.tensor(each, device=like.device) for each in numbers]

    def tensors(self) -> list[Tensor]:
        return [self._longest, *self._owners]

    def cut(self, gradients: Sequence[Tensor]) -> list[Tensor]:
        """The clipped gradients of the lifted parameters."""
        squares = torch.zeros_like(self._longest)
        for gradient, owners in zip(gradients, self._owners, strict=True):
            squares = squares.index_add(0, owners, gradient.reshape(len(owners), -1).square().sum(1))
        factors = (self._longest / (squares.sqrt() + 1e-6)).clamp(max=1)
        return [
            (gradient.reshape(len(owners), -1) * factors[owners].unsqueeze(1)).view(gradient.shape)
            for gradient, owners in zip(gradients, self._owners, strict=True)
        ]


class _AdaptiveClip:
    """Cuts the gradient of each output unit's weights to a share of these weights' length, but for the logits' layer.

    Brock, De, Smith & Simonyan 2021 (arXiv 2102.06171): g_i ← g_i min(1, λ max(‖w_i‖, 1e-3) / ‖g_i‖), where the values
    of a bias or of a norm are one unit.

    Args:
        shares: λ of each replicate; infinite: its gradients stay as they are.
    """

    LEAST_WEIGHT, LEAST_GRADIENT = 1e-3, 1e-6

    def __init__(self, parameters: Sequence[Owned], shares: Sequence[float]) -> None:
        self._parameters = parameters
        self._shares = [self._of_blocks(each, shares) for each in parameters]

    def tensors(self) -> list[Tensor]:
        return self._shares

    def cut(self, gradients: Sequence[Tensor]) -> list[Tensor]:
        """The lifted parameters' gradients."""
        return [
            each.from_units(self._cut(each.by_unit(each.tensor), each.by_unit(gradient), shares))
            for each, gradient, shares in zip(self._parameters, gradients, self._shares, strict=True)
        ]

    def _cut(self, weights: Tensor, gradient: Tensor, shares: Tensor) -> Tensor:
        of_unit = tuple(range(2, gradient.ndim))
        length, cut = (torch.linalg.vector_norm(each, dim=of_unit, keepdim=True) for each in (weights, gradient))
        longest = shares.view(-1, *(1,) * (gradient.ndim - 1)) * length.clamp(min=self.LEAST_WEIGHT)
        factors: Tensor = longest / cut.clamp(min=self.LEAST_GRADIENT)
        return gradient * factors.clamp(max=1)

    @staticmethod
    def _of_blocks(each: Owned, shares: Sequence[float]) -> Tensor:
        """λ of each of its blocks."""
        cut = [math.inf if owner is None or each.of_output else shares[owner] for owner in each.owners]
        return torch.tensor(cut, dtype=each.tensor.dtype, device=each.tensor.device)


class StackOptimizer:
    """Updates every replicate by its own hyperparameters.

    Replicates with equal hyperparameters are updated together. Their rows of the lifted parameters are views, so
    nothing is copied.

    Args:
        parameters: the stack's, with the replicates that own their rows.
        hyperparameters: one per replicate.
        total_steps, steps_per_epoch: of the training, for the learning rate's schedule.
        warn: is called with one line of text if PyTorch lacks a fused kernel, so that the steps are slower.

    Raises:
        ValueError: an optimizer is unknown.
    """

    def __init__(
        self,
        parameters: Sequence[Owned],
        hyperparameters: Sequence[Hyperparameters],
        total_steps: int,
        steps_per_epoch: int,
        warn: Callable[[str], None] = warnings.warn,
    ) -> None:
        self._total_steps, self._steps_per_epoch = total_steps, steps_per_epoch
        longest, shares = (
            [math.inf if (most := getattr(each.optimizer, name)) is None else most for each in hyperparameters]
            for name in ("clip_norm", "adaptive_clip")
        )
        self._clips: list[_Clip | _AdaptiveClip] = []
        if min(longest) < math.inf:
            self._clips.append(_Clip(parameters, longest))
        if min(shares) < math.inf:
            self._clips.append(_AdaptiveClip(parameters, shares))
        self._groups: list[_Group] = []
        updates = _updates({_known(each.optimizer).name for each in hyperparameters}, warn)
        kinds = {repr(each): each for each in hyperparameters}
        of_replicate = [repr(each) for each in hyperparameters]
        for kind, each in kinds.items():
            chosen = [other == kind for other in of_replicate]
            for weight_decay, mine in _by_weight_decay(each.optimizer, parameters).items():
                slices = [piece for number in mine for piece in _slices(parameters[number], number, chosen)]
                if slices:
                    self._groups.append(_Group(each, weight_decay, slices, updates[each.optimizer.name]))

    def set_lr(self, step: int) -> None:
        """Sets the learning rates for a step, counted from 0."""
        for group in self._groups:
            each = group.hyperparameters
            factor = lr_factor(each.schedule, step, self._total_steps, self._steps_per_epoch)
            group.set_lr(each.optimizer.lr * factor)

    @torch.no_grad()
    def move(self, gradients: Sequence[Tensor]) -> None:
        """Updates the parameters by their gradients, given in the same order.

        It can be recorded: every number that changes from step to step is in a tensor.
        """
        # The kernels need contiguous gradients; asking first is cheaper than calling `contiguous` on each.
        gradients = [gradient if gradient.is_contiguous() else gradient.contiguous() for gradient in gradients]
        for clip in self._clips:
            gradients = clip.cut(gradients)
        for group in self._groups:
            group.move(gradients)

    def tensors(self) -> list[Tensor]:
        """All that `move` reads or changes, gradients aside."""
        users = [*self._clips, *self._groups]
        return [tensor for each in users for tensor in each.tensors()]

    def state(self) -> list[State]:
        """What the optimizer keeps from step to step, by group; the tensors themselves, not copies."""
        return [group.state for group in self._groups]

    def load_state(self, state: Sequence[State]) -> None:
        """Copies the state of an optimizer of the same stack."""
        for group, given in zip(self._groups, state, strict=True):
            for name, tensors in group.state.items():
                for mine, theirs in zip(tensors, given[name], strict=True):
                    mine.copy_(theirs)


def _known(config: OptimizerConfig) -> AdamConfig | SGDConfig | RMSPropConfig:
    if isinstance(config, AdamConfig) and config.name in ("adam", "adamw"):
        return config
    if isinstance(config, SGDConfig) and config.name == "sgd":
        return config
    if isinstance(config, RMSPropConfig) and config.name == "rmsprop":
        return config
    raise ValueError(f"there is no optimizer '{config.name}' of {type(config).__name__}")


def _updates(names: Iterable[str], warn: Callable[[str], None]) -> dict[str, Callable[..., None]]:
    """The function that updates tensors, by the optimizer's name: PyTorch's fused kernel if there is one."""
    found: dict[str, Callable[..., None]] = {}
    for name in sorted(names):
        if name == "rmsprop":  # of which PyTorch has no fused kernel
            found[name] = PLAIN_UPDATES[name]
            continue
        try:
            found[name] = fused_update(name)
        except MissingError as error:
            warn(f"{error}: the steps of {name} are slower, and their last bits other ones")
            found[name] = PLAIN_UPDATES[name]
    return found


def _remembered(config: AdamConfig | SGDConfig | RMSPropConfig) -> Sequence[str]:
    if isinstance(config, AdamConfig):
        return ("exp_avg", "exp_avg_sq")
    averages = ("square_avg",) if isinstance(config, RMSPropConfig) else ()
    return (*averages, "momentum_buffer") if config.momentum > 0 else averages


def _slices(owned: Owned, number: int, chosen: Sequence[bool]) -> Iterator[_Slice]:
    """The slices of lifted parameter `number` that the chosen replicates own; neighbouring blocks make one slice."""
    count, tensor = len(owned.owners), owned.tensor
    block = tensor.shape[:1].numel() // count  # rows of a replicate; a tensor without axes, in a stack of one, has one
    start = 0
    for wanted, run in itertools.groupby(owned.owners, key=lambda owner: owner is not None and chosen[owner]):
        stop = start + len(list(run))
        if wanted:
            rows = None if stop - start == count else slice(start * block, stop * block)
            yield _Slice(tensor if rows is None else tensor.detach()[rows], number, rows)
        start = stop


def _by_weight_decay(config: OptimizerConfig, parameters: Sequence[Owned]) -> dict[float, list[int]]:
    """The numbers of the parameters, by their weight decay. Parameters of norms may be spared it."""
    groups: dict[float, list[int]] = {}
    for number, owned in enumerate(parameters):
        decays = config.decay_norm_params or not owned.of_norm
        groups.setdefault(config.weight_decay if decays else 0.0, []).append(number)
    return groups
