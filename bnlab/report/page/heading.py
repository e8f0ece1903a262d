"""The head of report.html: data, network, length of training, number of seeds, and the command of the report."""

import datetime

import pandas as pd

from bnlab.config import setting_words
from bnlab.report.comparison import Comparison, listed, plural, sort_key, telling_keys
from bnlab.store import FINISHED

SHOWN = 5


def title(comparison: Comparison, metric: str) -> str:
    """The page's title: "test accuracy (%): 3 arms on mnist"."""
    arms = len(comparison.summary)
    data = _values(_trained(comparison), "data.name")
    return f"{metric}: {arms} {plural(arms, 'arm')}{f' on {data}' if data else ''}"


def facts(comparison: Comparison, command: str) -> list[tuple[str, str]]:
    """The facts about a report, as pairs of a word (data, network, training, arms, seeds, report) and a text.

    Args:
        comparison: from `compare`.
        command: the command line that makes the report; empty: unknown.
    """
    trained = _trained(comparison)
    counts = sorted(set((comparison.summary["n"] + comparison.summary["diverged"]).tolist()))
    seeds = f"{counts[0]}" if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    keys = [setting_words.name(key) for key in telling_keys(comparison)]
    by = f", told apart by {' and '.join(keys)}" if keys else ""
    told = [
        ("data", _phrase(trained, "data.name", "data.limit", "data.normalize")),
        ("network", _phrase(trained, "model.name", "model.hidden", "model.channels", "model.activation")),
        ("training", _phrase(trained, "epochs", "steps", "data.batch_size", "optimizer.name", "optimizer.lr")),
        ("arms", f"{len(comparison.summary)}{by}"),
        ("seeds", f"{seeds} in each arm"),
        ("report", f"{datetime.datetime.now(datetime.UTC).date()}{f', {command}' if command else ''}"),
    ]
    return [(word, text) for word, text in told if text]


def _trained(comparison: Comparison) -> pd.DataFrame:
    return comparison.replicates[comparison.replicates["state"].isin(FINISHED)]


def _phrase(trained: pd.DataFrame, *keys: str) -> str:
    """Settings in words, with all values of those that vary; settings that are null or none are left out."""
    values = {key: _values(trained, key) for key in keys if key in trained}
    return setting_words.phrase({key: value for key, value in values.items() if value not in ("", "null", "none")})


def _values(trained: pd.DataFrame, key: str) -> str:
    if key not in trained:
        return ""
    distinct = sorted(trained[key].dropna().unique(), key=sort_key)
    return listed(setting_words.rounded(distinct), SHOWN)
