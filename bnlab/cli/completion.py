"""Shell completion at the TAB key: settings with their values, and names of runs. Imports no heavy library."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import typer

BASH_WORDS, BASH_POSITION = "COMP_WORDS", "COMP_CWORD"
"""The environment variables in which bash passes the words typed and the number of the last one."""

KEY = "_BNLAB_COMPLETED_KEY"
"""The environment variable that keeps `norm=`, the part before the one that bash completes."""


def rejoin_words() -> None:
    """Joins words that bash has split at "=", so that `norm=ba` can be completed; does nothing in other shells.

    Bash splits it into `norm`, `=` and `ba`, and replaces only the last with what is offered.
    """
    if BASH_WORDS not in os.environ:
        return
    words: list[str] = []
    for word in os.environ[BASH_WORDS].split("\n")[: int(os.environ[BASH_POSITION]) + 1]:
        if len(words) > 1 and (word == "=" or words[-1].endswith("=")):
            words[-1] += word
        else:
            words.append(word)
    key, equals, value = words[-1].partition("=")
    if equals and not key.startswith("-"):
        os.environ[KEY] = f"{key}="
        words[-1] = value
    os.environ[BASH_WORDS], os.environ[BASH_POSITION] = "\n".join(words), str(len(words) - 1)


def overrides(incomplete: str) -> list[str]:
    """The completions of a word of `bnlab train`, without the part that bash has split off."""
    key = os.environ.get(KEY, "")
    typed = os.environ.get(BASH_WORDS) or os.environ.get("_TYPER_COMPLETE_ARGS", "")
    return [found.removeprefix(key) for found in _completed(f"{key}{incomplete}", typed.split())]


def run_names(context: typer.Context, incomplete: str) -> list[str]:
    """The completions of a run's name: the folders in --runs-dir that begin like it."""
    folder = Path(context.params.get("runs_dir") or "runs")
    try:
        names = sorted(entry.name for entry in os.scandir(folder) if entry.is_dir(follow_symlinks=False))
    except OSError:
        return []
    return [name for name in names if name.startswith(incomplete) and not name.startswith(".")]


def _completed(word: str, typed: Sequence[str]) -> list[str]:
    """The completions of a word: norm=layer for `norm=la`, norm.eps=1e-05 for `norm.ep`, or all matching keys."""
    key, equals, value = word.partition("=")
    if equals:
        before, comma, last = value.rpartition(",")
        return [f"{key}={before}{comma}{found}" for found in _values(key, typed) if found.startswith(last)]
    keys = [found for found in _keys(typed) if found.startswith(word)]
    if len(keys) == 1:
        return [f"{keys[0]}={found}" for found in _values(keys[0], typed)] or [f"{keys[0]}="]
    return [f"{found}=" for found in keys]


def _keys(typed: Sequence[str]) -> Iterator[str]:
    """The keys of all settings; if a group's choice was typed (norm=batch), of that group only the choice's keys."""
    from bnlab.config import CHOICES, SECTIONS, defaults, settings_of

    yield from (*CHOICES, "experiment")
    for key, value in defaults().items():
        yield from (f"{key}.{name}" for name in value) if key in SECTIONS else (key,)
    for section in CHOICES:
        settings = (name for choice in _chosen(section, typed) for name in settings_of(section, choice))
        yield from dict.fromkeys(f"{section}.{name}" for name in settings)
    yield "norm.impl"


def _values(key: str, typed: Sequence[str]) -> list[str]:
    """The values to offer for a key: a group's choices, true and false, or the setting's defaults."""
    from bnlab.config import CHOICES, CONF, defaults, defaults_of
    from bnlab.errors import written

    if key in CHOICES:
        return list(CHOICES[key])
    if key == "experiment":
        return sorted(path.stem for path in (CONF / key).glob("*.yaml"))
    if key == "norm.impl":
        return ["native", "custom", "keras"]
    section, _, setting = key.partition(".")
    sections = (
        [defaults_of(section, choice) for choice in _chosen(section, typed)] if section in CHOICES else [defaults()]
    )
    found = [values[setting or section] for values in sections if (setting or section) in values]
    if any(isinstance(value, bool) for value in found):
        return ["true", "false"]
    return list(dict.fromkeys(written(value) for value in found if not isinstance(value, dict)))


def _chosen(section: str, typed: Sequence[str]) -> list[str]:
    """The choices of a group that were typed, or all of them."""
    from bnlab.config import CHOICES

    given = [word.partition("=")[2] for word in typed if word.startswith(f"{section}=")]
    named = [choice for words in given for choice in words.split(",") if choice in CHOICES[section]]
    return named or list(CHOICES[section])
