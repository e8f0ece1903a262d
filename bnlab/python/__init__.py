"""What a Python program uses of bnlab: what the commands do, with objects for the answers.

Importing it imports nothing heavy. Whatever a command refuses raises a UserError with the text of the command's line.
"""

from bnlab.python.comparing import compare
from bnlab.python.loading import Runs, load_runs
from bnlab.python.studying import Studied, study
from bnlab.python.training import sweep, train
from bnlab.python.verifying import verify
from bnlab.python.weights import load_model

__all__ = ["Runs", "Studied", "compare", "load_model", "load_runs", "study", "sweep", "train", "verify"]
