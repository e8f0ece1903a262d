"""Finds conventions by running a class: what its momentum weighs, which values share statistics, what its ghosts are.

A ghost is a part of a batch with statistics of its own, in ghost batch normalization.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from itertools import permutations

import numpy as np

from bnlab.verification.checks import errors, measures
from bnlab.verification.checks.measures import Measure
from bnlab.verification.checks.subject import Subject, accepted
from bnlab.verification.conventions.convention import Declared
from bnlab.verification.conventions.structure import BY_POSITION, with_channels_last
from bnlab.verification.reference import Array, Reference, Values
from bnlab.verification.reference.layers import Layer, New, ReferenceNew, TorchLayer, shape_of, width

OLD_FROM = 0.5
"""A class's momentum of at least this is the old value's weight: as the batch's it would be too large."""

ALIKE = 1e-4
"""The largest relative difference between numbers that come from the same choice."""


EXACTLY = 1e-10
"""The same if they may differ by rounding only."""


BOUNDS = {"r_max": 1.0, "d_max": 0.0}
"""The bounds at which every schedule of batch renormalization begins."""


def with_schedule(subject: Subject, *, takes_bounds: bool) -> Subject:
    """For batch renormalization: bounds that begin at r = 1 and d = 0, whatever the constructor is given.

    Args:
        subject: the subject.
        takes_bounds: whether the constructor takes bounds.
    """
    bounded = replace(subject.reference, settings={**subject.reference.settings, **BOUNDS})
    begins = any(_off(measures.training, subject, bounded, ndim) < ALIKE for ndim in accepted(subject).shapes[:1])
    return subject.following("schedule of its own", bounded) if begins or not takes_bounds else subject


def behaving(subject: Subject, declared: Declared, *, takes_momentum: bool, usual_momentum: float | None) -> Subject:
    """The subject with the conventions that are found by running its layer.

    Args:
        subject: the subject with the conventions found by structure.py.
        declared: what the user states about it.
        takes_momentum: whether its constructor takes a momentum.
        usual_momentum: the constructor's default momentum, or that in the layer's attributes, if there is one.
    """
    if not accepted(subject).shapes:
        return subject
    averaged = subject if takes_momentum else _with_average(subject, declared)
    if averaged is not subject:
        remarks = tuple(remark for remark in subject.remarks if " momentum: " not in remark)
        subject = replace(averaged, remarks=remarks)
    else:
        subject = _with_momentum(subject, declared, says_old=(usual_momentum or 0) >= OLD_FROM)
    if subject.scheme in (*BY_POSITION, "instance"):
        subject = _with_positions(subject, declared)
    if subject.scheme == "scale_norm" and accepted(subject).shapes:
        subject = _with_lengths(subject)
    if subject.scheme == "switchable":
        subject = _with_order(subject)
    if subject.scheme == "frn":
        subject = _with_threshold(_with_fixed_eps(subject))
    if subject.scheme == "rms" and "eps" in subject.assumed:
        subject = _with_f_normalize(subject)
    return subject


def _seen(measure: Measure, subject: Subject, ndim: int) -> Values:
    """What a measure gives for the layer; empty if the layer raises, which a check reports."""
    try:
        return measure(subject.new, ndim)
    except (Exception, SystemExit):
        return {}


def _off(measure: Measure, subject: Subject, reference: Reference, ndim: int) -> float:
    """The layer's relative error against a reference; infinite if the reference has nothing to measure."""
    with np.errstate(all="ignore"):
        expected = measure(ReferenceNew(reference), ndim)
    return errors(_seen(measure, subject, ndim), expected)[1] if expected else np.inf


