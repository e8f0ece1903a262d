"""Loads, builds and tries out a user's own norm, `my_file.py:MyNorm` or `package.module:MyNorm`.

`MyNorm(num_features, **kwargs)` has to be a torch.nn.Module that keeps the shape of its input, (N, C), (N, C, L) or
(N, C, H, W) with C = num_features. The parameter for C may have another name and place (`arguments`). Whatever is wrong
with the class becomes a UserError of one line.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import importlib.util
import inspect
import re
import sys
import traceback
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.lazy import LazyModuleMixin
from torch.nn.parameter import is_lazy

from bnlab.errors import UserError, nearest, one_line
from bnlab.user_class.target import Target, is_installed, parse


def load_class(target: str) -> type[nn.Module]:
    """Loads the class of a target, `FILE.py:CLASS` or `PACKAGE.MODULE:CLASS`.

    Raises:
        UserError: no such file, module or class; the module cannot be imported; the class is no torch.nn.Module.
    """
    named = parse(target)
    return _class_of(named, named.digest())


def construct(target: str, num_features: int, kwargs: Mapping[str, Any]) -> nn.Module:
    """Makes the layer `CLASS(num_features, **kwargs)`, with the arguments that `arguments` finds.

    Args:
        target: `FILE.py:CLASS` or `PACKAGE.MODULE:CLASS`.
        num_features: C.
        kwargs: the constructor's other arguments.

    Raises:
        UserError: as `load_class`; the constructor takes other arguments, or raises.
    """
    norm_class, name = load_class(target), target.rpartition(":")[2]
    args, named = arguments(norm_class, num_features, kwargs)
    given = ", ".join([*map(str, args), *(f"{key}={value!r}" for key, value in named.items())])
    with _faults(f"{name}({given})", parse(target).file):
        return norm_class(*args, **named)


def try_out(target: str, kwargs: Mapping[str, Any], slots: Sequence[Sequence[Sequence[int]]]) -> None:
    """Tries the class in each place of a network: builds the layer and passes random batches through it.

    `bnlab.launch.preflight` calls this in a separate process.

    Args:
        target: `FILE.py:CLASS` or `PACKAGE.MODULE:CLASS`.
        kwargs: the constructor's arguments besides the number of features.
        slots: for each layer of the network, the shapes (N, C, ...) of its inputs.

    Raises:
        UserError: as `construct` and `try_pass`; the layer's parameters or buffers cannot be trained in place.
    """
    name = target.rpartition(":")[2]
    for shapes in slots:
        layer = construct(target, shapes[0][1], kwargs)
        _check_state(layer, name)
        before = layer.state_dict().keys()
        for shape in shapes:
            try_pass(target, layer, shape)
        _check_state(layer, name)
        new = [key for key in layer.state_dict() if key not in before]
        if new:
            raise UserError(
                f"{name} makes '{new[0]}' when it is first called, too late to be trained; make it in __init__"
            )


def try_pass(target: str, layer: nn.Module, shape: Sequence[int]) -> None:
    """Passes normal random numbers through a layer as training does.

    First forward and backward in train mode, with an input that is no leaf of the graph; then forward in eval mode
    without gradients.

    Args:
        target: the class, for messages.
        layer: the layer.
        shape: the shape (N, C, ...) of the input.

    Raises:
        UserError: a pass raises, or the output is no tensor of the input's shape and kind.
    """
    file, given = parse(target).file, f"an input of shape {tuple(shape)}"
    name = target.rpartition(":")[2]
    x = torch.randn(*shape, generator=torch.Generator().manual_seed(0)).requires_grad_()
    with _faults(f"{name} on {given}", file):
        y = layer.train()(x.clone())
        _check_output(y, shape, name, f"for {given}")
        if y.requires_grad:
            y.square().sum().backward()
    with _faults(f"{name} in evaluation on {given}", file), torch.no_grad():
        _check_output(layer.eval()(x.clone()), shape, name, f"in evaluation for {given}")


def _check_output(y: object, shape: Sequence[int], name: str, given: str) -> None:
    if not isinstance(y, Tensor):
        raise UserError(f"{name} gave a {type(y).__name__} {given}; it has to be a tensor")
    if y.shape != tuple(shape):
        raise UserError(f"{name} gave the shape {tuple(y.shape)} {given}; a norm has to keep it")
    if (y.dtype, y.layout, y.device.type) != (torch.float32, torch.strided, "cpu"):
        kind = f"{y.dtype}, {y.layout}, on {y.device}".replace("torch.", "")
        raise UserError(
            f"{name} gave a tensor of another kind ({kind}) {given}; a norm has to keep float32, e.g. y.to(x)"
        )


def _check_state(layer: nn.Module, name: str) -> None:
    """Raises UserError for a parameter or buffer whose values training cannot change in place."""
    for key, tensor in (*layer.named_parameters(), *layer.named_buffers()):
        if is_lazy(tensor):
            raise UserError(
                f"{name}'s '{key}' has no shape before it is called, and cannot be trained; give it one in __init__"
            )
        if tensor.is_complex() or tensor.device.type != "cpu" or tensor.layout != torch.strided:
            kind = f"{tensor.dtype}, {tensor.layout}, on {tensor.device}".replace("torch.", "")
            raise UserError(f"{name}'s '{key}' cannot be trained ({kind}); make it of real numbers, in a plain tensor")
        if not tensor.is_contiguous():
            raise UserError(
                f"{name}'s '{key}' is a view of other numbers (expanded, sliced or transposed), and cannot be "
                "trained in place; add .contiguous()"
            )


@functools.lru_cache
def _class_of(target: Target, digest: str) -> type[nn.Module]:
    """The class, cached by the file's digest: a changed file is loaded again."""
    module = _module_of(target, digest)
    found = getattr(module, target.class_name, None)
    where = target.text.rpartition(":")[0]
    if found is None:
        own = [name for name, value in vars(module).items() if _is_layer_class(value)]
        listed = f"its torch.nn.Modules: {_few(own)}" if own else "it has no torch.nn.Module"
        raise UserError(f"{where} has no class '{target.class_name}'; {listed}.{nearest(target.class_name, own)}")
    if not _is_layer_class(found):
        what = "a class that is no" if isinstance(found, type) else f"of type {type(found).__name__}, no subclass of"
        raise UserError(f"{target.text} is {what} torch.nn.Module; derive it: class NAME(torch.nn.Module)")
    layer_class: type[nn.Module] = found
    return layer_class


