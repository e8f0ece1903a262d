"""Studies: a question, a design and hypotheses written down before anything is trained, and the verdicts afterwards.

A study is a file, conf/study/NAME.yaml or the user's own; docs/studies.md says how to write one. What may enter: the
typed form of such a file, the metrics of stored runs, the lock, the verdicts, and their sentences and pages. `running`
trains a study's runs as `bnlab train -m` does. The doors are slow to import: `running` imports Hydra and torch,
`judging` and `saying` also pandas, `pages` and `charting` also the charts.
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
