"""`bnlab.verify`: a normalization layer held against its definition, in this process."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import nn

    from bnlab.verification import Verdict


def verify(
    norm_class: type[nn.Module],
    as_: str = "auto",
    *,
    kwargs: Mapping[str, Any] | None = None,
    affine: bool | None = None,
    momentum: str | None = None,
    running_stats: bool = True,
    layout: str | None = None,
) -> Verdict:
    """Holds a normalization layer against a float64 reference, as `bnlab verify` does, but in this process.

    `bnlab.verify(MyBN).raise_for_failures()` is a test.

    Args:
        norm_class: a torch.nn.Module, made as `norm_class(num_features, **kwargs)`.
        as_: the scheme that it is to compute; `auto` is what its name says, or else what it comes nearest to.
        kwargs: further arguments of its constructor.
        affine: whether it has γ and β; None is what it shows.
        momentum: of which value its momentum is the weight, `new` or `old`; None is what it shows.
        running_stats: whether it keeps running statistics.
        layout: `channels-first` or `channels-last`; None is what it shows.

    Raises:
        UserError: no such scheme, momentum or layout; a class that cannot be built or run.
    """
    from bnlab.verification import Declared
    from bnlab.verification.verdict import verify_class

    return verify_class(norm_class, as_, kwargs, Declared(affine, momentum, running_stats, layout))
