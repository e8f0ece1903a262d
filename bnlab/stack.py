"""Lifts plain modules onto a replicate axis, so that R replicates train as one program.

`lift` takes the models of all replicates and returns one module: images (R, N, ...) -> logits (R, N, K). It goes
through the models layer by layer, side by side. A layer that does the same thing in neighbouring replicates becomes
one lifted layer over their slice of the stack; where the replicates differ (other norm, other activation), the stack
is cut there for this one layer. Models and norms do not know about it.

Shapes: R replicates of a slice, U distinct batches of N samples that they take, C features of a layer. A batch that
several replicates take goes through the stack once, as one of (U, N, ...), up to the first layer that has parameters.
A lifted parameter keeps the replicates' values one after another on its first axis.
"""

from __future__ import annotations

import copy
import itertools
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from functools import singledispatch
from typing import Any

import torch
from torch import Tensor, nn

from bnlab.models.mlp import MLP
from bnlab.norms.batch import BatchNorm
from bnlab.norms.group import GroupNorm
from bnlab.norms.layer import LayerNorm
from bnlab.norms.rms import RMSNorm


@dataclass(frozen=True)
class Owned:
    """A lifted parameter, and the replicate that owns each of the equal blocks of its first axis (None: nobody)."""

    tensor: Tensor
    owners: Sequence[int | None]
    of_norm: bool


Takes = Sequence[int]
"""Which of the U batches each replicate takes."""


def _spread(x: Tensor, takes: Takes) -> Tensor:
    """A batch per replicate (R, N, ...) from the distinct ones (U, N, ...)."""
    if len(x) == len(takes):
        return x
    return x.expand(len(takes), *x.shape[1:]) if len(x) == 1 else x[list(takes)]


class Lifted(nn.Module):
    """One layer of the replicates `owners`, given as their plain modules."""

    def __init__(self, plain: Sequence[nn.Module], owners: Sequence[int]) -> None:
        super().__init__()
        self.plain = tuple(plain)  # a tuple is no submodule: the plain modules wait outside until `lower`
        self.owners = owners
        self.takes: Takes = range(len(owners))

    def owned(self) -> Iterator[Owned]:
        """Its parameters."""
        for parameter in self.parameters():
            yield Owned(parameter, self.owners, of_norm=True)

    def lower(self) -> None:
        """Copies what was trained back into the plain modules."""


@dataclass(frozen=True)
class _Run:
    """Replicates start:stop take the batches first, first + 1, ..."""

    start: int
    stop: int
    first: int

    def batches(self, x: Tensor) -> Tensor:
        return x[self.first : self.first + self.stop - self.start]


def _runs(takes: Takes) -> list[_Run]:
    """The longest runs of replicates that take consecutive batches."""
    runs: list[_Run] = []
    for replicate, batch in enumerate(takes):
        last = runs[-1] if runs else None
        if last is not None and batch == last.first + replicate - last.start:
            runs[-1] = _Run(last.start, replicate + 1, last.first)
        else:
            runs.append(_Run(replicate, replicate + 1, batch))
    return runs


