"""What `bnlab train` and `bnlab evaluate` print at their end."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean, stdev

from rich import box
from rich.console import Console
from rich.table import Table

from bnlab.config import RunConfig
from bnlab.launch.arms import arms_of
from bnlab.launch.durations import duration
from bnlab.launch.kept_weights import Conditions, Evaluated
from bnlab.launch.outcomes import Outcome
from bnlab.machine import in_pieces, say
from bnlab.store import SPLITS, WEIGHTS, State, as_csv, replace

SAID = SPLITS | {"train": "training, since the last evaluation"}


def show(runs: Sequence[Sequence[Outcome]], seconds: float) -> None:
    """Prints the final scores over each run's seeds, the states, where the files are, and what to do next.

    Args:
        runs: the outcomes of each run.
        seconds: the duration of the launch.
    """
    console = Console(highlight=False)
    pooled = _pooled(runs)
    arms = arms_of([run[0].job.config for run in pooled])
    if len(pooled) == 1:
        _show_splits(pooled[0], console)
    else:
        _show_arms(pooled, arms.names, console)
    outcomes = [outcome for run in pooled for outcome in run]
    names = {run[0].folder.parent: name for run, name in zip(pooled, arms.names, strict=True)}
    for outcome in outcomes:
        if outcome.result.state in (State.DIVERGED, State.FAILED):
            say(_fault(outcome, names[outcome.folder.parent]), console)
    say(_summary(outcomes, seconds), console)
    without = [outcome for outcome in outcomes if _lacks_weights(outcome)]
    if without:
        say(
            f"keep_checkpoint=true: no weights are kept of {len(without)} of them, which were trained without it; "
            "add rerun=true to train them anew",
            console,
        )
    if any(outcome.job.config.trackers() and not outcome.trained for outcome in outcomes):
        say("trackers are told of what is trained, not of what was stored before; rerun=true trains that anew", console)
    if len(pooled) > 1:
        folder = pooled[0][0].job.config.runs_dir
        words = ["bnlab", "report", *([folder] if folder != "runs" else []), "--by", ",".join(arms.keys)]
        console.print(f"to compare them: {shlex.join(words)}", markup=False, soft_wrap=True)  # whole, to be copied


def show_evaluated(
    config: RunConfig, scores: Sequence[Evaluated], conditions: Conditions, output: Path | None, console: Console
) -> None:
    """Prints the test score of each seed's weights and their mean, and writes them to a CSV if asked to."""
    rows = [(each.seed, each.score.loss(0), each.score.accuracy(0)) for each in scores]
    under = str(conditions)
    table = Table("seed", f"loss on {config.data.name}", "accuracy", title=under or None)
    for seed, loss, accuracy in rows:
        table.add_row(str(seed), f"{loss:.4f}", f"{accuracy:.2%}")
    if len(rows) > 1:
        table.add_section()
        table.add_row("mean", f"{fmean(row[1] for row in rows):.4f}", f"{fmean(row[2] for row in rows):.2%}")
    console.print(table)
    if output is not None:
        heads = ("seed", "data", "conditions", "loss", "accuracy")
        replace(output, as_csv(heads, [(seed, config.data.name, under, *row) for seed, *row in rows]))
        console.print(f"written to {output}", markup=False, soft_wrap=True)


def _show_splits(run: Sequence[Outcome], console: Console) -> None:
    several = len(run) > 1
    table = _table("images", "loss", "accuracy %", *(["sd"] if several else []))
    for split, words in SAID.items():
        losses, accuracies = _done(run, f"{split}_loss"), _done(run, f"{split}_accuracy")
        if losses and accuracies:
            cells = _mean_and_sd(accuracies)
            table.add_row(words, f"{fmean(losses):.4f}", *(cells if several else cells[:1]))
    if table.row_count:
        name = run[0].folder.parent.name
        say(f"{name}, mean and standard deviation (sd) over {len(run)} seeds" if several else name, console)
        console.print(table)


