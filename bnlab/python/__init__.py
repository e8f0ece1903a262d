"""bnlab's Python API: functions that do what the commands do and return objects.

Importing it imports nothing heavy. What a command would refuse raises a UserError with the command's message.
"""

from bnlab.python.comparing import compare
from bnlab.python.loading import Runs, load_runs
from bnlab.python.studying import Studied, study
from bnlab.python.training import sweep, train
from bnlab.python.verifying import verify
from bnlab.python.weights import load_model

__all__ = ["Runs", "Studied", "compare", "load_model", "load_runs", "study", "sweep", "train", "verify"]
