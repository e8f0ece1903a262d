"""The plugins of Hydra that are packages of their own."""

from __future__ import annotations

from bnlab.errors import UserError

PACKAGES = {
    ("launcher", "joblib"): "hydra-joblib-launcher",
    ("launcher", "ray"): "hydra-ray-launcher",
    ("launcher", "rq"): "hydra-rq-launcher",
    ("launcher", "submitit_local"): "hydra-submitit-launcher",
    ("launcher", "submitit_slurm"): "hydra-submitit-launcher",
    ("sweeper", "ax"): "hydra-ax-sweeper",
    ("sweeper", "nevergrad"): "hydra-nevergrad-sweeper",
    ("sweeper", "optuna"): "hydra-optuna-sweeper",
}
"""By group and choice."""
EXTRAS = {"joblib": "joblib", "ray": "ray", "submitit_local": "submitit", "submitit_slurm": "submitit"}
"""Of bnlab's own, which install them, by launcher."""


def missing_plugin(group: str, choice: str) -> UserError | None:
    """The error for a choice that Hydra does not have, if a package would bring it."""
    package = PACKAGES.get((group.rpartition("/")[2], choice))
    if package is None:
        return None
    extra = f", or pip install 'bnlab[{EXTRAS[choice]}]'" if choice in EXTRAS else ""
    return UserError(f"{group}={choice} needs a package that is not installed: pip install {package}{extra}")
