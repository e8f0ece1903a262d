"""The checks that are more than a comparison of numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import nn

from bnlab.verification.checks import measures
from bnlab.verification.checks.result import (
    COARSE,
    FAIL,
    NO_SWITCH,
    NOT_APPLICABLE,
    ONE_POSITION,
    PASS,
    WARN,
    Result,
    errors,
)
from bnlab.verification.checks.subject import Subject
from bnlab.verification.reference import KNOWN, Reference
from bnlab.verification.reference.layers import ReferenceNew, TorchLayer
from bnlab.verification.reference.roles import named_tensors

OVERWRITTEN, MOVED = "parameter overwritten", "evaluation changes the layer"
"""Defects in what a pass changes."""


def gradcheck(subject: Subject, ndim: int, exact: float) -> Result:
    """torch.autograd.gradcheck: compares the backward pass with finite differences of the layer's own forward pass."""
    name = "gradcheck (torch.autograd)"
    if exact == COARSE:
        return Result(name, NOT_APPLICABLE, note="the layer works in float32, too coarse for finite differences")
    if subject.reference.constants:
        return Result(name, NOT_APPLICABLE, note=f"{subject.reference.constants} have no gradient, by definition")
    layer, reference = subject.new(ndim), subject.reference.on(ndim)
    assert isinstance(layer, TorchLayer)
    tensors = [layer.tensor(key) for key in reference.initial if key in layer.roles]
    tensors = [tensor for tensor in tensors if tensor.requires_grad]
    x = torch.tensor(measures.draw(ndim), requires_grad=True)

    counts = {name: count.clone() for name, count in layer.module.named_buffers() if not count.is_floating_point()}

    def function(x: torch.Tensor, *parameters: torch.Tensor) -> torch.Tensor:
        layer.module.load_state_dict(counts, strict=False)  # e.g. the number of batches, which may seed noise
        return layer.run(x, training=True)

    try:
        torch.autograd.gradcheck(function, (x, *tensors))
    except (Exception, SystemExit) as error:
        return Result(name, FAIL, note=subject.said(error).partition(" numerical:")[0])
    return Result(name, PASS)


def batch_of_one(subject: Subject, shapes: Sequence[int], exact: float) -> Result:
    """One value per channel has no variance: a batch norm has to raise, or to give finite numbers.

    Other schemes are compared with the reference on a batch of one sample, and on inputs of one position.
    """
    name, ndim = "batch of 1", shapes[0]
    x = measures.draw(ndim, samples=1)
    expected = {}
    if KNOWN[subject.scheme].batch_statistics:
        x = x[..., :1] if ndim == 3 else x[..., :1, :1] if ndim == 4 else x  # one value per channel
    else:
        expected = {"y": ReferenceNew(subject.reference)(ndim).forward(x, training=True)}
    layer = subject.new(ndim)
    try:
        y = layer.forward(x, training=True)
    except (Exception, SystemExit) as error:
        if expected:
            return Result(name, FAIL, note=f"raises {subject.said(error)}")
        return Result(name, PASS, note=f"refused: {subject.said(error)}")
    if expected:
        absolute, relative = errors({"y": y}, expected)
        status = PASS if relative <= exact else FAIL
        result = Result(name, status, absolute, relative, exact, seen={"y": y}, expected=expected)
        return result if status == FAIL else _with_one_position(result, subject, shapes[-1])
    if not np.isfinite(y).all():
        return Result(name, FAIL, note="the output is not finite")
    broken = [key for key, value in layer.statistics().items() if not np.isfinite(value).all()]
    if broken:
        return Result(name, WARN, note=f"{', '.join(broken)} is not finite from then on; PyTorch refuses such a batch")
    return Result(name, PASS, note="taken: the output is finite")


def _with_one_position(result: Result, subject: Subject, ndim: int) -> Result:
    """The result, or a failure on inputs with one position, e.g. a sequence of one token; a layer may refuse them."""
    recipe, x = subject.reference.recipe, measures.draw(ndim)
    if ndim == 2 or (recipe is not None and recipe.channels == "channel"):  # of one value there is no variance
        return result
    x = x[..., :1] if ndim == 3 else x[..., :1, :1]
    expected = {"y": ReferenceNew(subject.reference)(ndim).forward(x, training=True)}
    try:
        seen = {"y": subject.new(ndim).forward(x, training=True)}
    except (Exception, SystemExit):
        return result
    if seen["y"].shape != expected["y"].shape:  # its parameters have more positions
        return result
    absolute, relative = errors(seen, expected)
    assert result.tolerance is not None
    if relative <= result.tolerance:
        return result
    note = f"{ONE_POSITION} the output is {'the input itself' if np.array_equal(seen['y'], x) else 'another'}"
    return replace(result, status=FAIL, absolute=absolute, relative=relative, note=note, seen=seen, expected=expected)


