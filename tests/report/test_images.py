"""What a report says over seeds and test images, where replicates keep their answers."""

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from rich.console import Console

from bnlab import report, stats

from . import stored

IMAGES = 400


def arm(root: Path, name: str, answers: NDArray[np.bool_]) -> Path:
    """An arm whose seeds gave these answers (S, I), in files by hand."""
    run = stored.arm(root, name, answers.mean(1).tolist())
    for seed, own in enumerate(answers):
        file = f"bnlab answers 1 {answers.shape[1]}\n".encode() + np.packbits(own).tobytes()
        (run / f"seed-{seed}" / "answers.bin").write_bytes(file)
    return run


def drawn(right: float, luck: int, seeds: int = 8) -> NDArray[np.bool_]:
    """The first of these images are always right, as for every arm, the last ones by luck."""
    generator = np.random.default_rng(luck)
    answers = generator.random((seeds, IMAGES)) < right
    answers[:, : IMAGES // 2] = True
    return answers


def made(root: Path, baseline: str | None = None) -> tuple[report.Report, str, dict[str, Any]]:
    console = Console(file=io.StringIO(), width=300)
    found = report.make([root], report.Question(baseline=baseline), root.parent / "out", console)
    assert isinstance(console.file, io.StringIO)
    return found, console.file.getvalue(), json.loads((root.parent / "out" / "verdicts.json").read_text())


def test_a_difference_on_few_images_is_established_on_these_images_only(tmp_path: Path) -> None:
    """Two images that one arm always has right and the other never: all seeds agree, other images need not."""
    same, other = drawn(0.95, 1), drawn(0.95, 1)
    same[:, :2], other[:, :2] = True, False
    flips = np.random.default_rng(5).integers(100, 200, size=8)
    for seed, image in enumerate(flips[:3]):
        other[seed, image] = False
    arm(tmp_path / "runs", "batch", same)
    arm(tmp_path / "runs", "none", other)
    found, text, data = made(tmp_path / "runs")
    expected = stats.crossed_mean(same.astype(np.float32) - other.astype(np.float32))
    assert expected is not None
    assert expected.p > 0.05
    assert found.sentences[0].startswith("best: batch")
    p = f"{expected.p:.3f}".removeprefix("0")
    assert f"; over seeds and images it is not established, p = {p}" in found.sentences[0]
    pair = data["pairs"][0]
    assert pair["interval_together_over_images"] == pytest.approx(expected.interval(0.05))
    assert pair["p_corrected_over_images"] == pytest.approx(expected.p)
    assert "over seeds and images" in text


def test_a_difference_on_many_images_is_established_on_others_too(tmp_path: Path) -> None:
    arm(tmp_path / "runs", "batch", drawn(0.97, 1))
    arm(tmp_path / "runs", "none", drawn(0.5, 2))
    arm(tmp_path / "runs", "rms", drawn(0.5, 3))
    found, _, _ = made(tmp_path / "runs", baseline="norm.name=none")
    assert "; over seeds and images too, corrected p < .001" in found.sentences[0]
    summary = found.comparison.summary.set_index("arm")
    row = summary.loc["norm.name=batch"]
    expected = stats.crossed_mean(drawn(0.97, 1).astype(np.float32))
    assert expected is not None
    assert (row["low_images"], row["high_images"]) == pytest.approx(expected.interval(0.05))


@pytest.mark.parametrize("lost", ["removed", "cut", "of another result"])
def test_an_arm_with_a_seed_without_answers_is_named(lost: str, tmp_path: Path) -> None:
    arm(tmp_path / "runs", "batch", drawn(0.97, 1))
    path = arm(tmp_path / "runs", "none", drawn(0.5, 2)) / "seed-3" / "answers.bin"
    if lost == "removed":
        path.unlink()
    else:
        content = path.read_bytes()
        path.write_bytes(content[:-1] if lost == "cut" else content[:-1] + bytes(1))
    found, _, data = made(tmp_path / "runs")
    assert "over seeds only, as some replicate has no answers.bin or diverged: none" in found.comparison.notes
    assert "over seeds and images" not in found.sentences[0]
    assert data["pairs"][0]["p_corrected_over_images"] is None


def test_old_results_without_answers_are_reported_as_ever(tmp_path: Path) -> None:
    stored.arm(tmp_path / "runs", "batch", [0.97, 0.98, 0.99])
    stored.arm(tmp_path / "runs", "none", [0.95, 0.97, 0.96])
    found, text, _ = made(tmp_path / "runs")
    assert "images" not in " ".join([*found.sentences, *found.comparison.notes])
    assert "over seeds and images" not in text