def _with_momentum(subject: Subject, declared: Declared, *, says_old: bool) -> Subject:
    settings = subject.reference.settings
    if not subject.reference.statistics or declared.momentum == "new" or "momentum" not in settings:
        return subject
    m, ndim = settings["momentum"], accepted(subject).shapes[0]
    by_old = replace(subject.reference, settings={**settings, "momentum": 1 - m})
    if declared.momentum != "old":
        weight = _seen(_second_weight, subject, ndim).get("momentum")
        acts_old = weight is not None and np.abs(weight - (1 - m)).max() < ALIKE <= np.abs(weight - m).max()
        if not says_old or not acts_old:
            return subject
    return subject.following("momentum of the old value", by_old)


def _second_weight(new: New, ndim: int) -> Values:
    """The weight of the second batch in the running mean; the first batch may set the running mean instead."""
    layer = new(ndim)
    layer.forward(measures.draw(ndim), training=True)
    before, x = layer.statistics(), measures.draw(ndim, seed=1)
    layer.forward(x, training=True)
    if "running_mean" not in before:
        return {}
    mean = x.mean((0, *range(2, ndim)))
    return {"momentum": (layer.statistics()["running_mean"] - before["running_mean"]) / (mean - before["running_mean"])}


def _with_average(subject: Subject, declared: Declared) -> Subject:
    reference = subject.reference
    if not reference.statistics or reference.recipe is None or declared.momentum is not None:
        return subject
    average = reference.by(momentum="average")
    right = _off(measures.running("running_mean"), subject, average, accepted(subject).shapes[0]) < ALIKE
    return subject.following("average over all batches", average) if right else subject


def _with_positions(subject: Subject, declared: Declared) -> Subject:
    """For normalization of samples, on inputs with spatial axes: over which axes statistics go."""
    spatial = [ndim for ndim in accepted(subject).shapes if ndim > 2]
    if not spatial or subject.channels_last:
        return subject
    changed = measures.influence(subject.new, spatial[0])["y"][0]
    other_features, other_positions = changed[1:, 0].any(), changed[0, 1:].any()
    # One that takes tokens alone, (N, L, C), normalizes over L; with images it may be a mistake.
    tokens = subject.scheme == "instance" and spatial == [3] and other_features and not other_positions
    last_axis = subject.scheme in BY_POSITION and other_positions and not other_features
    if (tokens or last_axis) and not subject.reference.has_values_per_feature and declared.layout is None:
        return with_channels_last(subject)
    if not other_features or other_positions or subject.scheme not in BY_POSITION:
        return subject
    return subject.following("statistics for each position", subject.reference.by(space="none"))


def _with_lengths(subject: Subject) -> Subject:
    """For scale normalization: a g in units of √C, and ε under the root."""
    ndim, reference = accepted(subject).shapes[0], subject.reference
    ways = {
        (variance, place): reference.by(variance=variance, eps=place)
        for variance in ("sum", "biased")
        for place in ("clamped outside", "inside", "outside")
    }
    variance, place = min(ways, key=lambda way: _off(measures.near_eps, subject, ways[way], ndim))
    if variance == "biased":
        reference = replace(reference.by(variance=variance), initial={"weight": np.ones(1)})
        subject = subject.following("g in units of √C", reference)
    if place == "inside":
        subject = subject.following("eps under the root", reference.by(eps=place))
    return subject


def _with_order(subject: Subject) -> Subject:
    """For switchable normalization: the order of its logits."""
    ndim, reference = accepted(subject).shapes[0], subject.reference
    for order in permutations(range(3 if ndim > 2 else 2)):
        by_order = reference.by(order=(*order, *range(len(order), 3)))
        if _off(measures.training, subject, by_order, ndim) < ALIKE:
            return subject.following("logits in another order", by_order) if order != tuple(sorted(order)) else subject
    return subject


def _with_fixed_eps(subject: Subject) -> Subject:
    """For filter response normalization on (N, C): an ε that is a constant, where the paper's is learned."""
    reference = subject.reference
    if 2 not in accepted(subject).shapes or "learned_eps" in subject.new(2).parameters():
        return subject
    kept = {name: value for name, value in reference.initial.items() if name != "learned_eps"}
    return subject.following("eps not learned", replace(reference, initial=kept))


