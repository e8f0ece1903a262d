"""`bnlab.verify`: checks a normalization layer against its definition, in this process."""

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
    """Checks a normalization layer against a float64 reference, as `bnlab verify` does, but in this process.

    `bnlab.verify(MyBN).raise_for_failures()` is a test.

    Args:
        norm_class: a torch.nn.Module, made as `norm_class(num_features, **kwargs)`.
        as_: the scheme that it should compute; `auto`: by its name, or else the scheme that it is nearest to.
        kwargs: further arguments of its constructor.
        affine: whether it has γ and β; None: as it turns out.
        momentum: whether its momentum is the weight of the `new` or the `old` value; None: as it turns out.
        running_stats: whether it keeps running statistics.
        layout: `channels-first` or `channels-last`; None: as it turns out.

    Raises:
        UserError: no such scheme, momentum or layout; a class that cannot be built or run.
    """
    from bnlab.verification import Declared
    from bnlab.verification.verdict import verify_class

    return verify_class(norm_class, as_, kwargs, Declared(affine, momentum, running_stats, layout))
