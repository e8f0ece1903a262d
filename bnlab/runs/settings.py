"""The settings that differ between runs, in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bnlab.config import LENGTH, default_choices, defaults, defaults_of, setting_words
from bnlab.store import as_text

FEW = 3
"""Up to this number of differing settings, all are named; if there are more, only those that are not the defaults."""


def arms(runs: Sequence[Mapping[str, str]]) -> list[str]:
    """The arm of each run: its settings that differ between the runs, in words: "batch, lr 0.01".

    A setting is left out if it follows from others, as norm.eps may follow from the scheme. If more than `FEW` settings
    differ, only those of a run that are not the defaults are named.
    """
    known = [settings for settings in runs if settings]
    keys = differing(runs)
    told = [{key: settings[key] for key in keys if key in settings} for settings in runs]
    if len(keys) > FEW:
        keys = list(dict.fromkeys([*_differing(known), *keys]))
        told = [_unusual(keys, settings) for settings in runs]
    words = {key: _words(key, known) for key in keys}
    return [setting_words.phrase({key: words[key][value] for key, value in own.items()}) or "-" for own in told]


def differing(runs: Sequence[Mapping[str, str]]) -> list[str]:
    """The keys of the settings that tell these runs apart, without those that follow from others."""
    known = [settings for settings in runs if settings]
    keys = setting_words.telling(_differing(known), known)
    return keys + [
        key for key in dict.fromkeys(key for own in known for key in own) if _varies_beside(key, keys, known)
    ]


def _differing(runs: Sequence[Mapping[str, str]]) -> list[str]:
    """The keys of the settings that have several values in the runs."""
    names = dict.fromkeys(key for settings in runs for key in settings)
    return [key for key in names if len({settings[key] for settings in runs if key in settings}) > 1]


def _varies_beside(key: str, keys: Sequence[str], runs: Sequence[Mapping[str, str]]) -> bool:
    """Whether among runs with equal values of `keys`, this setting has several values, or only some have it."""
    groups: dict[tuple[str | None, ...], set[str | None]] = {}
    for settings in runs:
        groups.setdefault(tuple(settings.get(name) for name in keys), set()).add(settings.get(key))
    return any(len(values) > 1 for values in groups.values())


def _unusual(keys: Sequence[str], settings: Mapping[str, str]) -> dict[str, str]:
    """The settings among `keys` that are not the defaults of the run's own choices. The scheme is always among them."""
    usual = {key: as_text(value) for key, value in defaults().items() if key in LENGTH}
    for section, default in default_choices().items():
        own_class = section == "norm" and "norm.target" in settings
        choice = "custom_class" if own_class else settings.get(f"{section}.name", default)
        usual |= {f"{section}.{key}": as_text(value) for key, value in defaults_of(section, choice).items()}
        usual[f"{section}.name"] = default
    usual.pop(setting_words.SCHEME)
    return {key: settings[key] for key in keys if key in settings and usual.get(key) != settings[key]}


def _words(key: str, runs: Sequence[Mapping[str, str]]) -> dict[str, str]:
    values = list(dict.fromkeys(settings[key] for settings in runs if key in settings))
    return dict(zip(values, setting_words.rounded(values), strict=True))
