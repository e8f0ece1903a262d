"""The final table of `bnlab train`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean

from rich.console import Console
from rich.table import Table

from bnlab.config import RunConfig
from bnlab.launch.kept_weights import Evaluated
from bnlab.launch.outcomes import Outcome
from bnlab.store import WEIGHTS, State, as_csv, replace

SPLITS = {
    "train": "training, batches since the last evaluation",
    "validation": "validation",
    "test": "test",
    "test_batch_stats": "test, batch statistics",
}


def show(runs: Sequence[Sequence[Outcome]]) -> None:
    """Prints the final scores, averaged over each run's seeds, the states, and where the files are."""
    console = Console(highlight=False)
    if len(runs) == 1:
        _show_splits(runs[0], console)
    else:
        _show_runs(runs, console)
    outcomes = [outcome for run in _pooled(runs) for outcome in run]
    for outcome in outcomes:
        if outcome.result.state in (State.DIVERGED, State.FAILED):
            console.print(_fault(outcome), markup=False, soft_wrap=True)
    console.print(_summary(outcomes), markup=False, soft_wrap=True)
    without = [outcome for outcome in outcomes if _lacks_weights(outcome)]
    if without:
        console.print(
            f"keep_checkpoint=true: no weights are kept of {len(without)} of them, which were trained without it; "
            "add rerun=true to train them anew",
            markup=False,
            soft_wrap=True,
        )


def show_evaluated(config: RunConfig, scores: Sequence[Evaluated], output: Path | None, console: Console) -> None:
    """Prints the test score of each seed's weights and their mean, and writes them to a CSV if asked to."""
    rows = [(each.seed, each.score.loss(0), each.score.accuracy(0)) for each in scores]
    table = Table("seed", f"loss on {config.data.name}", "accuracy")
    for seed, loss, accuracy in rows:
        table.add_row(str(seed), f"{loss:.4f}", f"{accuracy:.2%}")
    if len(rows) > 1:
        table.add_section()
        table.add_row("mean", f"{fmean(row[1] for row in rows):.4f}", f"{fmean(row[2] for row in rows):.2%}")
    console.print(table)
    if output is not None:
        replace(output, as_csv(("seed", "data", "loss", "accuracy"), [(s, config.data.name, *r) for s, *r in rows]))
        console.print(f"written to {output}", markup=False, soft_wrap=True)


def _show_splits(run: Sequence[Outcome], console: Console) -> None:
    table = Table("split", "loss", "accuracy")
    for split, words in SPLITS.items():
        losses, accuracies = _done(run, f"{split}_loss"), _done(run, f"{split}_accuracy")
        if losses and accuracies:
            table.add_row(words, f"{fmean(losses):.4f}", f"{fmean(accuracies):.2%}")
    if table.row_count:
        console.print(table)


def _show_runs(runs: Sequence[Sequence[Outcome]], console: Console) -> None:
    table = Table("run", "seeds", "validation accuracy", "test accuracy")
    for run in _pooled(runs):
        cells = [_mean(run, "validation_accuracy"), _mean(run, "test_accuracy")]
        table.add_row(run[0].folder.parent.name, str(len(run)), *cells)
    console.print(table)


def _pooled(runs: Sequence[Sequence[Outcome]]) -> list[list[Outcome]]:
    """One list a run: the jobs of `-m seed=0,1` are seeds of one. A replicate that several jobs mean is there once."""
    pooled: dict[Path, dict[Path, Outcome]] = {}
    for outcome in (outcome for run in runs for outcome in run):
        pooled.setdefault(outcome.folder.parent, {}).setdefault(outcome.folder, outcome)
    return [list(run.values()) for run in pooled.values()]


def _mean(run: Sequence[Outcome], metric: str) -> str:
    values = _done(run, metric)
    return f"{fmean(values):.2%}" if values else "-"


def _done(run: Sequence[Outcome], metric: str) -> list[float]:
    finals = [outcome.result.final for outcome in run if outcome.result.state == State.DONE]
    return [final[metric] for final in finals if metric in final]


def _fault(outcome: Outcome) -> str:
    name, result = f"{outcome.folder.parent.name} seed {outcome.job.seed}", outcome.result
    if result.state == State.DIVERGED:
        return f"{name} diverged at step {result.diverged_at_step}: the loss is not finite"
    return f"{name} failed: {result.error}"


def _lacks_weights(outcome: Outcome) -> bool:
    wanted = outcome.job.config.keep_checkpoint and outcome.result.is_final
    return wanted and not (outcome.folder / WEIGHTS).exists()


def _summary(outcomes: Sequence[Outcome]) -> str:
    states = Counter(
        "stored before (rerun=true trains anew)" if not o.trained else o.result.state.value for o in outcomes
    )
    counts = ", ".join(f"{count} {state}" for state, count in states.items())
    seconds = max((o.result.seconds or 0.0 for o in outcomes if o.trained), default=0.0)
    folders = sorted({str(outcome.folder.parent) for outcome in outcomes})
    where = folders[0] if len(folders) == 1 else str(outcomes[0].folder.parent.parent)
    took = f" in {seconds:.1f} s of training" if seconds and len(folders) == 1 else ""
    return f"{len(outcomes)} replicate{'s' if len(outcomes) > 1 else ''}: {counts}{took}; files in {where}"
