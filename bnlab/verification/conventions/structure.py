"""Finds conventions in what a class has: γ and β, running statistics, and the axis on which it expects the features."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
from torch import Tensor

from bnlab.user_class.layer import SETTING_NAMES
from bnlab.verification.checks import measures
from bnlab.verification.checks.special import hidden_modules, uninitialised
from bnlab.verification.checks.subject import Subject, accepted
from bnlab.verification.conventions.convention import Declared
from bnlab.verification.reference import Array, Reference, per_layer
from bnlab.verification.reference.layers import TorchLayer, of_volumes, shape_of, width
from bnlab.verification.reference.roles import kept_tensors, named_tensors, unused_parameters

AFFINE = {"weight": "gamma", "bias": "beta"}

NEAR_ZERO = 0.2
"""The largest γ, at the start, of a layer whose factor may be 1 + γ: several standard deviations of 0.02."""

BY_POSITION = ("layer", "rms", "scale_norm")
"""Schemes that usually normalize each position of (N, L, C) and (N, H, W, C) by itself."""


def structured(subject: Subject, declared: Declared, given: Mapping[str, Any]) -> Subject:
    """The subject with the conventions that its layer's tensors and input shapes show.

    Args:
        subject: the subject without conventions.
        declared: what the user states about it.
        given: the arguments of its constructor, by name.
    """
    subject = _with_layout(subject, declared)
    if of_volumes():
        subject = subject.following("volumes", subject.reference)
    without = not declared.running_stats or given.get("track_running_stats") is False or _keeps_nothing(subject, given)
    if subject.reference.statistics and without:
        subject = subject.following("no running statistics", replace(subject.reference, statistics={}))
    if hidden_modules(subject.build(2)):
        return subject
    subject = _with_affine(subject, declared)
    return _with_logits(subject)


def _with_layout(subject: Subject, declared: Declared) -> Subject:
    last = replace(subject, channels_last=True)
    if declared.layout == "channels-last":
        return with_channels_last(subject)
    first_shapes, last_shapes = (set(accepted(each).shapes) for each in (subject, last))
    takes_more = first_shapes < last_shapes and (not first_shapes or subject.scheme in BY_POSITION)
    return with_channels_last(subject) if declared.layout is None and takes_more else subject


def with_channels_last(subject: Subject) -> Subject:
    """The subject with the features on the last axis, which is a convention where PyTorch has them on another."""
    last = replace(subject, channels_last=True)
    if subject.scheme in BY_POSITION:
        remark = "takes (N, L, C) and (N, H, W, C), as torch.nn.LayerNorm does: each position has statistics of its own"
        return replace(last, reference=last.reference.by(space="none"), remarks=(*last.remarks, remark))
    return last.following("channels last", last.reference)


def _keeps_nothing(subject: Subject, given: Mapping[str, Any]) -> bool:
    """Whether a batch norm keeps nothing from one batch to the next, and has no momentum with which it could."""
    shapes, momenta = accepted(subject).shapes, SETTING_NAMES["momentum"]
    if subject.scheme not in ("batch", "ghost_batch") or not shapes or set(momenta) & set(given):
        return False
    layer = subject.new(shapes[0], drawn=False)
    assert isinstance(layer, TorchLayer)
    layer.forward(measures.draw(shapes[0]), training=True)
    learned = [layer.roles[role] for role in subject.reference.initial if role in layer.roles]
    return not any(hasattr(layer.module, name) for name in momenta) and not kept_tensors(layer.module, learned)


def _layer(subject: Subject, reference: Reference) -> TorchLayer:
    """A new layer with its initial values, in which the tensors of this reference are looked for."""
    ndim = next(iter(accepted(subject).shapes), 2)
    layer = replace(subject, reference=reference).new(ndim, drawn=False)
    assert isinstance(layer, TorchLayer)
    return layer


def _with_affine(subject: Subject, declared: Declared) -> Subject:
    if declared.affine is True or subject.reference.of_weights:
        return subject
    subject = _with_one_for_each(subject)
    reference = subject.reference
    layer = _layer(subject, reference)
    wanted = [role for role in AFFINE if role in reference.initial]
    missing = [role for role in wanted if role not in layer.roles or declared.affine is False]
    used, found = [layer.tensor(role) for role in layer.roles], []
    named = {
        role: tensor for role, tensor in named_tensors(layer.module).items() if not any(tensor is each for each in used)
    }
    for role in missing:
        single = _layer(subject, _starting(reference, role, np.ones(1)))
        if role in single.roles and declared.affine is None:
            reference = _starting(reference, role, np.full(1, reference.initial[role]))
            subject = subject.following(f"one {AFFINE[role]} for all", reference)
        elif (role not in named and not _unused(layer)) or declared.affine is False:
            found.append(role)
            reference = _without(reference, role)
        elif role in named and subject.scheme == "layer" and named[role].numel() in _values_of_samples(subject):
            reference = _without(reference, role)
            subject = subject.following(f"{AFFINE[role]} for each value", reference)
        else:
            reference = _without(reference, role)
            flaw = f"{role} of another shape" if role in named else f"no {role}"
            subject = subject.flawed(flaw, reference, _said_of(named[role]) if role in named else "")
    if found:
        absent = "no " + " and ".join(AFFINE[role] for role in found)
        subject = subject.following("no beta" if wanted != list(AFFINE) and found == ["bias"] else absent, reference)
    if wanted == ["weight"] and declared.affine is None:
        with_bias = replace(reference, initial={**reference.initial, "bias": 0.0})
        if "bias" in _layer(subject, with_bias).roles and "bias" in named:
            subject = subject.following("beta beside gamma", with_bias)
    return _with_one_more(subject)


def _with_one_for_each(subject: Subject) -> Subject:
    """The subject with a value for each feature of a parameter that is one number in the scheme, as α of DyT is."""
    reference = subject.reference
    layer = _layer(subject, reference)
    named = named_tensors(layer.module, learned=False)
    for role in [role for role in reference.initial if role not in (*AFFINE, *layer.roles) and role in named]:
        start = np.ravel(reference.initial[role])
        if np.ndim(reference.initial[role]) and start.size == 1 and named[role].numel() == width():
            reference = _starting(reference, role, np.full(width(), start[0]))
            subject = subject.flawed(f"{role} of another shape", reference, _said_of(named[role]))
    return subject


def _values_of_samples(subject: Subject) -> set[int]:
    """How many values a sample has in each shape with spatial axes that the layer takes."""
    return {math.prod(shape_of(ndim)[1:]) for ndim in accepted(subject).shapes if ndim > 2}


def _said_of(tensor: Tensor) -> str:
    """Words about the shape of a parameter that is not one value for each feature."""
    shape, features, samples = tuple(tensor.shape), width(), shape_of(4)[0]
    wide = [size for size in shape if size > 1]
    if wide == [features, features]:
        more = ", a matrix, which mixes the features"
    elif (len(wide) == 2 and wide[1] == features) or wide == [samples]:
        more = ", a value for each place in the batch"
    else:
        more = ""
    return f"It has the shape {shape}{more}."


def _unused(layer: TorchLayer) -> bool:
    """Whether the layer has parameters without a role, which might be γ or β under another name or shape."""
    return bool(unused_parameters(layer.module, layer.roles.values()))


def _starting(reference: Reference, role: str, start: Any) -> Reference:
    return replace(reference, initial={**reference.initial, role: start})


def _without(reference: Reference, role: str) -> Reference:
    kept = {name: value for name, value in reference.initial.items() if name != role}
    spatial = reference.initial_spatial
    if spatial is not None:
        spatial = {name: value for name, value in spatial.items() if name != role}
    return replace(reference, initial=kept, initial_spatial=spatial)


def _with_one_more(subject: Subject) -> Subject:
    """The subject with a factor 1 + γ, if γ starts about 0, and at 0 leaves x̂ as it is."""
    reference, shapes = subject.reference, accepted(subject).shapes
    if "weight" not in reference.initial or reference.recipe is None or not shapes:
        return subject
    layer = _layer(subject, reference)
    if "weight" not in layer.roles or np.abs(layer.parameters()["weight"]).max(initial=0) > NEAR_ZERO:
        return subject
    size, x = layer.parameters()["weight"].shape, measures.draw(shapes[0])
    outputs = []
    for value in (0.0, 1.0, 2.0):
        layer.give("weight", np.full(size, value))
        outputs.append(layer.forward(x, training=True))
    first, second = (after - before for before, after in pairwise(outputs))
    if np.ptp(outputs[0]) == 0 or np.ptp(first) == 0 or not np.allclose(first, second):
        return subject
    start = np.zeros(np.shape(reference.initial["weight"])) if np.ndim(reference.initial["weight"]) else 0.0
    changed = _starting(reference, "weight", start).by(affine="one more")
    return subject.following("one added to gamma", changed)


def _with_logits(subject: Subject) -> Subject:
    """For switchable normalization: logits may start at any value if all are equal; their softmax is the same."""
    if subject.scheme != "switchable":
        return subject
    reference, conventions = subject.reference, subject.conventions
    for ndim in accepted(subject).shapes:
        layer = subject.new(ndim, drawn=False)
        starts = {role: value for role, value in layer.parameters().items() if role.endswith("_logits")}
        moved = {role: value for role, value in starts.items() if np.ptp(value) == 0 and value[0] != 0}
        if moved and ndim == 2:
            reference = replace(reference, initial={**reference.initial, **moved})
        elif moved:
            reference = replace(reference, initial_spatial={**(reference.initial_spatial or {}), **moved})
    if reference is subject.reference:
        return subject
    return replace(subject, reference=reference, conventions=(*conventions, "logits that start equal"))


def with_own_start(subject: Subject) -> Subject:
    """The subject with the values at which its parameters start, where the class sets others than the scheme's."""
    said: dict[str, str] = {}
    for ndim in accepted(subject).shapes:
        reference = subject.reference.on(ndim)
        starts, usual = subject.new(ndim, drawn=False).parameters(), per_layer(reference.initial, width())
        left = uninitialised(subject, reference, ndim)
        changed_in = [role for role, value in starts.items() if (value != usual[role].ravel()).any()]
        own = {role: starts[role] for role in changed_in if role not in left}
        if not own:
            continue
        said |= {role: f"{AFFINE.get(role, role)} starts {_where(value)}" for role, value in own.items()}
        shaped = {role: value.reshape(usual[role].shape) for role, value in own.items()}
        changed = subject.reference
        if reference is changed:
            changed = replace(changed, initial={**changed.initial, **shaped})
        else:
            changed = replace(changed, initial_spatial={**(changed.initial_spatial or {}), **shaped})
        subject = replace(subject, reference=changed)
    if not said:
        return subject
    return replace(
        subject.following("own start", subject.reference), remarks=(*subject.remarks, ", ".join(said.values()))
    )


def _where(start: Array) -> str:
    """Values at which a parameter starts, in words."""
    low, high = start.min(), start.max()
    return f"at {low:g}" if low == high else f"at values from {low:.3g} to {high:.3g}"
