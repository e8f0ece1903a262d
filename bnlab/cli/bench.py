"""`bnlab bench`: time the training engine, or the normalization layers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bnlab.cli.options import path

app = typer.Typer(help="Measure speed: the training engine, or the normalization layers.")

Rounds = Annotated[int, typer.Option(help="How often everything is timed, in turns.")]
Threads = Annotated[int | None, typer.Option(help="CPU threads. Default: PyTorch's choice.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
Out = Annotated[Path | None, typer.Option(help="Also write the JSON to this file.", parser=path)]


@app.command()
def engine(
    steps: Annotated[int, typer.Option(help="Training steps timed per round, after as many to warm up.")] = 100,
    rounds: Rounds = 7,
    threads: Threads = None,
    compiled: Annotated[bool, typer.Option(help="Also time compiled stacks; compiling takes minutes.")] = True,
    models: Annotated[bool, typer.Option("--models", help="Also time cnn, rnn, vit and a class of one's own.")] = False,
    as_json: AsJson = False,
    out: Out = None,
) -> None:
    """Time the article's program, single runs and stacks, beside the limit of this machine.

    Example: bnlab bench engine --no-compiled --out engine.json
    """
    from bnlab.bench import run_engine

    run_engine(steps, rounds, threads, compiled=compiled, models=models, as_json=as_json, out=out)


@app.command("norms")
def bench_norms(rounds: Rounds = 20, threads: Threads = None, as_json: AsJson = False, out: Out = None) -> None:
    """Time every normalization layer, native and custom, on several shapes.

    Example: bnlab bench norms --threads 1
    """
    from bnlab.bench import run_norms

    run_norms(rounds, threads, as_json=as_json, out=out)
