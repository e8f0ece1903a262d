"""Short names of arms, the same ones in sentences, tables and charts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import pandas as pd

from bnlab.config import setting_words
from bnlab.report.comparison.arms import ABSENT


class WithArms(Protocol):
    """Anything with arms that get names, e.g. a `Comparison`."""

    @property
    def summary(self) -> pd.DataFrame: ...

    @property
    def by(self) -> Sequence[str]: ...


def telling_keys(comparison: WithArms) -> list[str]:
    """The columns that define the arms, without settings that the scheme implies, such as eps if each has only one."""
    return _telling(comparison.summary, comparison.by)


def short_names(comparison: WithArms) -> dict[str, str]:
    """A short name for each arm: "batch, lr 0.01" for "norm.name=batch, optimizer.lr=0.01"."""
    return names_of(comparison.summary, comparison.by)


def names_of(summary: pd.DataFrame, by: Sequence[str]) -> dict[str, str]:
    """`short_names` for the arms of a summary that are defined by the columns `by`."""
    keys = sorted(_telling(summary, by), key=lambda key: key != setting_words.SCHEME)
    texts = setting_texts(summary, keys)
    arms = summary["arm"].tolist()
    # If two short names are equal, because something was left out, the full names are needed.
    distinct = len(set(texts)) == len(texts) and all(texts)
    return dict(zip(arms, texts if distinct else arms, strict=True))


def setting_texts(table: pd.DataFrame, keys: Sequence[str]) -> list[str]:
    """The settings `keys` of each row in words, without those that the row lacks."""
    cells = [setting_words.rounded(table[key].fillna(ABSENT).tolist()) for key in keys]
    rows = [dict(zip(keys, row, strict=True)) for row in zip(*cells, strict=True)] if keys else [{}] * len(table)
    return [setting_words.phrase({key: value for key, value in row.items() if value != ABSENT}) for row in rows]


def _telling(summary: pd.DataFrame, by: Sequence[str]) -> list[str]:
    return setting_words.telling(by, summary[list(by)].fillna(ABSENT).to_dict("records"))
