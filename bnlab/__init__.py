"""bnlab: which normalization is better on MNIST, and is the difference real?"""

from bnlab.errors import UserError
from bnlab.python import Runs, compare, load_model, load_runs, study, sweep, train, verify

__all__ = ["Runs", "UserError", "compare", "load_model", "load_runs", "study", "sweep", "train", "verify"]

__version__ = "0.1.0"
