"""`lift`: walks through the replicates' models side by side, layer by layer, and makes one module of them.

How a layer is lifted follows from what it declares (`bnlab.declarations`), never from its name.
"""

from __future__ import annotations

import contextlib
import copy
import itertools
from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence

from torch import nn
from torch.nn.utils.parametrize import is_parametrized

from bnlab.declarations import Calls, Each
from bnlab.lifting.lifted import (
    Cut,
    Holder,
    Lifted,
    Looped,
    Same,
    Single,
    Takes,
    tensors_of,
)
from bnlab.lifting.linear import SingleLinear
from bnlab.lifting.norm import BatchFolded, FeatureFolded, FeatureOverAxes
from bnlab.lifting.torch_layers import DECLARED, OF_THEIR_OWN
from bnlab.lifting.vmapped import Vmapped

Form = Callable[[Sequence[nn.Module], Sequence[int]], nn.Module]
"""Makes one lifted layer of the plain layers of some replicates, and the numbers of these replicates."""

FORMS: dict[Each, Form] = {
    Each.VALUE: Same,
    Each.FEATURE: FeatureFolded,
    Each.FEATURE_OVER_AXES: FeatureOverAxes,
    Each.SAMPLE: BatchFolded,
    Each.CALL: Vmapped,
}


def lift(models: Sequence[nn.Module], takes: Takes | None = None) -> nn.Module:
    """Makes one module, the stack, of all replicates' models: images (U, N, ...) -> logits (R, N, K).

    U is 1 if all replicates take the same batch.

    Args:
        models: they must have the same layers at the same places, of the same widths.
        takes: which of the U batches each replicate takes; None: replicate n takes batch n.

    Raises:
        TypeError: a layer or a model is not what it declares to be.
    """
    if len(models) == 1:
        return Single(_Single().lift(models))
    stack = _Stack().lift(models)
    for module in stack.modules():
        if takes is not None and isinstance(module, (Cut, Lifted)):
            module.takes = [takes[owner] for owner in module.owners]
    return stack


def lower(stack: nn.Module) -> None:
    """Copies the trained values back into the plain models that the stack was lifted from."""
    for module in stack.modules():
        if isinstance(module, Lifted):
            module.lower()


def depends_on_tensors_alone(stack: nn.Module) -> bool:
    """Whether its layers keep nothing but tensors from step to step, which is certain only of known layers."""
    if isinstance(stack, Single):
        return is_known_throughout(stack.model)
    return not any(isinstance(module, Looped) for module in stack.modules())


def is_known_throughout(module: nn.Module) -> bool:
    """Whether all layers of a plain model are known: they declare something, or are torch.nn's."""
    if isinstance(declared(module), Calls):
        return all(map(is_known_throughout, module.children()))
    return isinstance(module, SingleLinear) or _class_of(module) in OF_THEIR_OWN or declared(module) is not None


@contextlib.contextmanager
def without_noise(stack: nn.Module) -> Iterator[None]:
    """Switches off layers that declare `is_noise`, such as dropout, within the `with`; all others keep their mode."""
    noisy = [module for module in stack.modules() if module.training and _is_noise(module)]
    for module in noisy:
        module.training = False
    yield
    for module in noisy:
        module.training = True


def _is_noise(module: nn.Module) -> bool:
    """Whether the layer, plain or lifted, declares `is_noise`."""
    plain = module.plain[0] if isinstance(module, Lifted) else module
    return bool(vars(type(plain)).get("is_noise"))


class _Walk(ABC):
    """One walk. A layer that a model has at several places is lifted once, so that it is still the same one there."""

    def __init__(self) -> None:
        self._lifted: dict[tuple[int, ...], nn.Module] = {}
        self._seen: set[int] = set()

    def lift(self, modules: Sequence[nn.Module]) -> nn.Module:
        """Lifts the layers of all replicates at one place."""
        return self._lift_once(modules, range(len(modules)))

    def _lift_once(self, modules: Sequence[nn.Module], owners: Sequence[int]) -> nn.Module:
        place = tuple(map(id, modules))
        if place not in self._lifted:
            learned = {id(module) for module in modules if any(True for _ in module.parameters())}
            if self._seen & learned:
                raise TypeError(f"{type(modules[0]).__name__} is at several places in some replicates and not in all")
            self._seen |= learned
            self._lifted[place] = self._lift_all(modules, owners)
        return self._lifted[place]

    @abstractmethod
    def _lift_all(self, modules: Sequence[nn.Module], owners: Sequence[int]) -> nn.Module:
        """Lifts layers that have not been lifted before."""

    def _with_lifted_layers(self, holders: Sequence[nn.Module], owners: Sequence[int]) -> nn.Module:
        """A copy of the first holder with lifted layers in place of its own."""
        layers: dict[str, nn.Module | None] = {}
        for name in holders[0]._modules:
            place = [layer for holder in holders if (layer := holder._modules[name]) is not None]
            layers[name] = self._lift_once(place, owners) if place else None
        return _copy_with(holders[0], layers)


