"""Replicates that diverge, as an outcome of its own: how often, and whether more often than in another arm."""

import scipy

from bnlab.stats.estimate import Interval


def failure_interval(failed: int, n: int, confidence: float = 0.95) -> Interval:
    """The interval of the chance to fail, of failed among n.

    Source: Clopper and Pearson, The use of confidence or fiducial limits illustrated in the case of the binomial,
    Biometrika 26 (1934).
    """
    found = scipy.stats.binomtest(failed, n).proportion_ci(confidence, method="exact")
    return Interval(float(found.low), float(found.high))


def fisher(first: tuple[int, int], second: tuple[int, int]) -> float:
    """Two-sided p of Fisher's exact test that two arms fail equally often; each is (failed, n).

    Source: Fisher, The design of experiments (1935).
    """
    return float(scipy.stats.fisher_exact([[failed, n - failed] for failed, n in (first, second)])[1])
