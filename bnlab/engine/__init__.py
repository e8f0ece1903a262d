"""The training engine: the training loop, the shards that its threads train, the recorded step, and evaluation.

`train` takes plain modules, data and hyperparameters, and reports to observers. Nothing here knows a file, a command
or a scheme.
"""

from bnlab.engine.evaluation import EVALUATION_BATCH, Score, evaluate, evaluate_on_batch_statistics
from bnlab.engine.look import WHOLE, Inspected, Inspection, Look, Values
from bnlab.engine.loop import Checkpointer, train
from bnlab.engine.observer import Beginning, Evaluation, Member, Observer, Observers
from bnlab.engine.optimizer import Hyperparameters
from bnlab.engine.plan import Plan
from bnlab.engine.products import are_faster_by_onednn, products_by_onednn
from bnlab.engine.shard import Replicate
from bnlab.engine.step import WORTH_RECORDING
from bnlab.lifting import Observation

__all__ = [
    "EVALUATION_BATCH",
    "WHOLE",
    "WORTH_RECORDING",
    "Beginning",
    "Checkpointer",
    "Evaluation",
    "Hyperparameters",
    "Inspected",
    "Inspection",
    "Look",
    "Member",
    "Observation",
    "Observer",
    "Observers",
    "Plan",
    "Replicate",
    "Score",
    "Values",
    "are_faster_by_onednn",
    "evaluate",
    "evaluate_on_batch_statistics",
    "products_by_onednn",
    "train",
]