def _few(names: list[str], most: int = 10) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def _is_layer_class(value: object) -> bool:
    return isinstance(value, type) and issubclass(value, nn.Module)


def _module_of(target: Target, digest: str) -> ModuleType:
    with _faults(f"importing {target.text.rpartition(':')[0]}", target.file), _discreet():
        if target.module is not None:
            return importlib.import_module(target.module)
        _make_importable(target)
        spec = importlib.util.spec_from_file_location(f"{target.file.stem}_{digest}", target.file)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[module.__name__] = module  # dataclasses look their module up there
        spec.loader.exec_module(module)
        return module


def _make_importable(target: Target) -> None:
    """Lets a file import the files beside it: puts its folder on sys.path, and forgets modules loaded from there.

    The folder comes after Python's own modules and before the folders of other targets.
    """
    folder = str(target.file.parent)
    if folder in sys.path:
        sys.path.remove(folder)
    behind = max((i for i, path in enumerate(sys.path, 1) if is_installed(Path(path))), default=len(sys.path))
    sys.path.insert(behind, folder)
    importlib.invalidate_caches()
    imported = (name for name, file in target.files().items() if file != target.file)
    beside = {name.partition("/")[0].removesuffix(".py") for name in imported}
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if name.partition(".")[0] in beside and file and not is_installed(Path(file)):
            del sys.modules[name]


@contextlib.contextmanager
def _discreet() -> Iterator[None]:
    """Sends what the code prints to stderr, since stdout is for results, and writes no bytecode beside its file."""
    before, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        with contextlib.redirect_stdout(sys.stderr):
            yield
    finally:
        sys.dont_write_bytecode = before