class _Single(_Walk):
    """A walk through a single replicate: all layers but the linear ones stay as they are."""

    def _lift_all(self, modules: Sequence[nn.Module], owners: Sequence[int]) -> nn.Module:
        (module,) = modules
        if isinstance(declared(module), Calls):
            return self._with_lifted_layers(modules, owners)
        return SingleLinear(module) if type(module) is nn.Linear else module


class _Stack(_Walk):
    """A walk through several replicates."""

    def _lift_all(self, modules: Sequence[nn.Module], owners: Sequence[int]) -> nn.Module:
        """Lifts the layers at one place, cut into slices wherever their kind changes from one replicate to the next."""
        numbers = range(len(owners))
        slices = [list(part) for _, part in itertools.groupby(numbers, key=lambda number: _kind(modules[number]))]
        if len(slices) == 1:
            return self._lift_alike(modules, owners)
        parts = [[owners[number] for number in part] for part in slices]
        layers = [self._lift_alike([modules[n] for n in s], part) for s, part in zip(slices, parts, strict=True)]
        return Cut(layers, parts)

    def _lift_alike(self, plain: Sequence[nn.Module], owners: Sequence[int]) -> nn.Module:
        """Lifts modules of one kind."""
        found = declared(plain[0])
        if found is Calls.IN_ORDER:
            return self._with_lifted_layers(plain, owners)
        if found is Calls.BY_ITS_FORWARD:
            return Holder(plain, owners, self._with_lifted_layers(plain, owners))
        form = _form_of_its_own(plain[0]) if found is None else FORMS[found]
        return form(plain, owners)


def declared(module: nn.Module) -> Each | Calls | None:
    """What the module's own class declares, or is known of it if it is torch.nn's; None: nothing.

    Raises:
        TypeError: it makes two declarations, an unknown one, or declares that it holds layers and has tensors itself.
    """
    own, kind = vars(type(module)), type(module).__name__
    found = [value for value in (DECLARED.get(type(module)), own.get("treats_alone"), own.get("holds_layers")) if value]
    if len(found) > 1:
        raise TypeError(f"{kind} declares both treats_alone and holds_layers; a module does one of the two")
    if not found:
        return None
    if isinstance(found[0], Calls) and tensors_of(module):
        names = ", ".join(name for name, _ in tensors_of(module))
        raise TypeError(f"{kind} holds layers and has tensors besides, which no layer holds: {names}")
    if not isinstance(found[0], Each | Calls):
        raise TypeError(f"{kind} declares {found[0]!r}, which is none of bnlab.declarations")
    return found[0]


def _form_of_its_own(module: nn.Module) -> Form:
    """The form of a layer that declares nothing itself."""
    if not is_parametrized(module):
        return OF_THEIR_OWN.get(type(module), Looped)
    is_vectorized = all(declared(each) is Each.CALL for each in _parametrizations(module))
    return Vmapped if is_vectorized and _class_of(module) in OF_THEIR_OWN else Looped


def _class_of(module: nn.Module) -> type[nn.Module]:
    """The module's class; if it is parametrized, which gives it a new class, the class that it had before."""
    (kind,) = type(module).__bases__[:1] if is_parametrized(module) else (type(module),)
    return kind


def _parametrizations(module: nn.Module) -> list[nn.Module]:
    return [each for chain in module.get_submodule("parametrizations").children() for each in chain.children()]


def _kind(module: nn.Module) -> Hashable:
    """The kind of a layer: layers of one kind compute the same function of their input and their tensors."""
    settings = repr(sorted((name, value) for name, value in vars(module).items() if name not in _OF_ALL))
    if is_parametrized(module):
        parts = [_kind(each) for each in _parametrizations(module)]
        shapes = [(name, tuple(value.shape)) for name, value in module.named_parameters()]
        return _class_of(module), settings, repr(parts), repr(shapes)
    if isinstance(declared(module), Calls):
        return type(module), settings, repr([name for name, layer in module._modules.items() if layer is not None])
    shapes = [(name, tuple(value.shape)) for name, value in tensors_of(module) if not _may_lack(module, name)]
    return type(module), settings, repr(shapes)


_OF_ALL = vars(nn.Module()).keys()
"""The attributes of every module, which are no settings."""


def _may_lack(module: nn.Module, name: str) -> bool:
    """Whether layers with and without this tensor are of one kind."""
    return name == "bias" and type(module) in (nn.Linear, nn.Conv2d)


def _copy_with(holder: nn.Module, layers: Mapping[str, nn.Module | None]) -> nn.Module:
    """A copy of the holder with other layers; all else is shared."""
    copied = copy.copy(holder)
    copied._modules = dict(layers)
    return copied
