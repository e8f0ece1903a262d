"""P values of several comparisons: Holm's correction, and the p of the claim that one arm is better than all others."""

from collections.abc import Sequence

import numpy as np


def holm(p_values: Sequence[float]) -> list[float]:
    """P values corrected so that the chance of any false finding among them is at most the level.

    The i-th smallest of m is multiplied by m - i + 1; it is at least the one before it and at most 1. NaN (not tested)
    stays NaN and does not count.

    Source: Holm, A simple sequentially rejective multiple test procedure, Scandinavian Journal of Statistics 6 (1979).
    """
    from statsmodels.stats.multitest import multipletests

    corrected = np.array(p_values, dtype=float)
    tested = ~np.isnan(corrected)
    if tested.any():
        corrected[tested] = multipletests(corrected[tested], method="holm")[1]
    return [float(p) for p in corrected]


def lead_p(p_values: Sequence[float]) -> float:
    """The p of the claim that the arm with the best mean is better than every other: its largest p against any of them.

    An intersection-union test: an arm that is wrongly called best has been found better than the truly best one, and
    that alone has a chance of at most the level. So no correction is needed, neither for the number of arms nor for
    the choice of the best mean. NaN if a comparison could not be tested.

    Source: Gutmann and Maymin, Is the selected population the best?, Annals of Statistics 15 (1987).
    """
    return float(np.max(p_values))
