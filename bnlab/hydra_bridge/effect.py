"""Refuses what would have no effect: settings that change nothing, and config files that Hydra would not use."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bnlab.config import CONF, RunConfig, without_effect
from bnlab.errors import UserError, shown


def check_effect(configs: Sequence[RunConfig], jobs: Sequence[Sequence[str]]) -> None:
    """Raises UserError for a setting that was typed and changes nothing in any job.

    Args:
        configs: the configuration of each job.
        jobs: the overrides of each job, as typed.
    """
    idle = [without_effect(config) for config in configs]
    typed = [{text.lstrip("+").partition("=")[0]: text for text in job} for job in jobs]
    for key in dict.fromkeys(key for job in typed for key in job):
        those = [number for number, job in enumerate(typed) if key in job]
        if all(key in idle[number] for number in those):
            first = those[0]
            raise UserError(f"{shown(typed[first][key])} changes nothing: {idle[first][key]}; leave one of them out")


def check_shadowed(folder: Path) -> None:
    """Raises UserError for a config file of the user's with a shipped one's name, which Hydra would use instead."""
    for shipped in sorted(CONF.rglob("*.yaml")):
        name = shipped.relative_to(CONF)
        if (folder / name).is_file() and (folder / name).read_bytes() != shipped.read_bytes():
            raise UserError(f"{folder / name} changes nothing: bnlab's own {name} is used; give yours another name")
