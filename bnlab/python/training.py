"""`bnlab.train` and `bnlab.sweep`: what `bnlab train` does, from Python."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from bnlab.errors import UserError

if TYPE_CHECKING:
    from bnlab.python.loading import Runs


def train(settings: Mapping[str, object] | None = None, /, **more: object) -> Runs:
    """Trains all seeds of one run, as `bnlab train` does. What is stored already is not trained again.

    `bnlab.train({"optimizer.lr": 0.01}, norm="batch", seeds=8)` is `bnlab train norm=batch seeds=8 optimizer.lr=0.01`.

    Args:
        settings: the command's settings, by their names there.
        more: settings whose names can be Python's argument names.

    Returns:
        The replicates, whether they were trained now or before.

    Raises:
        UserError: no such setting, or a value that is not allowed; nothing was trained then.
        RuntimeError: a seed failed; the others are stored.
        KeyboardInterrupt: the user stopped it; calling it again resumes it.
    """
    from bnlab.hydra_bridge import overrides_of

    return _train(overrides_of(_together(settings or {}, more)))


def sweep(choices: Mapping[str, object], /, **settings: object) -> Runs:
    """Trains every combination of the choices, side by side, as `bnlab train -m` does.

    `bnlab.sweep({"norm": ["none", "batch"], "optimizer.lr": [0.01, 0.1]}, seeds=8)` are 4 runs of 8 seeds.

    Args:
        choices: settings by their names, each with a list of the values to try, or with one value. A value that is a
            list is put into a list: {"model.hidden": [[128, 64], [64]]}.
        settings: further settings, the same for all runs.

    Returns:
        The replicates, whether they were trained now or before.

    Raises:
        UserError: no such setting, or a value that is not allowed; nothing was trained then.
        SweepFailedError: runs failed, for the reasons in the message; the others are stored.
        KeyboardInterrupt: the user stopped it; calling it again resumes it.
    """
    from bnlab.hydra_bridge import overrides_of, sweep_of

    _together(choices, settings)
    return _train(["-m", *sweep_of(choices), *overrides_of(settings)])


def _train(arguments: Sequence[str]) -> Runs:
    from bnlab.hydra_bridge import trained
    from bnlab.python.loading import Runs
    from bnlab.report import read

    outcomes = [outcome for run in trained(arguments) for outcome in run]
    frame, warnings = read(sorted({outcome.folder.parent for outcome in outcomes}))
    asked = {str(outcome.folder) for outcome in outcomes}
    return Runs(frame[frame["folder"].isin(asked)].reset_index(drop=True), warnings)


def _together(settings: Mapping[str, object], more: Mapping[str, object]) -> dict[str, object]:
    twice = sorted(settings.keys() & more.keys())
    if twice:
        raise UserError(f"{twice[0]} is set twice: in the dict and by its name; leave one of them out")
    return {**settings, **more}
