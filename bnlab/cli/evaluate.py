"""`bnlab evaluate`: scores the weights that a run kept."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bnlab.cli.options import RunName, RunsDir, path


def evaluate(
    run: RunName,
    overrides: Annotated[
        list[str] | None, typer.Argument(help="What differs from the training: data=, data.KEY=, device=, threads=.")
    ] = None,
    runs_dir: RunsDir = Path("runs"),
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Also write the scores to this CSV.", parser=path)
    ] = None,
) -> None:
    """Evaluate the weights that a run kept (keep_checkpoint=true), on the test images of any data set.

    Example: bnlab evaluate batch-native-mlp data=fashion_mnist
    """
    from rich.console import Console

    from bnlab.hydra_bridge import changes_of
    from bnlab.launch import evaluate_run, show_evaluated
    from bnlab.runs import find, read
    from bnlab.store import check_output

    if output is not None:
        check_output("--output", output)
    config, scores = evaluate_run(find(read(runs_dir), run), changes_of(overrides or []))
    show_evaluated(config, scores, output, Console(highlight=False))
