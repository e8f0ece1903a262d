"""Means, differences and their t intervals."""

import math
from collections.abc import Sequence
from statistics import mean, stdev
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.special import ndtr, stdtrit


class Interval(NamedTuple):
    """The ends of a confidence interval, in the unit of the values."""

    low: float
    high: float


class Summary(NamedTuple):
    """The summary of a sample; all but n are in the unit of the values."""

    n: int
    mean: float
    sd: float
    interval: Interval


class Difference(NamedTuple):
    """A difference of two means with its confidence interval, in the unit of the values."""

    mean: float
    interval: Interval


UNKNOWN = Interval(math.nan, math.nan)


def summarize(values: Sequence[float], confidence: float = 0.95) -> Summary:
    """Computes n, mean, standard deviation (divisor n - 1) and the t interval of the mean.

    Without values the mean is NaN. With fewer than two the sd and the interval are NaN.
    """
    n = len(values)
    center = mean(values) if n else math.nan
    sd = stdev(values) if n > 1 else math.nan
    interval = _around(center, sd / math.sqrt(n), n - 1, confidence) if n > 1 else UNKNOWN
    return Summary(n, center, sd, interval)


def summarize_groups(frame: pd.DataFrame, keys: Sequence[str], value: str, confidence: float = 0.95) -> pd.DataFrame:
    """`summarize` for each group of rows with equal keys: a table with the columns keys, n, mean, sd, low, high.

    It does all groups at once, for the many points of learning curves. The groups are in the order of their first rows;
    values that are not finite are left out.
    """
    finite = frame[np.isfinite(frame[value])]
    table: pd.DataFrame = (
        finite.groupby(list(keys), sort=False)[value].agg(n="count", mean="mean", sd="std").reset_index()
    )
    # One value has no degree of freedom: its sd is NaN, and so is its interval.
    t = stdtrit(np.maximum(table["n"] - 1, 1), (1 + confidence) / 2)
    reach = t * table["sd"] / np.sqrt(table["n"])
    return table.assign(low=table["mean"] - reach, high=table["mean"] + reach)


def mean_interval(center: float, sd: float, n: int, alpha: float) -> Interval:
    """The interval of a mean of n values with this sd, at confidence 1 - alpha; NaN for n < 2.

    With alpha = .05 / k it holds for k arms together, and so for the one of them that was chosen by its mean.
    """
    return _around(center, sd / math.sqrt(n), n - 1, 1 - alpha) if n > 1 else UNKNOWN


def highest_of(count: int) -> float:
    """The expected maximum of `count` independent standard normal values.

    It is the integral of x d(Phi(x)^count), computed by the trapezoidal rule between -8 and 8.

    Source: Tippett, On the extreme individuals and the range of samples, Biometrika 17 (1925).
    """
    x = np.linspace(-8, 8, 4001)
    density = np.exp(-(x**2) / 2) / math.sqrt(2 * math.pi)
    y = count * x * density * ndtr(x) ** (count - 1)
    return float(np.sum(np.diff(x) * (y[1:] + y[:-1]) / 2))


def t_interval(values: Sequence[float], confidence: float = 0.95) -> Interval:
    """The interval of a mean: mean +- t * s / sqrt(n).

    t is the (1 + confidence) / 2 quantile of Student's t with n - 1 degrees of freedom, s the standard deviation with
    divisor n - 1. Exact for independent normal values. NaN for n < 2.

    Raises:
        ValueError: the confidence is not between 0 and 1.

    Source: Student, The probable error of a mean, Biometrika 6 (1908).
    """
    return summarize(values, confidence).interval


