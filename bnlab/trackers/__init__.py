"""Programs that people watch their trainings in: TensorBoard, MLflow, W&B, and a CSV file that grows.

A file per tracker, which imports its library only when it is used. `Trackers` are those of one launch, each in a thread
of its own. What belongs to one tracker alone may enter; that a result depends on none of it is why they only listen.
"""

from bnlab.trackers.installed import check
from bnlab.trackers.tracker import Ending, Tracked, Tracker
from bnlab.trackers.trackers import Trackers

__all__ = ["Ending", "Tracked", "Tracker", "Trackers", "check"]