def _show_arms(runs: Sequence[Sequence[Outcome]], names: Sequence[str], console: Console) -> None:
    """Prints a line for each run; columns in which no run has a value are left out."""
    validated = any(_done(run, "validation_accuracy") for run in runs)
    metrics = [*(["validation"] if validated else []), "test"]
    stored = [sum(not outcome.trained for outcome in run) for run in runs]
    mixed = any(stored) and any(number < len(run) for number, run in zip(stored, runs, strict=True))
    heads = [column for metric in metrics for column in (metric, "sd")]
    heads = ["n", *heads, *(["stored before"] if mixed else [])]
    rows = []
    for run, before in zip(runs, stored, strict=True):
        done = len(_done(run, "test_accuracy"))
        scores = [cell for metric in metrics for cell in _mean_and_sd(_done(run, f"{metric}_accuracy"))]
        count = str(done) if done == len(run) else f"{done} of {len(run)}"
        rows.append([count, *scores, *([str(before)] if mixed else [])])

    def of_arms(called: Sequence[str]) -> Table:
        table = _table("arm", *heads)
        for arm, row in zip(called, rows, strict=True):
            table.add_row(arm, *row)
        return table

    room = console.width - console.measure(of_arms([""] * len(rows))).minimum + len("arm")
    table = of_arms([in_pieces(name, room) for name in names])
    say("accuracy in %: mean and standard deviation (sd) over n seeds", console)
    console.print(table)


def _table(first: str, *others: str) -> Table:
    table = Table(box=box.SIMPLE, pad_edge=False)
    table.add_column(first, overflow="fold")
    for head in others:
        table.add_column(head, justify="right", no_wrap=" " not in head, min_width=max(map(len, head.split())))
    return table


def _mean_and_sd(shares: Sequence[float]) -> tuple[str, str]:
    """In percent, as text; "-" where there is none."""
    values = [100 * share for share in shares]
    return f"{fmean(values):.2f}" if values else "-", f"{stdev(values):.2f}" if len(values) > 1 else "-"


def _pooled(runs: Sequence[Sequence[Outcome]]) -> list[list[Outcome]]:
    """The outcomes by run, each replicate once. The jobs of `-m seed=0,1`, for one, are two seeds of the same run."""
    pooled: dict[Path, dict[Path, Outcome]] = {}
    for outcome in (outcome for run in runs for outcome in run):
        pooled.setdefault(outcome.folder.parent, {}).setdefault(outcome.folder, outcome)
    return [list(run.values()) for run in pooled.values()]


def _done(run: Sequence[Outcome], metric: str) -> list[float]:
    finals = [outcome.result.final for outcome in run if outcome.result.state == State.DONE]
    return [final[metric] for final in finals if metric in final]


def _fault(outcome: Outcome, arm: str) -> str:
    name, result = f"{arm} seed {outcome.job.seed}", outcome.result
    if result.state == State.DIVERGED:
        return f"{name} diverged at step {result.diverged_at_step}: the loss is not finite"
    return f"{name} failed: {result.error}"


def _lacks_weights(outcome: Outcome) -> bool:
    wanted = outcome.job.config.keep_checkpoint and outcome.result.is_final
    return wanted and not (outcome.folder / WEIGHTS).exists()


def _summary(outcomes: Sequence[Outcome], seconds: float) -> str:
    states = Counter(
        "stored before (rerun=true trains anew)" if not o.trained else o.result.state.value for o in outcomes
    )
    counts = ", ".join(f"{count} {state}" for state, count in states.items())
    folders = sorted({str(outcome.folder.parent) for outcome in outcomes})
    where = folders[0] if len(folders) == 1 else str(outcomes[0].folder.parent.parent)
    took = f" in {duration(seconds)}, {duration(_seconds_of_steps(outcomes))} of it training steps"
    trained = took if any(outcome.trained for outcome in outcomes) else ""
    return f"{len(outcomes)} replicate{'s' if len(outcomes) > 1 else ''}: {counts}{trained}; files in {where}"


def _seconds_of_steps(outcomes: Sequence[Outcome]) -> float:
    """The seconds of training steps of all stacks that were trained now. The replicates of a stack share them."""
    stacks: dict[str, float] = {}
    for outcome in (outcome for outcome in outcomes if outcome.trained):
        company, spent = outcome.result.company, outcome.result.seconds or 0.0
        stack = str(outcome.folder) if company is None else company.digest
        stacks[stack] = max(stacks.get(stack, 0.0), spent)
    return sum(stacks.values())
