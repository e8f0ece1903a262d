"""Means over seeds and test images, where both count as random samples: conclusions for other seeds and other images.

Shapes: S seeds, I images. An answer is 1 if an image was classified correctly, else 0; if a seed stands for several
settings, it is their mean.
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtr, stdtrit

from bnlab.stats.estimate import Interval

Answers = NDArray[np.int8] | NDArray[np.float32]
"""Answers (S, I): whole numbers, in one byte each, or means."""


class Crossed(NamedTuple):
    """A mean, or a difference of two, with its standard error over seeds and images, and its degrees of freedom."""

    mean: float
    error: float
    df: float

    def interval(self, alpha: float) -> Interval:
        """The interval at confidence 1 - alpha."""
        reach = float(stdtrit(self.df, 1 - alpha / 2)) * self.error
        return Interval(self.mean - reach, self.mean + reach)

    @property
    def p(self) -> float:
        """Two-sided p that the mean is 0; NaN without any spread."""
        return float(2 * stdtr(self.df, -abs(self.mean) / self.error)) if self.error else math.nan


def crossed_mean(answers: Answers) -> Crossed | None:
    """The mean of answers (S, I), or of differences of pairs; None with fewer than two seeds or images.

    With the mean squares MS of the two-way layout, for seeds, for images and for the rest, the variance of the mean is
    (MS_seeds + max(MS_images - MS_rest, 0)) / (S I); the degrees of freedom are Satterthwaite's.

    Source: the layout of readers and cases, Gallas, Bandos, Samuelson and Wagner, A framework for random-effects ROC
    analysis, Communications in Statistics 38 (2009); Satterthwaite, An approximate distribution of estimates of
    variance components, Biometrics Bulletin 2 (1946).
    """
    return _estimate([answers]) if min(answers.shape) > 1 else None


def crossed_difference(values: Answers, baseline: Answers, *, paired: bool) -> Crossed | None:
    """The difference mean(values) - mean(baseline) on the same images, with the same seeds (paired) or different ones.

    If not paired, the variances for seeds and for the rest are the sums of both samples' ones, and that for images is
    the variance of the differences of the images' means.
    """
    if paired:
        return crossed_mean(values - baseline)
    if min(*values.shape, *baseline.shape) < 2:
        return None
    return _estimate([values, -baseline])


def _estimate(samples: list[Answers]) -> Crossed:
    """The sum of the samples' means, with its standard error."""
    means = [_mean(sample, 0) for sample in samples]
    by_image = np.sum(means, axis=0)
    images, image_df = float(by_image.var(ddof=1)) / len(by_image), len(by_image) - 1
    seeds, rest, spread = 0.0, 0.0, 0.0
    for sample, own in zip(samples, means, strict=True):
        of_seeds, of_rest, df = _variances(sample, own)
        seeds, rest = seeds + of_seeds, rest + of_rest
        spread += of_seeds**2 / df + of_rest**2 / (df * image_df)
    variance = seeds + max(images - rest, 0.0)
    spread += images**2 / image_df
    return Crossed(float(by_image.mean()), math.sqrt(variance), variance**2 / spread if spread else 1.0)


def _variances(sample: Answers, by_image: NDArray[np.float64]) -> tuple[float, float, int]:
    """MS_seeds / (S I), MS_rest / (S I), and S - 1; the rest by sums of squares, without a table of residuals.

    by_image is the sample's mean over seeds.
    """
    count, images = sample.shape
    by_seed, mean = _mean(sample, 1), by_image.mean()
    of_seeds = images * float(((by_seed - mean) ** 2).sum())
    of_images = count * float(((by_image - mean) ** 2).sum())
    # The squares of answers and their differences are 1 or 0, and counting is faster than multiplying.
    whole = sample.dtype == np.int8
    squares = float(np.count_nonzero(sample) if whole else np.square(sample, dtype=np.float64).sum())
    rest = max(squares - sample.size * mean**2 - of_seeds - of_images, 0.0) / ((count - 1) * (images - 1))
    return of_seeds / (count - 1) / sample.size, rest / sample.size, count - 1


def _mean(sample: Answers, axis: int) -> NDArray[np.float64]:
    """In float64; sums of answers are whole numbers, which are added three times as fast."""
    sums = sample.sum(axis, dtype=np.int32 if sample.dtype == np.int8 else np.float64)
    return np.asarray(sums / sample.shape[axis], dtype=np.float64)
