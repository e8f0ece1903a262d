"""The numbers of a report: run folders as one table, its arms, their means, and which of them differ.

All sentences, tables and charts are made from a `Comparison`. The names of arms and metrics and the formats of numbers
are here too, so that they are the same everywhere. No code here makes a sentence about a result. Other packages may
also import the modules `frame` and `curves`, which read, and `contrasts`, which compares arms.
"""

from bnlab.report.comparison import contrasts, curves, frame
from bnlab.report.comparison.arms import ABSENT, group, unlike
from bnlab.report.comparison.comparing import Comparison, compare
from bnlab.report.comparison.contrasts import LEVEL, MOST_PAIRED_ARMS, Lead, Pair
from bnlab.report.comparison.curves import Measured
from bnlab.report.comparison.frame import config_columns, environment_columns, metric_columns
from bnlab.report.comparison.looks import Looks
from bnlab.report.comparison.names import names_of, setting_texts, short_names, telling_keys
from bnlab.report.comparison.provenance import environments
from bnlab.report.comparison.units import Unit, split_and_kind, unit, words
from bnlab.report.comparison.wording import listed, plural, sort_key, without_breaks

__all__ = [
    "ABSENT",
    "LEVEL",
    "MOST_PAIRED_ARMS",
    "Comparison",
    "Lead",
    "Looks",
    "Measured",
    "Pair",
    "Unit",
    "compare",
    "config_columns",
    "contrasts",
    "curves",
    "environment_columns",
    "environments",
    "frame",
    "group",
    "listed",
    "metric_columns",
    "names_of",
    "plural",
    "setting_texts",
    "short_names",
    "sort_key",
    "split_and_kind",
    "telling_keys",
    "unit",
    "unlike",
    "without_breaks",
    "words",
]
