"""`bnlab.study`: what `bnlab study` does, from Python."""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import altair as alt

    from bnlab.studies.judging import Judged, Verdict


class Studied:
    """The results of a study.

    Attributes:
        judged: the verdicts, with the numbers that they are made from; `as_data()` is what `bnlab study --json` prints.
    """

    def __init__(self, judged: Judged) -> None:
        self.judged = judged

    @property
    def verdicts(self) -> Sequence[Verdict]:
        """A verdict on each hypothesis: `.word`, `.name`, `.as_expected` and the numbers."""
        return self.judged.verdicts

    @property
    def sentences(self) -> list[str]:
        """The verdicts in sentences, as the command prints them."""
        from bnlab.studies import saying

        return [saying.sentence(verdict) for verdict in self.verdicts]

    @property
    def chart(self) -> alt.LayerChart:
        """The study's chart, of Altair: a notebook draws it."""
        from bnlab.studies.charting import chart

        return chart(self.judged).altair

    def _repr_html_(self) -> str:
        """What a notebook shows: the verdict on each hypothesis."""
        items = [
            f"<li><strong>{verdict.word}</strong>: "
            f"{html.escape(verdict.hypothesis.says)}<br>{html.escape(sentence)}</li>"
            for verdict, sentence in zip(self.verdicts, self.sentences, strict=True)
        ]
        return f"<ul>{''.join(items)}</ul>"

    def __str__(self) -> str:
        """The sentences, a line each."""
        return "\n".join(self.sentences)


def study(name: str, budget: str = "full", **settings: object) -> Studied:
    """Runs a study as `bnlab study` does: its hypotheses are locked before anything is trained.

    Args:
        name: a shipped study, or a file.
        budget: `full`, or `quick`, which only shows that it works.
        settings: further settings for all of its runs, as for `bnlab.train`.

    Raises:
        UserError: no such study or budget, or a setting that is not allowed.
        SweepFailedError: runs failed; the others are stored.
        KeyboardInterrupt: the user stopped it; calling it again resumes it.
    """
    from bnlab import studies
    from bnlab.hydra_bridge import overrides_of
    from bnlab.studies import judging, running

    plan = studies.planned(studies.find(name), budget, overrides_of(settings))
    return Studied(judging.judge(running.train(running.prepare(plan))))
