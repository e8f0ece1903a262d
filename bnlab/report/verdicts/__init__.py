"""The verdicts of a comparison, in sentences that say no more than was tested."""

from bnlab.report.verdicts.sentences import verdicts
from bnlab.report.verdicts.verdict import Kind, Verdict

__all__ = ["Kind", "Verdict", "verdicts"]
