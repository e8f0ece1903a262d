"""The final table of `bnlab train`."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from bnlab.run import Outcome

SPLITS = {
    "train": "training, last epoch's batches",
    "validation": "validation",
    "test": "test",
    "test_batch_stats": "test, batch statistics",
}


def show(outcomes: Sequence[Outcome]) -> None:
    """Prints each replicate's final scores, its state, and where its files are."""
    console = Console(highlight=False)
    for outcome in outcomes:
        result, final = outcome.result, outcome.result["final"]
        if final:
            table = Table("split", "loss", "accuracy")
            for split, words in SPLITS.items():
                if f"{split}_loss" in final:
                    table.add_row(words, f"{final[f'{split}_loss']:.4f}", f"{final[f'{split}_accuracy']:.2%}")
            console.print(table)
        console.print(_summary(outcome, result), markup=False, soft_wrap=True)


def _summary(outcome: Outcome, result: dict[str, object]) -> str:
    source = f"trained in {result['seconds']:.1f} s" if outcome.trained else "stored result (rerun=true trains anew)"
    if result["state"] == "diverged":
        source = f"diverged at step {result['diverged_at_step']}: the loss is not finite; {source}"
    return f"seed {result['seed']}: {source}; files in {outcome.folder}"
