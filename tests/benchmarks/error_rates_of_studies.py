"""How often a study of equal arms says something false: the table of docs/statistics.md.

`python -m tests.benchmarks.error_rates_of_studies` takes some minutes.
"""

from __future__ import annotations

import argparse
import gc
import math
from itertools import product

import numpy as np
from numpy.typing import NDArray

from bnlab.stats import Claim, Word, decide

Array = NDArray[np.float64]


def values(rng: np.random.Generator, shape: tuple[int, ...], kind: str) -> Array:
    """Of two arms, hypotheses and seeds: a part that the arms share, and one of their own."""
    shared = rng.normal(size=(1, *shape[1:]))
    if kind == "skewed":  # by -2, as accuracies near their ceiling
        return shared - rng.exponential(size=shape)
    own: Array = shared + rng.normal(size=shape)
    if kind == "failing":  # a quarter of the seeds, whatever the arm
        return np.where(rng.random(shape) < 0.25, -math.inf, own)
    return np.round(own) if kind == "rounded" else own


def false_shares(studies: int, claims: int, seeds: int, kind: str) -> list[float]:
    """The shares of studies with any "supported", and with any "contradicted"."""
    rng, false = np.random.default_rng(0), [0, 0]
    for _ in range(studies):
        first, second = values(rng, (2, claims, seeds), kind).tolist()
        decided = decide([Claim(tuple(a), tuple(b), 0.0, within=False) for a, b in zip(first, second, strict=True)])
        for i, word in enumerate((Word.SUPPORTED, Word.CONTRADICTED)):
            false[i] += any(each.word == word for each in decided)
    return [count / studies for count in false]


def main() -> None:
    """Prints a line per number of hypotheses and kind of values."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--studies", type=int, default=1000)
    parser.add_argument("--seeds", type=int, default=8)
    given = parser.parse_args()
    gc.freeze()  # statsmodels collects garbage in each correction
    for claims, kind in product((1, 4), ("normal", "skewed", "rounded", "failing")):
        supported, contradicted = false_shares(given.studies, claims, given.seeds, kind)
        print(f"| {claims} | {kind} | {100 * supported:.1f} % | {100 * contradicted:.1f} % |", flush=True)


if __name__ == "__main__":
    main()