class SharedProduct(torch.autograd.Function):
    """x W for replicates that share their batches: x (U, N, in) and W (R, in, out) give (R, N, out).

    Run by run of replicates, so that no batch is copied for each that takes it; the results go where they belong.
    The gradient is W's only: ∂loss/∂W = xᵀ g.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, runs: Sequence[_Run]) -> Tensor:
        ctx.save_for_backward(x)
        ctx.runs = runs
        y = x.new_empty(len(weight), x.shape[1], weight.shape[2])
        for run in runs:
            torch.bmm(run.batches(x), weight[run.start : run.stop], out=y[run.start : run.stop])
        return y

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor | None, ...]:
        (x,) = ctx.saved_tensors
        weight_grad = x.new_empty(len(g), x.shape[2], g.shape[2])
        for run in ctx.runs:
            out = weight_grad[run.start : run.stop]
            torch.bmm(run.batches(x).mT, g[run.start : run.stop], out=out)
        return None, weight_grad, None


class LiftedLinear(Lifted):
    """y = x W + b with weights (R, in, out): one batched product. (R, out, in) would take more than twice the time."""

    def __init__(self, plain: Sequence[nn.Linear], owners: Sequence[int]) -> None:
        super().__init__(plain, owners)
        self.weight = nn.Parameter(torch.stack([m.weight.detach().T for m in plain]).contiguous())
        self.has_bias = [m.bias is not None for m in plain]
        rows = [torch.zeros(m.out_features) if m.bias is None else m.bias.detach() for m in plain]
        self.bias = nn.Parameter(torch.stack(rows).to(self.weight.dtype)) if any(self.has_bias) else None

    def forward(self, x: Tensor) -> Tensor:
        if 1 < len(x) < len(self.takes) and not x.requires_grad:
            y: Tensor = SharedProduct.apply(x, self.weight, _runs(self.takes))
            return y if self.bias is None else y + self.bias[:, None]
        x = _spread(x, self.takes)
        return torch.bmm(x, self.weight) if self.bias is None else torch.baddbmm(self.bias[:, None], x, self.weight)

    def owned(self) -> Iterator[Owned]:
        yield Owned(self.weight, self.owners, of_norm=False)
        if self.bias is not None:
            # The rows of those without a bias are zero and belong to nobody: no optimizer moves them.
            owners = [owner if has else None for owner, has in zip(self.owners, self.has_bias, strict=True)]
            yield Owned(self.bias, owners, of_norm=False)

    @torch.no_grad()
    def lower(self) -> None:
        for row, module in enumerate(self.plain):
            assert isinstance(module, nn.Linear)
            module.weight.copy_(self.weight[row].T)
            if module.bias is not None and self.bias is not None:
                module.bias.copy_(self.bias[row])


class FeatureFolded(Lifted):
    """A norm that treats each feature alone: R replicates of C features are one layer of R C features."""

    def __init__(self, plain: Sequence[nn.Module], owners: Sequence[int]) -> None:
        super().__init__(plain, owners)
        self.layer = copy.deepcopy(plain[0])
        self._per_feature = [name for name, value in _tensors(self.layer) if value.ndim == 1]
        for name in self._per_feature:
            _tensor(self.layer, name).data = torch.cat([_tensor(m, name).detach() for m in plain])

    def forward(self, x: Tensor) -> Tensor:
        replicates, samples, features = len(self.owners), x.shape[1], x.shape[2]
        folded = _spread(x, self.takes).transpose(0, 1).reshape(samples, replicates * features)
        y: Tensor = self.layer(folded)
        return y.view(samples, replicates, features).transpose(0, 1)

    @torch.no_grad()
    def lower(self) -> None:
        for name, value in _tensors(self.layer):
            parts = value.chunk(len(self.plain)) if name in self._per_feature else [value] * len(self.plain)
            for module, part in zip(self.plain, parts, strict=True):
                _tensor(module, name).copy_(part)


class BatchFolded(Lifted):
    """A norm that treats each sample alone: R batches of N samples are one batch of R N; gamma and beta come after."""

    def __init__(self, plain: Sequence[nn.Module], owners: Sequence[int]) -> None:
        super().__init__(plain, owners)
        self.layer = copy.deepcopy(plain[0])
        for name, _ in _tensors(plain[0]):
            setattr(self.layer, name, None)
        self.weight = self._stacked("weight")
        self.bias = self._stacked("bias")

    def _stacked(self, name: str) -> nn.Parameter | None:
        if getattr(self.plain[0], name, None) is None:
            return None
        return nn.Parameter(torch.stack([_tensor(m, name).detach() for m in self.plain]))

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.layer(x.reshape(-1, x.shape[-1])).view(x.shape)
        if self.weight is None:
            return y
        y = _spread(y, self.takes)
        if self.bias is None:
            return y * self.weight[:, None]
        return torch.addcmul(self.bias[:, None], y, self.weight[:, None])

    @torch.no_grad()
    def lower(self) -> None:
        for name, value in self.named_parameters():
            for row, module in enumerate(self.plain):
                _tensor(module, name).copy_(value[row])


class Same(Lifted):
    """A layer without parameters that works on each value alone: one serves all."""

    def __init__(self, plain: Sequence[nn.Module], owners: Sequence[int]) -> None:
        super().__init__(plain, owners)
        self.layer = copy.deepcopy(plain[0])

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.layer(x)
        return y


class Looped(Lifted):
    """Any other module: one call per replicate."""

    def __init__(self, plain: Sequence[nn.Module], owners: Sequence[int]) -> None:
        super().__init__(plain, owners)
        self.layers = nn.ModuleList(plain)

    def forward(self, x: Tensor) -> Tensor:
        slices = _spread(x, self.takes).unbind()
        return torch.stack([layer(part) for layer, part in zip(self.layers, slices, strict=True)])

    def owned(self) -> Iterator[Owned]:
        for owner, layer in zip(self.owners, self.layers, strict=True):
            for parameter in layer.parameters():
                yield Owned(parameter, [owner], of_norm=not isinstance(layer, nn.Linear))


class Cut(nn.Module):
    """Neighbouring slices of the stack, each with a lifted layer of its own."""

    def __init__(self, layers: Sequence[nn.Module], slices: Sequence[Sequence[int]]) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)
        self.sizes = [len(owners) for owners in slices]
        self.owners = [owner for owners in slices for owner in owners]
        self.takes: Takes = range(len(self.owners))

    def forward(self, x: Tensor) -> Tensor:
        slices = _spread(x, self.takes).split(self.sizes)
        return torch.cat([layer(part) for layer, part in zip(self.layers, slices, strict=True)])


class Single(nn.Module):
    """A stack of one: the plain module, with a replicate axis of length 1 around it."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.model(images[0])
        return logits.unsqueeze(0)


