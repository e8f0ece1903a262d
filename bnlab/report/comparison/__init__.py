"""What knows numbers: run folders as one table, its arms, their means, and which of them differ.

Every other part of a report is made from a `Comparison`; how arms, metrics and numbers are named and written is said
here too, once for sentences, tables and charts. What may enter: whatever turns stored runs into numbers. Nothing here
makes a sentence about a result. Doors: `frame` and `curves` read, `contrasts` holds arms against each other.
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
