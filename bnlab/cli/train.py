"""`bnlab train`: passes its arguments to Hydra."""

from __future__ import annotations

from typing import Annotated

import typer

from bnlab.cli import completion
from bnlab.cli.failing import INTERRUPTED, fail

HYDRA_ARGUMENTS = {"ignore_unknown_options": True, "allow_interspersed_args": False, "help_option_names": []}

TRAIN_HELP = """Usage: bnlab train [--quiet] [--dry-run] [OVERRIDES]

Trains one run and stores it in runs/; with -m a sweep over all combinations.

Examples:
  bnlab train
  bnlab train norm=layer epochs=3 seed=1
  bnlab train -m norm=none,batch,layer seed='range(0,3)'
  bnlab train experiment=article_pytorch

--quiet prints the final table only. --dry-run says what is stored and what would be
trained, how long that takes and the memory, by a short measurement. All of Hydra's options work:
"""


def train(
    overrides: Annotated[
        list[str] | None, typer.Argument(metavar="[OVERRIDES]", autocompletion=completion.overrides)
    ] = None,
) -> None:
    from bnlab import hydra_bridge

    arguments = ["quiet=true" if argument == "--quiet" else argument for argument in overrides or []]
    if "--help" in arguments or "-h" in arguments:
        typer.echo(TRAIN_HELP)
    try:
        hydra_bridge.train(arguments)
    except KeyboardInterrupt as interrupt:  # here, because Typer would exit without a message
        fail(str(interrupt) or "interrupted", INTERRUPTED)
