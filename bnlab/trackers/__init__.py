"""Trackers, programs in which people watch their training: TensorBoard, MLflow, W&B, and a CSV file that grows.

Each tracker has a file, which imports its library only when it is used. `Trackers` holds those of one launch, each in
its own thread. Only what belongs to a tracker may enter. Trackers only receive values: no result may depend on them.
"""

from bnlab.trackers.installed import check
from bnlab.trackers.tracker import Tracked, Tracker
from bnlab.trackers.trackers import Trackers

__all__ = ["Tracked", "Tracker", "Trackers", "check"]
