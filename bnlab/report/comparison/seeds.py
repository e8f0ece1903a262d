"""One value per arm and seed: the unit of all statistics."""

import math
from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bnlab import stats
from bnlab.report.comparison.contrasts import Values
from bnlab.report.comparison.units import unit
from bnlab.report.comparison.wording import listed

SHOWN = 3


def complete(trained: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """Keeps the replicates of seeds that have all settings of their arm, and returns a line about the others.

    The value of a seed is a mean over settings: without one of them it could not be compared with other seeds.
    """
    size = trained.groupby(["arm", "seed"])["run"].transform("size")
    whole = size == size.groupby(trained["arm"]).transform("max")
    if whole.all():
        return trained, []
    out = trained[~whole]
    names = (out["run"] + "/seed-" + out["seed"].astype(str)).tolist()
    return trained[whole], [f"not counted, as the seed lacks settings that others of its arm have: {listed(names, 3)}"]


def values(arms: Iterable[str], counted: pd.DataFrame, metric: str, *, higher: bool) -> Values:
    """By arm, the metric by seed: the mean over the settings of the arm; infinite, on the bad side, if one diverged.

    The arms are in the order of their means, best first. Then come arms with diverged seeds, by the share of these, and
    last arms without a seed.

    Args:
        arms: the names of all arms.
        counted: the replicates that count, from `complete`.
        metric: a column of `counted`.
        higher: whether higher values are better.
    """
    worst = -math.inf if higher else math.inf
    scores = counted[metric].where(counted["state"] != "diverged", worst)
    # The mean is infinite if one of the values is.
    means = scores.groupby([counted["arm"], counted["seed"]]).mean()
    of_arms = means.droplevel(0).groupby(means.index.get_level_values(0))
    groups = {str(arm): own for arm, own in of_arms}
    nothing = pd.Series(dtype="float")
    every = {str(arm): groups.get(str(arm), nothing) for arm in arms}

    def rank(arm: str) -> tuple[float, float]:
        of_seeds = finished(every[arm])
        failed = 1 - len(of_seeds) / len(every[arm]) if len(every[arm]) else 2.0
        mean = float(of_seeds.mean()) if len(of_seeds) else 0.0
        return failed, -mean if higher else mean

    return {arm: every[arm] for arm in sorted(every, key=rank)}


def finished(own: "pd.Series[float]") -> NDArray[np.float64]:
    """The values of an arm's seeds that did not diverge."""
    every: NDArray[np.float64] = np.asarray(own, dtype=np.float64)
    return every[np.isfinite(every)]


def pooled_notes(counted: pd.DataFrame, short: Mapping[str, str]) -> list[str]:
    """A line that names the arms whose seeds are means over several settings."""
    sizes = counted.groupby(["arm", "seed"]).size().groupby(level=0).max()
    pooled = [f"{short[str(arm)]} over {count}" for arm, count in sizes.items() if count > 1]
    return [f"a seed counts once, averaged over its settings: {listed(pooled, SHOWN)}"] if pooled else []


def outlier_notes(values: Values, short: Mapping[str, str], metric: str) -> list[str]:
    """A line that names outliers among an arm's seeds, which shift the mean and widen the intervals."""
    of, found = unit(metric), []
    for arm, own in values.items():
        scores = finished(own).tolist()
        for place in stats.outliers(scores):
            seed = own.index[np.isfinite(own)][place]
            middle = of.number(stats.median(scores))
            found.append(f"seed {seed} of {short[arm]} ({of.number(scores[place])}, median {middle})")
    return [f"far from the other seeds of the arm: {listed(found, SHOWN)}"] if found else []
