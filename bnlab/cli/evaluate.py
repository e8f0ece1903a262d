"""`bnlab evaluate`: computes loss and accuracy of the weights that a run kept."""

from __future__ import annotations

import enum
from pathlib import Path
from typing import Annotated

import typer

from bnlab.cli.options import RunName, RunsDir, path
from bnlab.machine import status


class Order(enum.StrEnum):
    """The order in which test images are put into batches."""

    stored = "stored"
    shuffled = "shuffled"
    sorted = "sorted"


class Statistics(enum.StrEnum):
    """The statistics that the norms use."""

    running = "running"
    batch = "batch"


def evaluate(
    run: RunName,
    overrides: Annotated[
        list[str] | None, typer.Argument(help="What differs from the training: data=, data.KEY=, device=, threads=.")
    ] = None,
    runs_dir: RunsDir = Path("runs"),
    shift: Annotated[
        list[str] | None,
        typer.Option(
            help="Change the images, KIND=STRENGTH: contrast=F, brightness=F (factors), noise=SD (of pixels from 0 to"
            " 1), blur=SD (in pixels). Several are done one after the other.",
        ),
    ] = None,
    order: Annotated[
        Order, typer.Option(help="How test batches are composed: as stored, shuffled, or sorted by class.")
    ] = Order.stored,
    batch_size: Annotated[int | None, typer.Option(help="Images of a test batch.", show_default=False)] = None,
    statistics: Annotated[
        Statistics, typer.Option(help="Which the norms use: the running ones, or each test batch's own.")
    ] = Statistics.running,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Also write the scores to this CSV.", parser=path)
    ] = None,
) -> None:
    """Evaluate the weights that a run kept (keep_checkpoint=true), on the test images of any data set.

    Examples: bnlab evaluate batch-native-mlp data=fashion_mnist;
    bnlab evaluate batch-native-mlp --order sorted --batch-size 32 --statistics batch
    """
    status.show("loading PyTorch")
    from rich.console import Console

    from bnlab.hydra_bridge import changes_of
    from bnlab.launch import conditions_of, evaluate_run, show_evaluated
    from bnlab.runs import find, read
    from bnlab.store import check_output

    if output is not None:
        check_output("--output", output)
    conditions = conditions_of(shift or [], order.value, batch_size, statistics.value)
    status.follow("evaluating")
    config, scores = evaluate_run(find(read(runs_dir), run), changes_of(overrides or []), conditions)
    status.clear()
    show_evaluated(config, scores, conditions, output, Console(highlight=False))
