"""`bnlab.load_model`: a trained network."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import nn


def load_model(
    run: str | Path, seed: int = 0, *, runs_dir: str | Path = "runs", target: str | None = None
) -> nn.Module:
    """The network that a seed of a run was trained to, in evaluation mode: images (N, 1, 28, 28) -> logits (N, 10).

    A plain module; docs/weights.md says what its `state_dict` holds, and loads that without bnlab.

    Args:
        run: a run folder, or a run's name in `runs_dir`, or the beginning or end of it.
        seed: which replicate.
        runs_dir: the folder of the runs.
        target: of a run with a norm of somebody's own its class, "my_file.py:MyNorm", whose code is run.

    Raises:
        UserError: no such run or seed, no weights were kept (`keep_checkpoint=true` keeps them), they are not what was
            stored, or the class is not named.
    """
    from bnlab.launch import trained_model
    from bnlab.runs import find, folder_of, read

    folder = folder_of(Path(run), Path(runs_dir))
    runs = read(folder.parent if os.path.lexists(folder) else Path(runs_dir))
    return trained_model(find(runs, f"{folder.name}/seed-{seed}"), target).model
