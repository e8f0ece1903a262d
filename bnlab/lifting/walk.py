"""The walk through the replicates' models, layer by layer and side by side, that lifts them into one module."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Hashable, Sequence
from functools import singledispatch

from torch import nn
from torch.nn.utils.parametrize import is_parametrized

from bnlab.lifting.convolution import LiftedConvolution
from bnlab.lifting.lifted import (
    Cut,
    Folded,
    Lifted,
    Looped,
    Owned,
    Same,
    Single,
    Takes,
    parameters_with_kind,
    tensors_of,
)
from bnlab.lifting.linear import LiftedLinear, SingleLinear
from bnlab.lifting.norm import BatchFolded, FeatureFolded, LiftedBatchNorm
from bnlab.lifting.vmapped import Vmapped
from bnlab.models import CNN, MLP, MaxPool
from bnlab.norms.batch import BatchNorm
from bnlab.norms.batch_renorm import BatchRenorm
from bnlab.norms.derf import DynamicErf
from bnlab.norms.dyt import DynamicTanh
from bnlab.norms.frn import FilterResponseNorm
from bnlab.norms.ghost_batch import GhostBatchNorm
from bnlab.norms.group import GroupNorm
from bnlab.norms.instance import InstanceNorm
from bnlab.norms.keras_layers import KerasNorm
from bnlab.norms.layer import LayerNorm
from bnlab.norms.precise_batch import PreciseBatchNorm
from bnlab.norms.rms import RMSNorm
from bnlab.norms.switchable import SwitchableNorm
from bnlab.norms.weight_norm import WeightNorm
from bnlab.norms.weight_standardization import WeightStandardization


def lift(models: Sequence[nn.Module], takes: Takes | None = None) -> nn.Module:
    """One module for all replicates: images (U, N, ...) or shared by all (1, N, ...) -> logits (R, N, K).

    The models must have the same layers at the same places, of the same widths. `takes` says which of the U batches
    each replicate takes; by default each has its own.
    """
    if len(models) == 1:
        return Single(_lift_single(models[0]))
    stack = _lift_all(models, range(len(models)))
    for module in stack.modules():
        if takes is not None and isinstance(module, (Cut, Lifted)):
            module.takes = [takes[owner] for owner in module.owners]
    return stack


def owned_parameters(stack: nn.Module) -> list[Owned]:
    """All parameters of a lifted stack with their owners."""
    if isinstance(stack, Single):
        return [Owned(parameter, [0], of_norm) for parameter, of_norm in parameters_with_kind(stack)]
    return [owned for module in stack.modules() if isinstance(module, Lifted) for owned in module.owned()]


def lower(stack: nn.Module) -> None:
    """Copies the trained values back into the plain models that the stack was lifted from."""
    for module in stack.modules():
        if isinstance(module, Lifted):
            module.lower()


def depends_on_tensors_alone(stack: nn.Module) -> bool:
    """Whether all layers are of the kinds that this file lists: those keep nothing but tensors from step to step."""
    if isinstance(stack, Single):
        return is_known_throughout(stack.model)
    return not any(isinstance(module, Looped) for module in stack.modules())


def is_known_throughout(module: nn.Module) -> bool:
    """Whether all layers of a plain model are of the kinds that this file lists."""
    holds_layers = isinstance(module, MLP | CNN | nn.Sequential)
    return _is_known(module) and (not holds_layers or all(map(is_known_throughout, module.children())))


def _is_known(module: nn.Module) -> bool:
    return type(module) in lift_alike.registry or is_parametrized(module) or isinstance(module, SingleLinear)


def _lift_single(module: nn.Module) -> nn.Module:
    """The layers of the only replicate, save for the linear ones, in copies of the modules that hold them."""
    if not isinstance(module, MLP | CNN | nn.Sequential):
        return SingleLinear(module) if type(module) is nn.Linear else module
    holder = copy.copy(module)
    holder._modules = {name: _lift_single(layer) for name, layer in module.named_children()}
    return holder


def _lift_all(modules: Sequence[nn.Module], owners: Sequence[int]) -> nn.Module:
    """Lifts the layer at one place, cut where its kind changes from one replicate to the next."""
    slices = [list(part) for _, part in itertools.groupby(owners, key=lambda owner: _kind(modules[owner - owners[0]]))]
    first = owners[0]
    layers = [_lift_slice([modules[owner - first] for owner in part], part) for part in slices]
    return layers[0] if len(layers) == 1 else Cut(layers, slices)


def _lift_slice(plain: Sequence[nn.Module], owners: Sequence[int]) -> nn.Module:
    """Lifts modules of one kind. A user's subclass of a known class may do anything, and is looped over."""
    return lift_alike(plain[0], plain, owners) if _is_known(plain[0]) else Looped(plain, owners)


