"""Short names of arms, for sentences and charts."""

from bnlab.report.arms import ABSENT
from bnlab.report.compare import Comparison

SCHEME = "norm.name"


def telling_keys(comparison: Comparison) -> list[str]:
    """The keys of the arms without the settings of the norm that the scheme implies, such as eps where each has one."""
    keys, rows = list(comparison.by), comparison.summary
    if SCHEME in keys:
        for key in comparison.by:
            fewer = [other for other in keys if other != key]
            if key.startswith("norm.") and key != SCHEME and not rows.duplicated(fewer).any():
                keys = fewer
    return keys


def short_names(comparison: Comparison) -> dict[str, str]:
    """Of each arm a name to be read: "batch, lr=0.01" for "norm.name=batch, optimizer.lr=0.01"."""
    keys = telling_keys(comparison)
    rows = comparison.summary[["arm", *keys]].fillna(ABSENT).to_numpy().tolist()
    names = {arm: ", ".join(_parts(keys, values)) or arm for arm, *values in rows}
    # Where leaving something out made two names equal, the full ones are needed.
    return names if len(set(names.values())) == len(names) else {arm: arm for arm in names}


def _parts(keys: list[str], values: list[str]) -> list[str]:
    """Each setting by the last word of its key; a scheme or a run by its value; none that the arm does not have."""
    lasts = [key.rpartition(".")[2] for key in keys]
    labels = [last if lasts.count(last) == 1 else key for key, last in zip(keys, lasts, strict=True)]
    cells = zip(keys, labels, values, strict=True)
    return [value if key in (SCHEME, "run") else f"{label}={value}" for key, label, value in cells if value != ABSENT]
