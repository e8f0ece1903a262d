"""`export`: writes a trained network in a format of other programs, and checks that it computes the same."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from bnlab.errors import UserError, unknown
from bnlab.export import formats
from bnlab.export.folding import folded
from bnlab.launch import Trained
from bnlab.store import check_output, replace

SHAPE = (1, 28, 28)
"""The shape of an image, whose pixels are from 0 to 1."""
TRIED = 16
"""The number of random images with which an export is checked."""
TOLERANCE = 1e-5
"""How far logits may be from the network's, relative to the largest one."""

FORMATS: dict[str, tuple[str, Callable[[nn.Module, Tensor, str], bytes]]] = {
    "state_dict": (".pt", formats.state_dict),
    "safetensors": (".safetensors", formats.safetensors),
    "onnx": (".onnx", formats.onnx),
}
"""By name: the end of the file's name, and what makes its bytes of a network, images and the replicate's name."""


@dataclass(frozen=True)
class Exported:
    """A written file.

    Attributes:
        path: its path.
        difference: the largest difference of its logits from the trained network's, relative to the largest logit;
            None if it was not measured, since the file has the network's own weights.
    """

    path: Path
    difference: float | None


def export(trained: Trained, name: str, output: Path | None, *, fold: bool) -> Exported:
    """Writes a trained network.

    Args:
        trained: the network.
        name: the format, one of `FORMATS`.
        output: the file; None: a name made of run and seed, in the working directory.
        fold: whether to fold batch norm into the layers before it.

    Raises:
        UserError: the format is unknown or cannot hold the network, the norm cannot be folded, a package is missing, or
            the file cannot be written.
    """
    if name not in FORMATS:
        raise unknown("--format", name, FORMATS)
    suffix, make = FORMATS[name]
    who = f"{trained.replicate.path.parent.name}-seed-{trained.replicate.seed}"
    path = output or Path(f"{who}{'-folded' * fold}{suffix}")
    check_output("--output", path)
    images = torch.rand(TRIED, *SHAPE, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        expected = trained.model(images)
        network = folded(trained.model, trained.config.norm) if fold else trained.model
        difference = formats.difference(network(images), expected) if fold else None
        _check(difference, "--fold")
        content = make(network, images, who)
        if name == "onnx":
            difference = formats.difference(formats.run_onnx(content, images), expected)
            _check(difference, "--format onnx")
    replace(path, content)
    return Exported(path, difference)


def _check(difference: float | None, what: str) -> None:
    if difference is not None and not difference <= TOLERANCE:
        raise UserError(
            f"{what} gives other logits than the network, by {difference:.1e} of the largest, and at most "
            f"{TOLERANCE:.0e} is allowed; nothing was written. Export with --format state_dict and without --fold"
        )
