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
    """The trained network of a seed of a run, in evaluation mode: images (N, 1, 28, 28) -> logits (N, 10).

    It is a plain module. docs/weights.md says what its `state_dict` has, and how to load that without bnlab.

    Args:
        run: a run folder, or the name of a run in `runs_dir`, or the beginning or end of the name.
        seed: which replicate.
        runs_dir: the folder of the runs.
        target: for a run with norm=custom_class, its class, "my_file.py:MyNorm": your consent to run that code.

    Raises:
        UserError: no such run or seed, no weights were kept (`keep_checkpoint=true` keeps them), they were changed
            since, or the class is not named.
    """
    from bnlab.launch import trained_model
    from bnlab.runs import find, folder_of, read

    folder = folder_of(Path(run), Path(runs_dir))
    runs = read(folder.parent if os.path.lexists(folder) else Path(runs_dir))
    return trained_model(find(runs, f"{folder.name}/seed-{seed}"), target).model
