"""P values of several comparisons together: Holm's correction, and the claim that one arm is ahead of all others."""

from collections.abc import Sequence

import numpy as np


def holm(p_values: Sequence[float]) -> list[float]:
    """P values corrected so that the chance of any false finding among them is at most the level.

    The i-th smallest of m is multiplied by m - i + 1, never falls below the one before it, and is at most 1. NaN (not
    tested) stays NaN and does not count.

    Source: Holm, A simple sequentially rejective multiple test procedure, Scandinavian Journal of Statistics 6 (1979).
    """
    from statsmodels.stats.multitest import multipletests

    corrected = np.array(p_values, dtype=float)
    tested = ~np.isnan(corrected)
    if tested.any():
        corrected[tested] = multipletests(corrected[tested], method="holm")[1]
    return [float(p) for p in corrected]


def lead_p(p_values: Sequence[float]) -> float:
    """The p of the claim that the arm with the best mean is ahead of every other: its largest p against any of them.

    An intersection-union test: to be called best by mistake an arm has to be ahead of the truly best one too, which
    alone happens with a chance of at most the level. So no correction is due, neither for the number of arms nor for
    having picked the best mean. NaN if a comparison could not be tested.

    Source: Gutmann and Maymin, Is the selected population the best?, Annals of Statistics 15 (1987).
    """
    return float(np.max(p_values))