def arguments(
    norm_class: type[nn.Module], num_features: int, kwargs: Mapping[str, Any], option: str = "norm.kwargs"
) -> tuple[tuple[int, ...], dict[str, Any]]:
    """The arguments with which a class is called: positional ones, and those by name.

    Args:
        norm_class: the class.
        num_features: C.
        kwargs: its other arguments.
        option: the option by which the user gives `kwargs`, for messages.

    Raises:
        UserError: the class is a lazy layer, needs arguments that `kwargs` lacks, or does not take one of `kwargs`.
    """
    name = norm_class.__name__
    parameters = list(parameters_of(norm_class).values())
    takes_any = any(p.kind == p.VAR_KEYWORD for p in parameters)
    features = _features(parameters, kwargs)
    if features is None and issubclass(norm_class, LazyModuleMixin):
        raise UserError(f"{name} takes no number of features; its constructor has to be {name}(num_features, ...)")
    if features is not None and features.name in kwargs:
        raise UserError(
            f"{name} has no argument '{features.name}' for {option}: it is the number of features, which the network"
            " decides; leave it out"
        )
    others = [p for p in parameters if p is not features and p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
    allowed, of_features = [p.name for p in others], "num_features" if features is None else features.name
    for key in kwargs:
        if key not in allowed and not takes_any:
            listed = f"its arguments: {', '.join(allowed)}" if allowed else f"it has none but {of_features}"
            raise UserError(f"{name} has no argument '{key}' for {option}; {listed}.{nearest(key, allowed)}")
    missing = [p.name for p in others if p.default is p.empty and p.name not in kwargs]
    if missing:
        example = ",".join(f"{key}: VALUE" for key in missing)
        given = f"{option} '{{{example}}}'" if option.startswith("--") else f"'{option}={{{example}}}'"
        raise UserError(f"{name} needs more than {of_features}: {', '.join(missing)}; give them: {given}")
    has_none = norm_class.__init__ is nn.Module.__init__
    if features is None and (has_none or not any(p.kind == p.VAR_POSITIONAL for p in parameters)):
        return (), dict(kwargs)  # a layer without γ and β may not need C
    if features is None or features.kind == features.POSITIONAL_ONLY:
        return (num_features,), dict(kwargs)
    if "shape" in features.name and _asks_for_a_tuple(norm_class, features.name, num_features, kwargs):
        return (), {features.name: (num_features,), **kwargs}
    return (), {features.name: num_features, **kwargs}


def _asks_for_a_tuple(norm_class: type[nn.Module], name: str, num_features: int, kwargs: Mapping[str, Any]) -> bool:
    """Whether a class works with the shape (C,) but not with the number C; found by trying both."""

    def works(shape: int | tuple[int, ...]) -> bool:
        try:
            with torch.no_grad():
                norm_class(**{name: shape, **kwargs})(torch.zeros(2, num_features))
        except Exception:  # of the user's code; reported later, when the layer is really built
            return False
        return True

    return not works(num_features) and works((num_features,))


def parameters_of(norm_class: type[nn.Module]) -> Mapping[str, inspect.Parameter]:
    """The parameters of a constructor by name, and those of its base class's if it takes `**kwargs`."""
    found = dict(inspect.signature(norm_class).parameters)
    for base in norm_class.__mro__[1:]:
        if base is nn.Module or not any(p.kind == p.VAR_KEYWORD for p in found.values()):
            break
        if "__init__" in vars(base):
            named = {name: p for name, p in found.items() if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)}
            found = {**inspect.signature(base).parameters, **named}
    return found


def may_be_count(name: str) -> bool:
    """Whether a name may be that of the number of features."""
    return bool(_COUNT.fullmatch(name) or _PERHAPS.fullmatch(name))


def count_of(norm_class: type[nn.Module], kwargs: Collection[str]) -> str:
    """The name of the constructor's parameter for the number of features; empty if there is none."""
    features = _features(list(parameters_of(norm_class).values()), kwargs)
    return "" if features is None else features.name


