"""The training engine: the one loop, the shards that its threads train, the step that they replay, and evaluation.

It takes plain modules, data and hyperparameters, and tells observers; it knows no file, no command and no scheme.
"""

from bnlab.engine.evaluation import EVALUATION_BATCH, Score, evaluate, evaluate_on_batch_statistics
from bnlab.engine.look import WHOLE, Inspected, Inspection, Look, Values
from bnlab.engine.loop import Keeper, train
from bnlab.engine.observer import Beginning, Evaluation, Member, Observer, Observers
from bnlab.engine.optimizer import Hyperparameters
from bnlab.engine.plan import Plan
from bnlab.engine.shard import Replicate
from bnlab.engine.step import WORTH_RECORDING
from bnlab.lifting import Observation

__all__ = [
    "EVALUATION_BATCH",
    "WHOLE",
    "WORTH_RECORDING",
    "Beginning",
    "Evaluation",
    "Hyperparameters",
    "Inspected",
    "Inspection",
    "Keeper",
    "Look",
    "Member",
    "Observation",
    "Observer",
    "Observers",
    "Plan",
    "Replicate",
    "Score",
    "Values",
    "evaluate",
    "evaluate_on_batch_statistics",
    "train",
]