def mean_difference(
    values: Sequence[float], baseline: Sequence[float], *, paired: bool, confidence: float = 0.95
) -> Difference:
    """The difference mean(values) - mean(baseline) with its t interval.

    If paired (values[i] and baseline[i] have the same seed): `t_interval` of the differences values[i] - baseline[i].

    If not, Welch's interval, which does not assume equal variances: with v = s^2 / n of each sample, the standard error
    is sqrt(v1 + v2) and the degrees of freedom are (v1 + v2)^2 / (v1^2 / (n1 - 1) + v2^2 / (n2 - 1)).

    The interval is NaN if a sample has fewer than two values, the difference if one has none.

    Raises:
        ValueError: the samples are paired and differ in length, or the confidence is not between 0 and 1.

    Source: Student (1908) for pairs; else Welch, The generalization of "Student's" problem when several different
    population variances are involved, Biometrika 34 (1947).
    """
    if paired:
        differences = [a - b for a, b in zip(values, baseline, strict=True)]
        summary = summarize(differences, confidence)
        return Difference(summary.mean, summary.interval)
    if not values or not baseline:
        return Difference(math.nan, UNKNOWN)
    return Difference(mean(values) - mean(baseline), _welch(values, baseline, confidence))


def standard_error(sds: Sequence[float], ns: Sequence[int]) -> tuple[float, float]:
    """The standard error of a mean (one sample, or pairs) or of a difference of two means, and its degrees of freedom.

    With v = sd^2 / n of each sample they are sqrt(sum v) and (sum v)^2 / sum(v^2 / (n - 1)), for one sample n - 1.

    Source: Welch (1947), as in `mean_difference`.
    """
    variances = [sd**2 / n for sd, n in zip(sds, ns, strict=True)]
    spread = sum(v**2 / (n - 1) for v, n in zip(variances, ns, strict=True))
    # Without any spread the degrees of freedom are undefined; the interval has no width whatever they are.
    df = sum(variances) ** 2 / spread if spread else 1.0
    return math.sqrt(sum(variances)), df


def superiority(values: Sequence[float], baseline: Sequence[float]) -> float:
    """The probability that a replicate of one arm is above one of the other: P(A > B) + P(A = B) / 2.

    It is the share of all pairs of a value and a baseline value: the Mann-Whitney U divided by their number. 0.5 means
    that neither arm is above; NaN if a sample is empty.

    Source: Vargha and Delaney, A critique and improvement of the CL common language effect size statistics, Journal of
    Educational and Behavioral Statistics 25 (2000).
    """
    if not len(values) or not len(baseline):
        return math.nan
    first, second = np.asarray(values)[:, None], np.asarray(baseline)
    return float((first > second).mean() + (first >= second).mean()) / 2


def median(values: Sequence[float]) -> float:
    """The median; NaN without values."""
    return float(np.median(values)) if len(values) else math.nan


def interquartile_mean(values: Sequence[float]) -> float:
    """The mean of the middle half: a quarter of the values is cut off at each end, rounded down; NaN without values.

    Source: Agarwal, Schwarzer, Castro, Courville and Bellemare, Deep reinforcement learning at the edge of the
    statistical precipice, NeurIPS (2021).
    """
    cut = len(values) // 4
    return float(np.sort(values)[cut : len(values) - cut].mean()) if len(values) else math.nan


def outliers(values: Sequence[float], most: float = 10.0) -> list[int]:
    """The indices of values whose distance to the median is more than `most` times 1.4826 median absolute deviations.

    There are none among fewer than 4 values, or if half of the values are equal. The factor 1.4826 makes the deviation
    that of a normal distribution; at 10 hardly any normal value is an outlier.

    Source: Leys, Ley, Klein, Bernard and Licata, Detecting outliers, Journal of Experimental Social Psychology 49
    (2013).
    """
    if len(values) < 4:
        return []
    distances = np.abs(np.asarray(values) - np.median(values))
    spread = 1.4826 * float(np.median(distances))
    return np.flatnonzero(distances > most * spread).tolist() if spread else []


def _welch(first: Sequence[float], second: Sequence[float], confidence: float) -> Interval:
    if min(len(first), len(second)) < 2:
        return UNKNOWN
    error, df = standard_error((stdev(first), stdev(second)), (len(first), len(second)))
    return _around(mean(first) - mean(second), error, df, confidence)


def _around(center: float, error: float, df: float, confidence: float) -> Interval:
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must be between 0 and 1, received {confidence}")
    reach = float(stdtrit(df, (1 + confidence) / 2)) * error
    return Interval(center - reach, center + reach)
