"""Studies: a question, a design and hypotheses written down before anything is trained, and the verdicts afterwards.

A study is a file, conf/study/NAME.yaml or one's own; docs/studies.md says how to write one. What may enter: the typed
form of such a file, what it measures of stored runs, the lock, the verdicts and how they are said and shown. Its runs
are trained by the path of `bnlab train -m`, in `running`. The doors are heavy: `running` imports Hydra and torch,
`judging` and `saying` pandas besides, `pages` and `charting` the charts.
"""

from bnlab.studies.design import Study
from bnlab.studies.explaining import explained, meanings
from bnlab.studies.finding import find, names
from bnlab.studies.planning import Plan, planned

__all__ = [
    "Plan",
    "Study",
    "charting",
    "explained",
    "find",
    "judging",
    "meanings",
    "names",
    "pages",
    "planned",
    "running",
    "saying",
]
