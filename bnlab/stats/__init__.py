"""The statistics of the reports: pure functions of numbers, no input or output.

A value is one replicate's metric. What cannot be computed is NaN, never a guess. docs/statistics.md says what each
statistic is for.
"""

from bnlab.stats.contrasting import Contrast, contrast
from bnlab.stats.correction import holm, holm_level, lead_p
from bnlab.stats.curves import (
    Reach,
    areas_under_curves,
    first_reaches,
    logrank,
    median_time,
    restricted_mean,
    share_reached,
)
from bnlab.stats.estimate import (
    Difference,
    Interval,
    Summary,
    mean_difference,
    summarize,
    summarize_groups,
    superiority,
    t_interval,
)
from bnlab.stats.permutation import RESAMPLES, sign_flip, sign_flips, smallest_p, two_sample, two_samples
from bnlab.stats.power import MOST_SEEDS, seeds_for_p, seeds_needed, visible_gap

__all__ = [
    "MOST_SEEDS",
    "RESAMPLES",
    "Contrast",
    "Difference",
    "Interval",
    "Reach",
    "Summary",
    "areas_under_curves",
    "contrast",
    "first_reaches",
    "holm",
    "holm_level",
    "lead_p",
    "logrank",
    "mean_difference",
    "median_time",
    "restricted_mean",
    "seeds_for_p",
    "seeds_needed",
    "share_reached",
    "sign_flip",
    "sign_flips",
    "smallest_p",
    "summarize",
    "summarize_groups",
    "superiority",
    "t_interval",
    "two_sample",
    "two_samples",
    "visible_gap",
]
