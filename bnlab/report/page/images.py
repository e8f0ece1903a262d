"""The uncertainty of an accuracy that comes from the limited number of test images."""

import math

from bnlab.report.comparison import Comparison, split_and_kind, unit, words
from bnlab.store import FINISHED

TEST_IMAGES = {"emnist": 18_800}
"""Test images of EMNIST's balanced split; MNIST and its other relatives have `MOST`."""
MOST = 10_000


def image_noise(comparison: Comparison) -> str:
    """A sentence with the standard error √(p (1 - p) / n) of the best arm's accuracy p on its n images.

    Empty for losses, for training scores, if no arm has a mean, and if the images differ between seeds.
    """
    best = comparison.summary.dropna(subset=["mean"]).head(1)
    images = _images(comparison)
    if best.empty or images is None or not comparison.metric.endswith("accuracy"):
        return ""
    accuracy, of = float(best["mean"].iloc[0]), unit(comparison.metric)
    error = math.sqrt(accuracy * (1 - accuracy) / images)
    return (
        f"{words(comparison.metric)} on {images:,} images is itself uncertain by {of.gap_text(error)} "
        f"(one standard error) at {of.number(accuracy)} %, which more seeds do not mend."
    )


def _images(comparison: Comparison) -> int | None:
    """The smallest number of images that any finished replicate was scored on; None if unknown."""
    trained = comparison.replicates[comparison.replicates["state"].isin(FINISHED)]
    columns = ["data.name", "data.validation_size", "data.limit", "data.split_seed"]
    parts = trained.reindex(columns=columns).drop_duplicates().to_numpy().tolist()
    return min((_size(comparison.metric, *map(str, part)) for part in parts), default=None) or None


def _size(metric: str, data: str, held_out: str, limit: str, split_seed: str) -> int:
    split = split_and_kind(metric)[0]
    same_for_all = held_out.isdecimal() and not split_seed.isdecimal()
    known = {"validation": int(held_out) if same_for_all else 0}
    known |= dict.fromkeys(("test", "test_batch_stats"), TEST_IMAGES.get(data, MOST))
    size = known.get(split, 0)
    return min(size, int(limit)) if limit.isdecimal() else size