def _with_threshold(subject: Subject) -> Subject:
    """For filter response normalization: without max(y, τ), which may be a separate layer."""
    ndim, reference = accepted(subject).shapes[0], subject.reference
    if "threshold" in subject.new(ndim).parameters():
        return subject
    kept = {name: value for name, value in reference.initial.items() if name != "threshold"}
    spatial = {name: value for name, value in (reference.initial_spatial or {}).items() if name != "threshold"}
    alone = replace(reference.by(threshold="none"), initial=kept, initial_spatial=spatial)
    y = _seen(measures.training, subject, ndim).get("y")
    negative = y is not None and bool((y < measures.training(ReferenceNew(reference), ndim)["y"].min()).any())
    return subject.following("no threshold", alone) if negative else subject


def _with_f_normalize(subject: Subject) -> Subject:
    """For RMS normalization by F.normalize: x √C / max(‖x‖, 1e-12), that is mean(x²) of at least 1e-24 / C."""
    reference = subject.reference.by(eps="clamped", eps_value=1e-24 / width())
    ndim = accepted(subject).shapes[0]
    telling = (measures.training, measures.constant, measures.near_eps)
    if max(_off(measure, subject, reference, ndim) for measure in telling) > EXACTLY:
        return subject
    remarks = tuple(remark for remark in subject.remarks if " eps: " not in remark)
    return replace(subject.following("eps of F.normalize", reference), remarks=remarks)


def with_ghosts(subject: Subject) -> Subject:
    """For ghost batch normalization: which samples form a ghost, how they move the running statistics, and what
    happens to a batch that the ghosts do not divide. The subject's momentum has to be known.
    """
    if subject.scheme != "ghost_batch" or not accepted(subject).shapes:
        return subject
    ndim = accepted(subject).shapes[0]

    def nearest(measure: Measure, subject: Subject, choice: str, values: tuple[str, ...]) -> str:
        return min(values, key=lambda value: _off(measure, subject, subject.reference.by(**{choice: value}), ndim))

    if nearest(measures.training, subject, "ghosts", ("neighbours", "interleaved")) == "interleaved":
        subject = subject.following("ghosts of every k-th sample", subject.reference.by(ghosts="interleaved"))
    layer = subject.new(ndim)
    split = any(_size(layer, role) > width() for role in subject.reference.statistics)
    measure = measures.running("running_mean")
    if split or nearest(measure, subject, "ghost_statistics", ("in turn", "mean")) == "mean":
        name = "split statistics" if split else "one step for all ghosts"
        subject = subject.following(name, subject.reference.by(ghost_statistics="mean"))
    return _with_rest(subject, ndim)


def _output(x: Array, new: New, ndim: int) -> Values:
    return {"y": new(ndim).forward(x, training=True)}


def _size(layer: Layer, role: str) -> int:
    assert isinstance(layer, TorchLayer)
    return layer.tensor(role).numel() if role in layer.roles else 0


def _with_rest(subject: Subject, ndim: int) -> Subject:
    """Names how a batch is treated that the ghosts do not divide. To leave samples out or as they are is a mistake."""
    reference, x = subject.reference, measures.draw(ndim, samples=shape_of(ndim)[0] - 1)
    y = _seen(partial(_output, x), subject, ndim).get("y", x[:0])
    if 0 < len(y) < len(x):
        return subject.flawed("rest left out", reference)
    if len(y) == len(x) and np.array_equal(y[-1], x[-1]):
        return subject.flawed("rest passed on", reference)
    if "num_splits" not in reference.settings:
        if not _seen(measures.of_another_size, subject, ndim):
            return subject.following("rest refused", reference)
        for rest, name in {"spread": "", "own": "rest is a ghost", "chunks": "ghosts of torch.chunk"}.items():
            by_rest = reference.by(rest=rest)
            if _off(measures.of_another_size, subject, by_rest, ndim) < ALIKE:
                return subject.following(name, by_rest) if name else subject
    return subject.following("rest in a way of its own", reference)
