"""The command line. Heavy imports happen inside the commands, so that --help answers at once."""

from __future__ import annotations

import os
import sys
import traceback
from pathlib import Path
from typing import Annotated

import typer

from bnlab import __version__
from bnlab.errors import SweepFailedError, UserError

app = typer.Typer(
    name="bnlab",
    help="Compare normalization schemes by training MNIST models, and say whether the difference is real.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

HYDRA_ARGUMENTS = {"ignore_unknown_options": True, "allow_interspersed_args": False, "help_option_names": []}

TRAIN_HELP = """Usage: bnlab train [--quiet] [OVERRIDES]

Trains one run and stores it in runs/; with -m a sweep over all combinations.

Examples:
  bnlab train
  bnlab train norm=layer epochs=3 seed=1
  bnlab train -m norm=none,batch,layer seed='range(0,3)'
  bnlab train experiment=article_pytorch

--quiet prints the final table only. All of Hydra's options work:
"""


@app.command(add_help_option=False, context_settings=HYDRA_ARGUMENTS, help="Train one run, or a sweep with -m.")
def train(overrides: Annotated[list[str] | None, typer.Argument(metavar="[OVERRIDES]")] = None) -> None:
    from bnlab import launch

    arguments = ["quiet=true" if argument == "--quiet" else argument for argument in overrides or []]
    # argparse, which Hydra uses, takes no overrides on both sides of a flag.
    arguments.sort(key=lambda argument: argument not in ("-m", "--multirun"))
    if "--help" in arguments or "-h" in arguments:
        typer.echo(TRAIN_HELP)
    try:
        launch.train(arguments)
    except KeyboardInterrupt as interrupt:  # here, because Typer would turn it into an exit without a word
        _fail(f"{str(interrupt) or 'interrupted'}; to go on: {launch.command_line(arguments)}", 130)


@app.command()
def report(
    runs: Annotated[list[Path] | None, typer.Argument(help="Run folders, or folders of runs. Default: runs/.")] = None,
    by: Annotated[
        str | None, typer.Option(help="Config keys that make an arm, e.g. norm.name,norm.impl. Default: what differs.")
    ] = None,
    metric: Annotated[str, typer.Option(help="The column of results to compare.")] = "test_accuracy",
    baseline: Annotated[str | None, typer.Option(help="The arm to compare with, e.g. norm.name=none.")] = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Folder for results.csv, summary.csv and summary.md.")
    ] = None,
) -> None:
    """Compare stored runs: mean, sd and 95 % interval per arm, best first.

    Example: bnlab report --by norm.name --baseline norm.name=none -o comparison
    """
    from rich.console import Console

    from bnlab import report as reports

    keys = [key.strip() for key in (by or "").split(",") if key.strip()]
    reports.make(runs or [Path("runs")], keys, metric, baseline, output, Console(highlight=False))


@app.command()
def norms() -> None:
    """List the normalization schemes: formula, settings and source.

    Example: bnlab norms
    """
    from rich.console import Console
    from rich.table import Table

    from bnlab.config import settings_of
    from bnlab.norms import SCHEMES

    table = Table("norm=", "formula", "statistics over", "settings", "norm.impl=", "source")
    for scheme in SCHEMES.values():
        settings = ", ".join(settings_of("norm", scheme.name))
        cells = (scheme.formula, scheme.normalizes_over, settings, ", ".join(scheme.impls), scheme.source)
        table.add_row(scheme.name, *cells)
    Console(highlight=False, markup=False).print(table)


bench = typer.Typer(help="Measure speed: the training engine, or the normalization layers.", no_args_is_help=True)
app.add_typer(bench, name="bench")

Rounds = Annotated[int, typer.Option(help="How often everything is timed, in turns.")]
Threads = Annotated[int | None, typer.Option(help="CPU threads. Default: PyTorch's choice.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
Out = Annotated[Path | None, typer.Option(help="Also write the JSON to this file.")]


@bench.command()
def engine(
    steps: Annotated[int, typer.Option(help="Training steps timed per round, after as many to warm up.")] = 100,
    rounds: Rounds = 7,
    threads: Threads = None,
    compiled: Annotated[bool, typer.Option(help="Also time compiled stacks; compiling takes minutes.")] = True,
    as_json: AsJson = False,
    out: Out = None,
) -> None:
    """Time the article's program, single runs and stacks, beside the limit of this machine.

    Example: bnlab bench engine --no-compiled --out engine.json
    """
    from bnlab.bench import show

    show.run_engine(steps, rounds, threads, compiled=compiled, as_json=as_json, out=out)


@bench.command("norms")
def bench_norms(rounds: Rounds = 20, threads: Threads = None, as_json: AsJson = False, out: Out = None) -> None:
    """Time every normalization layer, native and custom, on several shapes.

    Example: bnlab bench norms --threads 1
    """
    from bnlab.bench import show

    show.run_norms(rounds, threads, as_json=as_json, out=out)


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
    """Entry point. Exit codes: 0 done, 1 failed, 2 bad input, 130 interrupted."""
    try:
        app()
    except UserError as error:
        _fail(f"error: {error}", 2)
    except SweepFailedError as error:
        _fail(f"failed: {error}", 1)
    except Exception as error:
        if os.environ.get("HYDRA_FULL_ERROR") == "1":
            traceback.print_exc()
        _fail(f"failed: {' '.join(str(error).split()) or type(error).__name__}", 1)


def _fail(message: str, code: int) -> None:
    typer.echo(message, err=True)
    sys.exit(code)
