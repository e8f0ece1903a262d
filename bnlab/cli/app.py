"""The program `bnlab`: its commands, and how errors are printed, with their exit codes.

Each command imports heavy libraries inside its function, so that --help answers at once.
"""

from __future__ import annotations

import os
import sys
import traceback
from typing import Annotated, Any

import typer

from bnlab import __version__
from bnlab.cli import bench, completion, evaluate, export, norms, report, runs, study, train, usage_errors, verify
from bnlab.cli.failing import INTERRUPTED, fail
from bnlab.errors import SweepFailedError, UserError

UsageError: Any = typer.BadParameter.__base__
"""Click's class UsageError, found by way of Typer, because newer versions of Typer contain their own copy of Click."""

app = typer.Typer(
    name="bnlab",
    help="Compare normalization schemes by training MNIST models, and say whether the difference is real.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(runs.app, name="runs")
app.add_typer(bench.app, name="bench")
app.command(add_help_option=False, context_settings=train.HYDRA_ARGUMENTS, help="Train one run, or a sweep with -m.")(
    train.train
)
app.command()(study.study)
app.command()(report.report)
app.command()(evaluate.evaluate)
app.command()(export.export)
app.command()(norms.norms)
app.command()(verify.verify)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"bnlab {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Nothing to do: the callback only declares the options before the command."""


def main() -> None:
    """Runs the command in sys.argv and exits: 0 done, 1 failed, 2 bad input, 130 interrupted."""
    completion.rejoin_words()
    try:
        code = app(standalone_mode=False)
        if code == INTERRUPTED:  # Typer returns it at Ctrl-C if the command does not handle that itself
            fail("interrupted", INTERRUPTED)
        sys.exit(code)
    except UsageError as error:
        fail(usage_errors.in_one_line(error), 2)
    except UserError as error:
        fail(f"error: {' '.join(str(error).splitlines())}", 2)
    except SweepFailedError as error:
        fail(f"failed: {error}", 1)
    except Exception as error:
        if os.environ.get("HYDRA_FULL_ERROR") == "1":
            traceback.print_exc()
        fail(f"failed: {' '.join(str(error).split()) or type(error).__name__}", 1)
