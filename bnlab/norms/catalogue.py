"""All schemes, found by the names of the files in schemes/. Importing this imports no torch."""

from importlib import import_module
from pkgutil import iter_modules

from bnlab.norms import schemes as folder
from bnlab.norms.scheme import Scheme

LISTED_FIRST = (
    "none",
    "batch",
    "layer",
    "group",
    "instance",
    "rms",
    "batch_renorm",
    "ghost_batch",
    "precise_batch",
    "eval_norm",
    "noisy_batch",
    "ghost_noise",
    "power",
    "online",
    "l1_batch",
    "mean_only_batch",
    "variance_only_batch",
    "frn",
    "switchable",
    "dyt",
    "derf",
    "bounded",
    "weight_standardization",
    "scaled_weight_standardization",
    "weight_norm",
)
"""The order in lists: the best known first, then their descendants. Schemes that are not named here come last."""


def _found() -> dict[str, Scheme]:
    schemes = {}
    for name in sorted(module.name for module in iter_modules(folder.__path__)):
        scheme: Scheme = import_module(f"{folder.__name__}.{name}").SCHEME
        if scheme.name != name:
            raise ValueError(f"the scheme in bnlab/norms/schemes/{name}.py is named '{scheme.name}'; name it '{name}'")
        schemes[name] = scheme
    order = {name: place for place, name in enumerate(LISTED_FIRST)}
    return {name: schemes[name] for name in sorted(schemes, key=lambda name: (order.get(name, len(order)), name))}


SCHEMES: dict[str, Scheme] = _found()
"""Each scheme by its name, in the order in which they are listed."""
