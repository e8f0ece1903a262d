"""Finds the scheme that a class computes, or whose output is nearest to the class's.

Which values share statistics leaves few schemes, and each of those is tried.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from torch import nn

from bnlab.errors import UserError
from bnlab.verification.checks import errors, measures
from bnlab.verification.checks.subject import Subject, accepted
from bnlab.verification.conventions.convention import Declared
from bnlab.verification.conventions.own_class import of_class
from bnlab.verification.reference import KNOWN, REFERENCES
from bnlab.verification.reference.layers import ReferenceNew, width

EXACT = 1e-5
"""Below this relative error the output is a scheme's, except for rounding."""


def nearest(cls: type[nn.Module], kwargs: Mapping[str, Any] | None, declared: Declared) -> tuple[str, float] | None:
    """The scheme whose output in training is nearest to the class's, and the relative error; None if none can be run.

    Args:
        cls: the class.
        kwargs: further arguments of its constructor.
        declared: what the user states about it.
    """
    best: tuple[str, float] | None = None
    for scheme in _candidates(cls, kwargs, declared):
        try:
            off = _off(of_class(cls, scheme, kwargs, declared))
        except UserError:  # it cannot be one of these
            continue
        if best is None or off < best[1]:
            best = scheme, off
        if off < EXACT:
            break
    return best


def _off(subject: Subject) -> float:
    """The relative error of the output in training, on the first shape that the class takes."""
    ndim = next(iter(accepted(subject).shapes), 0)
    if not ndim:
        return float(np.inf)
    with np.errstate(all="ignore"):
        expected = measures.training(ReferenceNew(subject.reference), ndim)
    return errors(measures.training(subject.new, ndim), expected)[1]


def _candidates(cls: type[nn.Module], kwargs: Mapping[str, Any] | None, declared: Declared) -> list[str]:
    """The schemes in which a value of x influences the same values of y as in the class, the likeliest first.

    Of a class that is a linear layer or a convolution: the schemes that normalize weights.
    """
    if issubclass(cls, nn.Linear | nn.Conv1d | nn.Conv2d):
        return [name for name in REFERENCES if KNOWN[name].of_weights]
    try:
        subject = of_class(cls, "layer", kwargs, declared)
        shapes = accepted(subject).shapes
        changed = measures.influence(subject.new, shapes[0])["y"]
    except (UserError, IndexError):
        return [name for name in REFERENCES if not KNOWN[name].of_weights and name != "none"]
    samples, features = changed[1:].any(), changed[0].reshape(width(), -1).any(1)
    if samples:
        alone = ["batch", "ghost_batch", "batch_renorm", "precise_batch"]
        return ["switchable", *alone] if features.all() else alone
    if features[1:].any():
        return ["layer", "rms"] if features.all() else ["group"]
    if changed[0, 0].sum() > 1:
        return ["instance", "frn"]
    return ["dyt", "derf", "frn"]
