"""Runs a benchmark, prints its results as a table or JSON, and writes JSON to a file."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from bnlab.bench import engine, norms
from bnlab.config import MOST_STEPS, MOST_THREADS
from bnlab.errors import UserError
from bnlab.machine import as_wide_as_needed
from bnlab.store import check_output, replace

MOST_ROUNDS = 100_000


def run_engine(
    steps: int, rounds: int, threads: int | None, *, compiled: bool, models: bool, as_json: bool, out: Path | None
) -> None:
    """Runs `bnlab bench engine` and shows the result.

    Raises:
        UserError: an option out of range, a file that cannot be written, or no compiler.
    """
    _check_numbers(steps, rounds, threads)

    def bench(begin: Begin) -> dict[str, Any]:
        return engine.bench(steps, rounds, threads, compiled=compiled, models=models, begin=begin)

    _run(bench, rounds, as_json, out)


def run_norms(rounds: int, threads: int | None, *, as_json: bool, out: Path | None) -> None:
    """Runs `bnlab bench norms` and shows the result. Raises UserError as `run_engine` does."""
    _check_numbers(1, rounds, threads)
    _run(lambda begin: norms.bench(rounds, threads, begin=begin), rounds, as_json, out)


Begin = Callable[[int, str], None]


def _run(bench: Callable[[Begin], dict[str, Any]], rounds: int, as_json: bool, out: Path | None) -> None:
    if out is not None:
        check_output("--out", out)
    errors = Console(stderr=True, highlight=False)
    # Without a refreshing thread, which would disturb the measurement.
    with Live(console=errors, auto_refresh=False, transient=True) as live:
        results = bench(lambda number, name: live.update(Text(f"round {number} of {rounds}: {name}"), refresh=True))
    text = json.dumps(results, indent=2)
    if as_json:
        sys.stdout.write(f"{text}\n")
    else:
        print_results(results, Console(highlight=False, markup=False))
    if out is not None:
        replace(out, f"{text}\n")
        errors.print(f"wrote {out}", markup=False, soft_wrap=True)


def print_results(results: dict[str, Any], console: Console) -> None:
    """Prints a benchmark's results as a table, with the machine that they were measured on."""
    table = _engine_table(results) if results["bench"] == "engine" else _norms_table(results)
    console.print(as_wide_as_needed(table, console), soft_wrap=True)
    for line in (*_notes(results), _where(results["environment"])):
        console.print(line, soft_wrap=True)


def _engine_table(results: dict[str, Any]) -> Table:
    table = Table("case", box=box.SIMPLE_HEAD)
    for column in ("us per replicate and step", "lowest to highest", "times the article's", "of the limit"):
        table.add_column(column, justify="right")
    for case in results["cases"]:
        table.add_row(
            case["case"],
            f"{case['us']:,.0f}",
            f"{min(case['us_of_rounds']):,.0f} to {max(case['us_of_rounds']):,.0f}",
            f"{case['speedup']:.1f} x",
            f"{case['share_of_limit']:.0%}",
        )
    return table


def _norms_table(results: dict[str, Any]) -> Table:
    table = Table("norm=", "norm.impl=", "shape", "pass", box=box.SIMPLE_HEAD)
    for column in ("us", "ratio to native"):
        table.add_column(column, justify="right")
    for case in results["cases"]:
        ratio = case["ratio_to_native"]
        shape = f"({', '.join(map(str, case['shape']))})"
        cells = (case["scheme"], case["impl"], shape, case["pass"])
        table.add_row(*cells, f"{case['us']:,.1f}", "-" if ratio is None else f"{ratio:.2f}")
    return table


def _notes(results: dict[str, Any]) -> list[str]:
    if results["bench"] == "norms":
        return [f"Medians of {results['rounds']} alternating rounds, each the median of {results['calls']} calls."]
    limit = results["limit"]
    return [
        f"Medians of {results['rounds']} alternating rounds of {results['steps']} training steps; 784-128-64-10, "
        "batch 32, Adam.",
        f"The limit is {limit['us']:,.0f} us per replicate and step: {limit['products_us']:,.0f} for the matrix "
        f"products of {limit['replicates']} replicates ({limit['products_gflops']:,.0f} GFLOP/s) and "
        f"{limit['adam_us']:,.0f} for Adam's memory traffic ({limit['adam_gb_per_s']:,.0f} GB/s).",
    ]


def _where(found: dict[str, Any]) -> str:
    return (
        f"bnlab {found['bnlab']}, torch {found['torch']}, torchvision {found['torchvision']}, Python {found['python']} "
        f"on {found['device']} (processor {found['cpu']}, {found['threads']} threads)."
    )


def _check_numbers(steps: int, rounds: int, threads: int | None) -> None:
    limits = (("--steps", steps, MOST_STEPS), ("--rounds", rounds, MOST_ROUNDS), ("--threads", threads, MOST_THREADS))
    for name, value, most in limits:
        if value is not None and not 1 <= value <= most:
            raise UserError(f"{name} {value} is out of range; it has to be 1 to {most}")
