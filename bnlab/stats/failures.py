"""How often replicates diverge, and whether they do so more often than in another arm."""

import scipy

from bnlab.stats.estimate import Interval


def failure_interval(failed: int, n: int, confidence: float = 0.95) -> Interval:
    """The interval of the probability to fail, if `failed` of n replicates have failed.

    Source: Clopper and Pearson, The use of confidence or fiducial limits illustrated in the case of the binomial,
    Biometrika 26 (1934).
    """
    found = scipy.stats.binomtest(failed, n).proportion_ci(confidence, method="exact")
    return Interval(float(found.low), float(found.high))


def fisher(first: tuple[int, int], second: tuple[int, int]) -> float:
    """Two-sided p of Fisher's exact test that two arms, each given as (failed, n), fail equally often.

    Source: Fisher, The design of experiments (1935).
    """
    return float(scipy.stats.fisher_exact([[failed, n - failed] for failed, n in (first, second)])[1])
