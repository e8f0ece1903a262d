"""The environment of a result: versions, hardware, threads, the command, and the commit of bnlab's source."""

from __future__ import annotations

import functools
import os
import platform
import shlex
import subprocess
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

from bnlab import __version__

COMMAND = "BNLAB_COMMAND"
"""The environment variable that holds the command line as typed, so that worker processes of Hydra inherit it."""

TRAINING = (["bnlab", "train"], ["bnlab", "study"])
"""The first words of the commands that train."""


def command() -> str | None:
    """The command line that this process serves; None if bnlab is used from Python."""
    return os.environ.get(COMMAND)


def typed(command: str | None) -> str | None:
    """A stored command in a form that is safe to type again; None if it is not one that trains with bnlab.

    It comes from a file that may not be trusted: so it is split into words, and each is quoted for the shell.
    """
    try:
        words = shlex.split(command or "")
    except ValueError:
        return None
    is_training = words[:2] in TRAINING and all(word.isprintable() for word in words)
    return shlex.join(words) if is_training else None


def describe(device: str, threads: int, *, keras: bool = False) -> dict[str, Any]:
    """The environment as stored in result.json.

    Args:
        device: the device that computes, as PyTorch names it ("cpu", "cuda:0").
        threads: the number of CPU threads that PyTorch computes with.
        keras: whether Keras is used in the training; then its versions are included.
    """
    import torch

    return {
        "bnlab": __version__,
        "torch": torch.__version__,
        "torchvision": version("torchvision"),  # importing it takes more than a second
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cpu": _cpu(),
        "device": device,
        **(_gpu(device) if device.startswith("cuda") else {}),
        "threads": threads,
        "deterministic": torch.are_deterministic_algorithms_enabled(),
        **_source(),
        **(_keras() if keras else {}),
    }


def _gpu(device: str) -> dict[str, Any]:
    """The GPU's name, and the versions of CUDA and cuDNN."""
    import torch

    return {
        "gpu": torch.cuda.get_device_name(device),
        "cuda": torch.version.cuda,
        "cudnn": torch.backends.cudnn.version(),
    }


def versions(*, keras: bool = False) -> dict[str, str]:
    """The versions of the libraries that compute. A training must not resume under others: nobody could repeat it."""
    import torch

    return {"bnlab": __version__, "torch": str(torch.__version__), **(_keras_versions() if keras else {})}


def _keras() -> dict[str, Any]:
    named = _keras_versions()
    of_torch = named["keras_backend"].startswith("torch ")
    return named if of_torch else named | {"threads": None}  # `threads` counts torch's threads only


def _keras_versions() -> dict[str, str]:
    import keras

    backend = keras.backend.backend()
    return {"keras": keras.__version__, "keras_backend": f"{backend} {import_module(backend).__version__}"}


@functools.cache
def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


@functools.cache
def _source() -> dict[str, str | bool | None]:
    """The commit of bnlab's source, and whether files differ from it; None for an installed package."""
    checkout = Path(__file__).parents[2]
    if not (checkout / ".git").exists():
        return {"commit": None, "dirty": None}
    commit = _git(checkout, "rev-parse", "HEAD")
    changes = _git(checkout, "status", "--porcelain", "--untracked-files=no")
    return {"commit": commit, "dirty": None if changes is None else bool(changes)}


def _git(checkout: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(checkout), *arguments], capture_output=True, text=True, timeout=10, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