def defects(subject: Subject, ndim: int) -> list[str]:
    """What is wrong with how the layer keeps its tensors, as keys of `DEFECTS` in mistakes/mistakes.py."""
    layer, reference = subject.new(ndim), subject.reference.on(ndim)
    assert isinstance(layer, TorchLayer)
    modes = [] if switches(layer.module) else [NO_SWITCH]
    before = torch.tensor(measures.draw(ndim), dtype=layer.dtype, requires_grad=True)
    x = before.clone()  # no leaf of the graph, like the output of a layer before it
    evaluated = before.detach().clone()
    try:
        y = layer.forward(measures.draw(ndim), training=True)
        again = subject.new(ndim).forward(measures.draw(ndim), training=True)
        layer.run(x, training=True)
        layer.run(evaluated, training=False)
    except (Exception, SystemExit):
        return modes  # the checks of gradients report it
    if hidden_modules(layer.module):
        return [*modes, "layers in a list"]
    found = modes
    found += [] if np.array_equal(y, again, equal_nan=True) else ["random output"]
    kept = torch.equal(x, before) and torch.equal(evaluated, before)
    found += [] if kept else ["input changed"]
    found += _of_state(subject, ndim)
    found += subject.defects
    return found + _of_parameters(subject, layer, reference, ndim) + _of_statistics(layer, reference)


def _of_state(subject: Subject, ndim: int) -> list[str]:
    """Defects in what a pass changes: parameters; and in evaluation anything, where the scheme keeps no statistics."""
    layer = replace(subject, reference=replace(subject.reference, settles=0)).new(ndim)
    assert isinstance(layer, TorchLayer)
    learned = [value for value in layer.module.parameters() if value.requires_grad]
    before = [value.detach().clone() for value in learned]
    layer.forward(measures.draw(ndim), training=True)
    found = [] if all(map(torch.equal, before, learned)) else [OVERWRITTEN]
    state = {name: value.clone() for name, value in layer.module.state_dict().items() if value.is_floating_point()}
    layer.forward(measures.draw(ndim), training=False)
    after = layer.module.state_dict()
    moved = any(not torch.equal(value, after[name]) for name, value in state.items())
    return [*found, MOVED] if moved and not found and not subject.reference.statistics else found


def switches(module: nn.Module) -> bool:
    """Whether train and eval mode can be set as a model sets them that has the module."""
    model = nn.Sequential(module)
    try:
        model.eval()
        model.train()
    except Exception:
        return False
    return True


def hidden_modules(module: nn.Module) -> bool:
    """Whether a module keeps layers in a plain list, tuple or dict, where PyTorch does not find them."""
    own = [value for name, value in vars(module).items() if name not in ("_modules", "_parameters", "_buffers")]
    held = [each for value in own for each in (value.values() if isinstance(value, dict) else _items(value))]
    return any(isinstance(each, nn.Module) for each in held)


def _items(value: object) -> list[object] | tuple[object, ...]:
    return value if isinstance(value, list | tuple) else []


def _of_parameters(subject: Subject, layer: TorchLayer, reference: Reference, ndim: int) -> list[str]:
    named = named_tensors(layer.module)
    missing = [name for name in reference.initial if name not in layer.roles]
    found = [f"{name} of another shape" if name in named else f"no {name}" for name in missing]
    kept = [name for name in reference.initial if name in layer.roles]
    found += [f"{name} is no parameter" for name in kept if not _is_learned(layer.tensor(name))]
    return found + [f"{name} is uninitialised" for name in uninitialised(subject, reference, ndim)]


def uninitialised(subject: Subject, reference: Reference, ndim: int) -> list[str]:
    """The parameters that nothing initializes, as after torch.empty: a `TorchLayer` finds NaN in such memory."""
    starts = subject.new(ndim, drawn=False).parameters()
    return [name for name in reference.initial if not np.isfinite(starts.get(name, np.zeros(1))).all()]


def _is_learned(tensor: torch.Tensor) -> bool:
    return isinstance(tensor, nn.Parameter) and tensor.requires_grad


def _of_statistics(layer: TorchLayer, reference: Reference) -> list[str]:
    """Defects in how a layer keeps its running statistics, looked for after a batch."""
    kept = [name for name in reference.statistics if name in layer.roles]
    found = ["no statistics"] if len(kept) < len(reference.statistics) else []
    buffers = {name: any(layer.tensor(name) is buffer for buffer in layer.module.buffers()) for name in kept}
    if not all(_in_state(layer, name) for name in kept):
        found.append("statistics are not stored" if all(buffers.values()) else "statistics are no buffers")
    if any(layer.tensor(name).requires_grad for name in kept):
        found.append("statistics are not detached")
    if set(kept) != set(layer.statistics()):
        found.append("statistics of another shape")
    return found


def _in_state(layer: TorchLayer, name: str) -> bool:
    tensor = layer.tensor(name)
    return any(tensor.data_ptr() == kept.data_ptr() for kept in layer.module.state_dict().values())


def kept_tensors(subject: Subject, found: list[str]) -> Result:
    """The check that fails if `defects` found any."""
    name = "parameters and buffers"
    if not found and not subject.reference.initial and not subject.reference.statistics:
        return Result(name, NOT_APPLICABLE, note="has none")
    return Result(name, FAIL if found else PASS, note="; ".join(found))
