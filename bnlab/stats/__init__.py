"""The statistics of reports and studies: pure functions of numbers, without input or output.

A value is one replicate's metric. What cannot be computed is NaN. docs/statistics.md says what each statistic is for.
`scipy.stats` takes half a second to import; scipy loads it when it is first used.
"""

from bnlab.stats.contrasting import FEWEST_PAIRS, FEWEST_UNPAIRED, Contrast
from bnlab.stats.correction import holm, lead_p
from bnlab.stats.crossed import Answers, Crossed, crossed_difference, crossed_mean
from bnlab.stats.curves import (
    Reach,
    areas_under_curves,
    first_reaches,
    logrank,
    median_time,
    restricted_mean,
    share_reached,
)
from bnlab.stats.deciding import LEVEL, Claim, Decision, Word, decide, seeds_to_decide
from bnlab.stats.estimate import (
    Difference,
    Interval,
    Summary,
    highest_of,
    interquartile_mean,
    mean_difference,
    mean_interval,
    median,
    outliers,
    standard_error,
    summarize,
    summarize_groups,
    superiority,
    t_interval,
)
from bnlab.stats.failures import failure_interval, fisher
from bnlab.stats.permutation import sign_flip, smallest_p, two_sample
from bnlab.stats.power import (
    MOST_SEEDS,
    chance_to_find,
    seeds_for_equality,
    seeds_for_p,
    seeds_needed,
    upper_sds,
    visible_gap,
)
from bnlab.stats.robust import chance_to_be_better, performance_profile, pooled_interquartile_mean

__all__ = [
    "FEWEST_PAIRS",
    "FEWEST_UNPAIRED",
    "LEVEL",
    "MOST_SEEDS",
    "Answers",
    "Claim",
    "Contrast",
    "Crossed",
    "Decision",
    "Difference",
    "Interval",
    "Reach",
    "Summary",
    "Word",
    "areas_under_curves",
    "chance_to_be_better",
    "chance_to_find",
    "crossed_difference",
    "crossed_mean",
    "decide",
    "failure_interval",
    "first_reaches",
    "fisher",
    "highest_of",
    "holm",
    "interquartile_mean",
    "lead_p",
    "logrank",
    "mean_difference",
    "mean_interval",
    "median",
    "median_time",
    "outliers",
    "performance_profile",
    "pooled_interquartile_mean",
    "restricted_mean",
    "seeds_for_equality",
    "seeds_for_p",
    "seeds_needed",
    "seeds_to_decide",
    "share_reached",
    "sign_flip",
    "smallest_p",
    "standard_error",
    "summarize",
    "summarize_groups",
    "superiority",
    "t_interval",
    "two_sample",
    "upper_sds",
    "visible_gap",
]
