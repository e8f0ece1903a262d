"""`bnlab.study`: what `bnlab study` does, from Python."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bnlab.studies.judging import Judged, Verdict


class Studied:
    """What came out of a study.

    Attributes:
        judged: the verdicts, with what they are made from; `as_data()` is what `bnlab study --json` prints.
    """

    def __init__(self, judged: Judged) -> None:
        self.judged = judged

    @property
    def verdicts(self) -> Sequence[Verdict]:
        """One on each hypothesis: `.word`, `.name`, `.as_expected` and the numbers."""
        return self.judged.verdicts

    @property
    def sentences(self) -> list[str]:
        """Of the verdicts, as the command prints them."""
        from bnlab.studies import saying

        return [saying.sentence(verdict) for verdict in self.verdicts]

    def __str__(self) -> str:
        """The sentences, a line each."""
        return "\n".join(self.sentences)


def study(name: str, budget: str = "full", **settings: object) -> Studied:
    """Runs a study as `bnlab study` does: its hypotheses are locked before anything is trained.

    Args:
        name: of a shipped study, or a file of one's own.
        budget: `full`, or `quick`, which is to see it work.
        settings: of all its runs, as for `bnlab.train`.

    Raises:
        UserError: no such study or budget, or a setting that is not allowed.
        SweepFailedError: runs failed; the others are stored.
        KeyboardInterrupt: the user stopped it; repeated, it goes on from there.
    """
    from bnlab import studies
    from bnlab.hydra_bridge import overrides_of
    from bnlab.studies import judging, running

    plan = studies.planned(studies.find(name), budget, overrides_of(settings))
    return Studied(judging.judge(running.train(running.prepare(plan))))
