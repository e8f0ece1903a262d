"""What differs between runs, in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bnlab.config import setting_words


def arms(runs: Sequence[Mapping[str, str]]) -> list[str]:
    """Of each run the settings that differ between the runs, in words: "batch, lr 0.01".

    A setting of the norm is left out where the scheme implies it, any other where no two runs with it differ in it.
    """
    keys = differing(runs)
    words = {key: _words(key, [settings for settings in runs if settings]) for key in keys}
    return [
        setting_words.phrase({key: words[key][settings[key]] for key in keys if key in settings}) or "-"
        for settings in runs
    ]


def differing(runs: Sequence[Mapping[str, str]]) -> list[str]:
    """The keys of the settings that tell these runs apart."""
    known = [settings for settings in runs if settings]
    keys = [key for key in dict.fromkeys(key for settings in known for key in settings) if _differs(key, known)]
    return setting_words.telling(keys, known)


def _differs(key: str, runs: Sequence[Mapping[str, str]]) -> bool:
    return len({settings[key] for settings in runs if key in settings}) > 1


def _words(key: str, runs: Sequence[Mapping[str, str]]) -> dict[str, str]:
    values = list(dict.fromkeys(settings[key] for settings in runs if key in settings))
    return dict(zip(values, setting_words.rounded(values), strict=True))
