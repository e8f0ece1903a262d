"""What a comparison says, in sentences: no sentence says more than was tested."""

from bnlab.report.verdicts.sentences import verdicts

__all__ = ["verdicts"]