SETTING_NAMES = {
    "eps": ("eps", "epsilon", "variance_epsilon", "norm_eps"),
    "momentum": ("momentum", "mom", "decay"),
    "num_groups": ("num_groups", "groups", "n_groups", "num_group", "group", "group_num", "n_group", "G"),
    "virtual_batch_size": (
        *("virtual_batch_size", "virtual_bs", "ghost_batch_size", "ghost_size", "chunk_size", "vbs"),
    ),
    "num_splits": ("num_splits", "n_splits", "splits", "chunks", "num_chunks", "n_chunks", "num_virtual_batches"),
    "iterations": ("iterations", "T", "n_iter", "num_iterations", "newton_iterations"),
    "r_max": ("r_max", "rmax", "max_r"),
    "d_max": ("d_max", "dmax", "max_d"),
    "alpha": (
        *("alpha", "alpha_init_value", "alpha_init_val", "alpha_init", "init_alpha", "alpha0", "α", "init_α", "α_init"),
    ),
}
"""For each setting, names of a constructor's parameters and of a layer's attributes for it."""

CONFIGURATIONS = ("cfg", "config", "conf", "args", "hparams", "hps", "opt")
"""Names of a constructor's parameter for an object that has the number of features and the settings."""

_NO_COUNT = frozenset({"device", "dtype", "axis", "axes"}.union(CONFIGURATIONS, *SETTING_NAMES.values()))

_AXES = ("dim", "dims")
"""Names that may mean the number of features or an axis; a default below 4 means an axis."""

_COUNT = re.compile(r"((num|n|in)_?)?(features?|channels?|planes|hiddens|neurons|filters|units)|C|normalized_shape")
_PERHAPS = re.compile(
    r"(n_?)?(dim|size|width|shape|ch)|(hidden|input|layer|emb(ed(ding)?)?|model)_?(size|dim|shape)"
    r"|d_model|n_embd"
)
"""Names of the number of features: `_COUNT` has certain ones, `_PERHAPS` those that may also mean other things."""


def _features(parameters: Sequence[inspect.Parameter], kwargs: Collection[str]) -> inspect.Parameter | None:
    """The parameter that takes the number of features: known by its name, or else the first that has no default.

    None if no parameter can be it, as in a lazy layer, which finds the number in its first input.
    """

    def unlikely(parameter: inspect.Parameter) -> tuple[bool, ...]:
        name = parameter.name
        named, likely = _COUNT.fullmatch(name), _PERHAPS.fullmatch(name)
        return not named, name in kwargs, parameter.default is not parameter.empty, not likely

    return min(filter(_may_count, parameters), key=unlikely, default=None)


def _may_count(parameter: inspect.Parameter) -> bool:
    """Whether a parameter can be the number of features: not by a name like `device`, nor a default like True."""
    default = parameter.default
    is_number = default is parameter.empty or default is None or type(default) is int
    if parameter.name in _AXES and type(default) is int and default < 4:
        return False
    named = parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
    return named and is_number and parameter.name not in _NO_COUNT


@contextlib.contextmanager
def _faults(doing: str, file: Path) -> Iterator[None]:
    """Turns what a user's code raises into a UserError of one line, with the number of the line in the file."""
    try:
        yield
    except (KeyboardInterrupt, UserError):
        raise
    except SyntaxError as error:
        line = f", line {error.lineno}" if error.lineno else ""  # none for null bytes
        where = f"{Path(error.filename or str(file)).name}{line}"
        raise UserError(f"{doing} failed: {where}: {type(error).__name__}: {error.msg}") from error
    except BaseException as error:  # SystemExit too: exit() in a file must not end bnlab silently
        raise UserError(f"{doing} failed{_place(error, file)}: {one_line(error)}") from error


def _place(error: BaseException, file: Path) -> str:
    """The line of the user's file that was running when the error was raised; empty if there is none."""
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if Path(frame.filename) == file]
    return f" in line {lines[-1]} of {file.name}" if lines else ""
