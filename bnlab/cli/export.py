"""`bnlab export`: writes a trained network for other programs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bnlab.cli.options import RunName, RunsDir, path, text
from bnlab.errors import UserError
from bnlab.machine import status


def export(
    run: RunName,
    kind: Annotated[str, typer.Option("--format", help="state_dict, safetensors or onnx.")] = "state_dict",
    fold: Annotated[bool, typer.Option("--fold", help="Fold batch norm into the layers before it.")] = False,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="The file. Default: by run and seed, here.", parser=path)
    ] = None,
    target: Annotated[
        str | None,
        typer.Option(help="The class of a norm of somebody's own, FILE.py:CLASS, whose code is run.", parser=text),
    ] = None,
    runs_dir: RunsDir = Path("runs"),
) -> None:
    """Write a trained network for other programs (keep_checkpoint=true has kept its weights).

    Example: bnlab export batch-native-mlp/seed-0 --format onnx --fold
    """
    status.show(f"reading {runs_dir}")
    from bnlab.runs import find, read

    found = find(read(runs_dir), run)
    if len(found.replicates) != 1:
        seeds = ", ".join(replicate.path.name for replicate in found.replicates) or "none"
        raise UserError(f"{found.name} has several seeds or none; write one of them: {found.name}/SEED, of {seeds}")

    status.follow("loading PyTorch")
    from bnlab.export import export as write
    from bnlab.launch import trained_model

    written = write(trained_model(found, target), kind, output, fold=fold)
    status.clear()
    same = "" if written.difference is None else f"; its logits differ by {written.difference:.1e} of the largest one"
    typer.echo(f"written to {written.path}{same}")