def lift(models: Sequence[nn.Module], takes: Takes | None = None) -> nn.Module:
    """One module for all replicates: images (U, N, ...) or shared by all (1, N, ...) -> logits (R, N, K).

    The models must have the same layers at the same places, of the same widths. `takes` says which of the U batches
    each replicate takes; by default each has its own.
    """
    if len(models) == 1:
        return Single(models[0])
    stack = _lift_all(models, range(len(models)))
    for module in stack.modules():
        if takes is not None and isinstance(module, (Cut, Lifted)):
            module.takes = [takes[owner] for owner in module.owners]
    return stack


def owned_parameters(stack: nn.Module) -> list[Owned]:
    """All parameters of a lifted stack with their owners."""
    if isinstance(stack, Single):
        leaves = [module for module in stack.modules() if not list(module.children())]
        return [
            Owned(parameter, [0], of_norm=not isinstance(leaf, nn.Linear))
            for leaf in leaves
            for parameter in leaf.parameters()
        ]
    return [owned for module in stack.modules() if isinstance(module, Lifted) for owned in module.owned()]


def lower(stack: nn.Module) -> None:
    """Copies the trained values back into the plain models that the stack was lifted from."""
    for module in stack.modules():
        if isinstance(module, Lifted):
            module.lower()


def _lift_all(modules: Sequence[nn.Module], owners: Sequence[int]) -> nn.Module:
    """Lifts the layer at one place, cut where its kind changes from one replicate to the next."""
    slices = [list(part) for _, part in itertools.groupby(owners, key=lambda owner: _kind(modules[owner - owners[0]]))]
    if len(slices) == 1:
        return lift_alike(modules[0], modules, owners)
    first = owners[0]
    layers = [lift_alike(modules[part[0] - first], [modules[o - first] for o in part], part) for part in slices]
    return Cut(layers, slices)


def _kind(module: nn.Module) -> Hashable:
    """Two layers of one kind compute the same function of their input and their own tensors."""
    if isinstance(module, (MLP, nn.Sequential, nn.Linear)):
        return type(module).__qualname__
    settings = {k: v for k, v in vars(module).items() if not k.startswith("_") and k != "training"}
    shapes = [(name, tuple(value.shape)) for name, value in _tensors(module)]
    return type(module), repr(sorted(settings.items())), repr(shapes)


@singledispatch
def lift_alike(kind: nn.Module, plain: Sequence[nn.Module], owners: Sequence[int]) -> nn.Module:
    """The lifted layer of modules of one kind; `kind` is the first of them. Unknown kinds are looped over."""
    return Looped(plain, owners)


@lift_alike.register
def _(kind: MLP, plain: Sequence[MLP], owners: Sequence[int]) -> nn.Module:
    return _lift_all([model.layers for model in plain], owners)


@lift_alike.register
def _(kind: nn.Sequential, plain: Sequence[nn.Sequential], owners: Sequence[int]) -> nn.Module:
    return nn.Sequential(*(_lift_all(layers, owners) for layers in zip(*plain, strict=True)))


@lift_alike.register
def _(kind: nn.Linear, plain: Sequence[nn.Linear], owners: Sequence[int]) -> nn.Module:
    return LiftedLinear(plain, owners)


@lift_alike.register(nn.BatchNorm1d)
@lift_alike.register(BatchNorm)
def _(kind: nn.Module, plain: Sequence[nn.Module], owners: Sequence[int]) -> nn.Module:
    return FeatureFolded(plain, owners)


@lift_alike.register(nn.LayerNorm)
@lift_alike.register(nn.GroupNorm)
@lift_alike.register(nn.RMSNorm)
@lift_alike.register(LayerNorm)
@lift_alike.register(GroupNorm)
@lift_alike.register(RMSNorm)
def _(kind: nn.Module, plain: Sequence[nn.Module], owners: Sequence[int]) -> nn.Module:
    return BatchFolded(plain, owners)


@lift_alike.register(nn.Identity)
@lift_alike.register(nn.ReLU)
@lift_alike.register(nn.GELU)
@lift_alike.register(nn.Tanh)
@lift_alike.register(nn.Sigmoid)
def _(kind: nn.Module, plain: Sequence[nn.Module], owners: Sequence[int]) -> nn.Module:
    return Same(plain, owners)


@lift_alike.register
def _(kind: nn.Flatten, plain: Sequence[nn.Flatten], owners: Sequence[int]) -> nn.Module:
    return Same([nn.Flatten(kind.start_dim + 1, kind.end_dim)], owners)


def _tensors(module: nn.Module) -> list[tuple[str, Tensor]]:
    """Parameters and buffers of the module itself."""
    return [*module.named_parameters(recurse=False), *module.named_buffers(recurse=False)]


def _tensor(module: nn.Module, name: str) -> Tensor:
    value = getattr(module, name)
    if not isinstance(value, Tensor):
        raise TypeError(f"{type(module).__name__}.{name} is no tensor but {type(value).__name__}")
    return value