def _kind(module: nn.Module) -> Hashable:
    """Two layers of one kind compute the same function of their input and their own tensors."""
    if isinstance(module, MLP | CNN | nn.Sequential) or type(module) in (nn.Linear, nn.Conv2d):
        return type(module).__qualname__
    if is_parametrized(module):  # each has a class of its own, made by PyTorch
        parametrizations = [_kind(each) for each in module.get_submodule("parametrizations.weight").children()]
        shapes = [(name, tuple(value.shape)) for name, value in module.named_parameters()]
        return type(module).__qualname__, repr(parametrizations), repr(shapes)
    settings = {k: v for k, v in vars(module).items() if not k.startswith("_") and k != "training"}
    shapes = [(name, tuple(value.shape)) for name, value in tensors_of(module)]
    return type(module), repr(sorted(settings.items())), repr(shapes)


@singledispatch
def lift_alike(kind: nn.Module, plain: Sequence[nn.Module], owners: Sequence[int]) -> nn.Module:
    """The lifted layer of modules of one kind; `kind` is the first of them. Unknown kinds are looped over."""
    return Looped(plain, owners)


@lift_alike.register(MLP)
@lift_alike.register(CNN)
def _(kind: nn.Module, plain: Sequence[MLP | CNN], owners: Sequence[int]) -> nn.Module:
    return _lift_all([model.layers for model in plain], owners)


@lift_alike.register
def _(kind: nn.Sequential, plain: Sequence[nn.Sequential], owners: Sequence[int]) -> nn.Module:
    return nn.Sequential(*(_lift_all(layers, owners) for layers in zip(*plain, strict=True)))


@lift_alike.register
def _(kind: nn.Linear, plain: Sequence[nn.Linear], owners: Sequence[int]) -> nn.Module:
    return _lift_parametrized(plain, owners) if is_parametrized(kind) else LiftedLinear(plain, owners)


@lift_alike.register
def _(kind: nn.Conv2d, plain: Sequence[nn.Conv2d], owners: Sequence[int]) -> nn.Module:
    return _lift_parametrized(plain, owners) if is_parametrized(kind) else LiftedConvolution(plain, owners)


def _lift_parametrized(plain: Sequence[nn.Module], owners: Sequence[int]) -> nn.Module:
    (parametrization,) = plain[0].get_submodule("parametrizations.weight").children()
    own = isinstance(parametrization, WeightNorm | WeightStandardization)
    return Vmapped(plain, owners) if own else Looped(plain, owners)  # PyTorch's weight norm has no vectorized form


@lift_alike.register(DynamicTanh)
@lift_alike.register(DynamicErf)
@lift_alike.register(KerasNorm)
@lift_alike.register(SwitchableNorm)
def _(kind: nn.Module, plain: Sequence[nn.Module], owners: Sequence[int]) -> nn.Module:
    return Vmapped(plain, owners)


@lift_alike.register(MaxPool)
def _(kind: nn.Module, plain: Sequence[nn.Module], owners: Sequence[int]) -> nn.Module:
    return Folded(plain, owners)


@lift_alike.register(nn.BatchNorm1d)
@lift_alike.register(nn.BatchNorm2d)
@lift_alike.register(nn.InstanceNorm2d)
@lift_alike.register(BatchRenorm)
@lift_alike.register(FilterResponseNorm)
@lift_alike.register(GhostBatchNorm)
@lift_alike.register(InstanceNorm)
@lift_alike.register(PreciseBatchNorm)
def _(kind: nn.Module, plain: Sequence[nn.Module], owners: Sequence[int]) -> nn.Module:
    return FeatureFolded(plain, owners)


@lift_alike.register(BatchNorm)
def _(kind: nn.Module, plain: Sequence[nn.Module], owners: Sequence[int]) -> nn.Module:
    return LiftedBatchNorm(plain, owners)


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
