"""What a launch prints at its end, with all of Hydra's sweepers and launchers: its runs, and the best of a search."""

from __future__ import annotations

import shlex
import time
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from bnlab.errors import shown, written
from bnlab.hydra_bridge.current import launch
from bnlab.hydra_bridge.parser import hydra_parser
from bnlab.machine import status
from bnlab.store import environment

if TYPE_CHECKING:
    from bnlab.launch import Outcome

FRESH_SEEDS = 5
"""The number of new seeds with which to try the best of a search."""


def add_finished(runs: Sequence[list[Outcome]]) -> None:
    """Adds runs that are to be shown at the end."""
    launch().finished.extend(runs)


def take_finished() -> list[list[Outcome]]:
    """The runs finished since the launch began, or since the last call."""
    status.clear()
    finished = list(launch().finished)
    launch().finished.clear()
    return finished


def show_finished() -> None:
    """Prints the runs finished since the launch began, or since the last call, if there are any."""
    finished = take_finished()
    if finished:
        from bnlab.launch import show

        show(finished, time.monotonic() - launch().began)


def show_best(found: Mapping[str, Any], accuracy: float) -> None:
    """Prints what a search found, and how to see whether that was luck.

    Args:
        found: the best values, by the keys that were searched.
        accuracy: the validation accuracy that they reached.
    """
    values = [f"{key}={written(value)}" for key, value in found.items()]
    print(f"best: {shown(' '.join(values))}, with validation accuracy {accuracy:.2%}")
    print(f"to try it with seeds that it was not chosen by: {_command_of(found.keys(), values)}")


def _command_of(searched: Collection[str], values: Sequence[str]) -> str:
    """The command that was typed, with the best values and fresh seeds instead of the search."""
    known = hydra_parser().parse_args(shlex.split(environment.command() or "bnlab train")[2:])
    options = {"--config-dir": known.config_dir, "--config-name": known.config_name}
    files = [f"{name}={value}" for name, value in options.items() if value is not None]
    keys = {text: text.partition("=")[0].lstrip("+") for text in known.overrides}
    left_out = {*searched, "seed", "seeds"}
    kept = [text for text, key in keys.items() if key not in left_out and not key.startswith("hydra")]
    return shlex.join(["bnlab", "train", *files, *kept, *values, f"seeds=+{FRESH_SEEDS}"])
