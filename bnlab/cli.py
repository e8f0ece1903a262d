"""The command line. Heavy imports happen inside the commands, so that --help answers at once."""

from __future__ import annotations

import itertools
import os
import sys
import traceback
from pathlib import Path
from typing import Annotated, Any

import typer

from bnlab import __version__, cli_bench, cli_runs
from bnlab.errors import SweepFailedError, UserError, shown
from bnlab.options import RunName, RunsDir, path

UsageError: Any = typer.BadParameter.__base__
"""Click's; newer versions of Typer carry Click inside."""

app = typer.Typer(
    name="bnlab",
    help="Compare normalization schemes by training MNIST models, and say whether the difference is real.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

INTERRUPTED = 130

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


app.add_typer(cli_runs.app, name="runs")
app.add_typer(cli_bench.app, name="bench")


@app.command(add_help_option=False, context_settings=HYDRA_ARGUMENTS, help="Train one run, or a sweep with -m.")
def train(overrides: Annotated[list[str] | None, typer.Argument(metavar="[OVERRIDES]")] = None) -> None:
    from bnlab import launch

    arguments = ["quiet=true" if argument == "--quiet" else argument for argument in overrides or []]
    if "--help" in arguments or "-h" in arguments:
        typer.echo(TRAIN_HELP)
    try:
        launch.train(arguments)
    except KeyboardInterrupt as interrupt:  # here, because Typer would turn it into an exit without a word
        _fail(f"{str(interrupt) or 'interrupted'}; to go on: {launch.command_line(arguments)}", INTERRUPTED)


@app.command()
def report(
    runs: Annotated[
        list[Path] | None, typer.Argument(help="Run folders, or folders of runs. Default: runs/.", parser=path)
    ] = None,
    by: Annotated[
        str | None, typer.Option(help="Config keys that make an arm, e.g. norm.name,norm.impl. Default: what differs.")
    ] = None,
    metric: Annotated[str, typer.Option(help="The column of results to compare.")] = "test_accuracy",
    baseline: Annotated[str | None, typer.Option(help="The arm to compare with, e.g. norm.name=none.")] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--output",
            help="Folder for the tables (CSV, Markdown, LaTeX, JSON), charts and report.html.",
            parser=path,
        ),
    ] = None,
    margin: Annotated[
        float | None, typer.Option(help="Differences within +- so many points (nats of losses) are practically equal.")
    ] = None,
    target: Annotated[
        float | None,
        typer.Option(help="Percent (nats of losses) whose first reach is timed. Default: the baseline's end."),
    ] = None,
    watch: Annotated[
        bool, typer.Option("--watch", help="Make the report anew when runs change, until Ctrl-C.")
    ] = False,
) -> None:
    """Compare stored runs: verdicts in words, then mean, sd and 95 % interval per arm, best first.

    Example: bnlab report --by norm.name --baseline norm.name=none -o comparison
    """
    from rich.console import Console

    from bnlab import report as reports

    keys = [key.strip() for key in (by or "").split(",") if key.strip()]
    if by is not None and not keys:
        raise UserError(f"--by '{by}' names no column; write config keys, e.g. --by norm.name, or leave it out")
    question = reports.Question(keys, metric, baseline, margin, target)
    folders, console = runs or [Path("runs")], Console(highlight=False)
    if not watch:
        reports.make(folders, question, output, console)
        return
    try:
        reports.watch(folders, question, output, console)
    except KeyboardInterrupt:  # here, because Typer would turn it into an exit without a word
        _fail("no longer watching", INTERRUPTED)


@app.command()
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

    from bnlab.runs import find, read
    from bnlab.show import show_evaluated
    from bnlab.store import check_output
    from bnlab.weights import evaluate_run

    if output is not None:
        check_output("--output", output)
    config, scores = evaluate_run(find(read(runs_dir), run), overrides or [])
    show_evaluated(config, scores, output, Console(highlight=False))


@app.command()
def norms(
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="All about this scheme. Default: list all.")
    ] = None,
) -> None:
    """List the normalization schemes, or show one: formula, parameters, defaults, invariances, when to use, source.

    Example: bnlab norms batch
    """
    from bnlab import catalogue

    if name is None:
        catalogue.list_schemes()
    else:
        catalogue.show_scheme(name)


@app.command()
def verify(
    target: Annotated[str | None, typer.Argument(metavar="SCHEME|FILE.py:CLASS", help="Default: all schemes.")] = None,
    scheme: Annotated[str | None, typer.Option("--as", help="What a class is to compute. Default: batch.")] = None,
    impl: Annotated[str | None, typer.Option(help="native, custom or keras. Default: native and custom.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="All schemes, and Keras's layers too.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")] = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print one Markdown table instead.")] = False,
    time_limit: Annotated[float, typer.Option(help="Seconds for a class before it is stopped.")] = 60,
) -> None:
    """Hold a normalization layer against a float64 reference, and say in words what is wrong with it.

    Exit code 1 when a check fails.

    Example: bnlab verify my_bn.py:MyBN --as batch
    """
    from bnlab.verify import command

    raise typer.Exit(
        command.verify(
            target, scheme, impl, everything=everything, as_json=as_json, markdown=markdown, seconds=time_limit
        )
    )


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
    """Runs a command. Exit codes: 0 done, 1 failed, 2 bad input, 130 interrupted."""
    try:
        code = app(standalone_mode=False)
        if code == INTERRUPTED:  # what Typer makes of Ctrl-C where no command has its own words for it
            _fail("interrupted", INTERRUPTED)
        sys.exit(code)
    except UsageError as error:
        _fail(_usage(error), 2)
    except UserError as error:
        _fail(f"error: {' '.join(str(error).splitlines())}", 2)
    except SweepFailedError as error:
        _fail(f"failed: {error}", 1)
    except Exception as error:
        if os.environ.get("HYDRA_FULL_ERROR") == "1":
            traceback.print_exc()
        _fail(f"failed: {' '.join(str(error).split()) or type(error).__name__}", 1)


def _usage(error: Any) -> str:
    """What Typer would print in a box of several lines; the help where no command is given at all."""
    if type(error).__name__ == "NoArgsIsHelpError":
        return str(error.ctx.get_help())
    message = " ".join(error.format_message().split())
    typed = _typed(getattr(error, "param", None))
    if typed is not None:
        message = message.replace("Invalid value for ", f"{typed} is no value of ")
    if message.startswith(("Missing command", "No such command")):
        message = f"{message} Allowed: {', '.join(error.ctx.command.commands)}"
    command = error.ctx.command_path if error.ctx is not None else " ".join(["bnlab", *sys.argv[1:2]])
    return f"error: {message}{'' if message.endswith(('?', '.')) else '.'} See: {command} --help"


def _typed(option: Any) -> str | None:
    """The value that was given for an option; Typer's message does not name it."""
    names = getattr(option, "opts", [])
    for argument, following in itertools.pairwise([*sys.argv, ""]):
        name, equals, value = argument.partition("=")
        if name in names:
            return f"'{shown(value if equals else following)}'"
    return None


def _fail(message: str, code: int) -> None:
    sys.stderr.write(f"{message}\n")  # not by Click, which takes a stream in ASCII for one in UTF-8
    sys.exit(code)
