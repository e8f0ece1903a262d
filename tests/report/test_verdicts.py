"""What is said, word for word, of arms whose numbers can be checked by hand."""

from pathlib import Path

import pytest

from bnlab.report.verdicts import verdicts

from . import stored
from .test_compare import compare


def said(root: Path, *, margin: float | None = None, **keywords: object) -> list[str]:
    return verdicts(compare(root, **keywords), margin)  # type: ignore[arg-type]


def eight(level: float, spread: float, shift: int = 0) -> list[float]:
    """Eight values around a level."""
    return [round(level + spread * ((3 * i + shift) % 8 - 3.5), 6) for i in range(8)]


def test_a_real_difference_has_its_size_interval_and_evidence(tmp_path: Path) -> None:
    # Pairs differ by .2 and .4 points, four times each: mean .3, sd .1069, t(.975, 7) = 2.3646, so +- .0894.
    base = eight(0.97, 0.0001)
    stored.arm(tmp_path, "none", base)
    stored.arm(tmp_path, "batch", [value + (0.002 if i % 2 else 0.004) for i, value in enumerate(base)])
    lead, pair = said(tmp_path, baseline="norm.name=none")
    assert pair == "batch beats none by 0.30 points [0.21, 0.39] (paired, 8 seeds, Holm p = .008)"
    assert lead == (
        "best: batch, 97.30 % [97.21, 97.39]; ahead of every other arm, of none by 0.30 points "
        "(paired, 8 seeds, p = .008)"
    )


def test_an_arm_behind_the_baseline_is_said_to_be(tmp_path: Path) -> None:
    base = eight(0.97, 0.0001)
    stored.arm(tmp_path, "none", base)
    stored.arm(tmp_path, "batch", [value - (0.002 if i % 2 else 0.004) for i, value in enumerate(base)])
    assert said(tmp_path, baseline="norm.name=none")[1] == (
        "batch falls behind none by 0.30 points [0.21, 0.39] (paired, 8 seeds, Holm p = .008)"
    )
    # The losses are 1 - accuracy: less is better.
    assert said(tmp_path, baseline="norm.name=none", metric="test_loss")[1] == (
        "batch falls behind none by 0.0030 nats [0.0021, 0.0039] (paired, 8 seeds, Holm p = .008)"
    )


def test_no_difference_seen_tells_what_would_have_gone_unseen(tmp_path: Path) -> None:
    base = eight(0.97, 0.0001)
    stored.arm(tmp_path, "none", base)
    # Differences +-.2 points: sd .2138; a gap of 1.195 sd has power .8 at 8 seeds.
    stored.arm(tmp_path, "layer", [value + (0.002 if i % 2 else -0.002) for i, value in enumerate(base)])
    _, pair = said(tmp_path, baseline="norm.name=none")
    assert pair == (
        "layer and none: no difference seen: +0.00 points [-0.18, 0.18] (paired, 8 seeds, Holm p = 1); "
        "with 8 seeds a gap under 0.26 points would have gone unseen; 16 more seeds would settle 0.13"
    )


def test_within_the_margin_is_practically_equal(tmp_path: Path) -> None:
    base = eight(0.97, 0.0001)
    stored.arm(tmp_path, "none", base)
    stored.arm(tmp_path, "layer", [value + (0.0002 if i % 2 else -0.0002) for i, value in enumerate(base)])
    stored.arm(tmp_path, "batch", [value + (0.0002 if i % 2 else 0.0004) for i, value in enumerate(base)])
    _, *pairs = said(tmp_path, baseline="norm.name=none", margin=0.001)
    assert pairs == [
        "batch beats none by 0.03 points [0.02, 0.04] (paired, 8 seeds, Holm p = .016); "
        "practically equal, within 0.10 points",
        "layer and none: practically equal, within 0.10 points: +0.00 points [-0.02, 0.02] "
        "(paired, 8 seeds, Holm p = 1)",
    ]
    assert "practically" not in " ".join(said(tmp_path, baseline="norm.name=none", margin=0.0001))


def test_too_few_seeds_names_how_many_are_needed(tmp_path: Path) -> None:
    stored.arm(tmp_path, "none", [0.90, 0.91, 0.90, 0.91, 0.90])
    stored.arm(tmp_path, "batch", [0.97, 0.98, 0.97, 0.98, 0.98])
    _, pair = said(tmp_path, baseline="norm.name=none")
    assert pair.startswith("batch and none: too few seeds: at least 6 needed; +7.20 points [")
    assert pair.endswith("] (paired, 5 seeds, Holm p = .062)")


def test_one_replicate_each_is_too_few(tmp_path: Path) -> None:
    stored.arm(tmp_path, "none", [0.90])
    stored.arm(tmp_path, "batch", [0.97])
    assert said(tmp_path, baseline="norm.name=none") == [
        "best mean: batch, 97.00 %; its lead over none is not established: 7.00 points (paired, 1 seed, p unknown)",
        "batch and none: too few seeds: at least 6 needed; +7.00 points (paired, 1 seed, Holm p unknown)",
    ]


def test_arms_with_different_seeds_are_not_paired(tmp_path: Path) -> None:
    stored.arm(tmp_path, "none", [0.90, 0.91, 0.92, 0.90, 0.91])
    batch = stored.run(tmp_path, "batch")
    for seed, accuracy in enumerate([0.97, 0.98, 0.97, 0.98], start=10):
        stored.replicate(batch, seed, accuracy)
    # 2 / (9! / (5! 4!)) is the smallest p.
    assert said(tmp_path, baseline="norm.name=none")[1].endswith("(not paired, 4 and 5 seeds, Holm p = .016)")


def test_diverged_replicates_are_said_before_the_comparisons(tmp_path: Path) -> None:
    none = stored.arm(tmp_path, "none", [0.90, 0.91])
    stored.replicate(none, 2, 0.1, state="diverged")
    stored.replicate(stored.run(tmp_path, "rms"), 0, None, state="diverged")
    stored.arm(tmp_path, "batch", [0.97, 0.98])
    lines = said(tmp_path, baseline="norm.name=none")
    assert lines[1:3] == [
        "none: 1 replicate diverged; its mean is of the other 2",
        "rms: 1 replicate diverged; it has no mean",
    ]
    assert len(lines) == 4


def test_without_a_baseline_every_two_arms_are_compared(tmp_path: Path) -> None:
    for index, name in enumerate(("a", "b", "c")):
        stored.arm(tmp_path, name, eight(0.97 + 0.01 * index, 0.0001, index))
    lines = said(tmp_path)
    assert [line.partition(" by")[0] for line in lines[1:]] == ["c beats b", "c beats a", "b beats a"]
    assert all("Holm p = .023" in line for line in lines[1:])


def test_too_many_comparisons_for_the_seeds_tell_the_way_out(tmp_path: Path) -> None:
    for index, name in enumerate(("a", "b", "c", "d")):
        stored.arm(tmp_path, name, eight(0.97 + 0.01 * index, 0.0001, index)[:7])
    assert said(tmp_path)[-1] == ("with --baseline there are 3 comparisons instead of 6, which need at least 7 seeds")


@pytest.mark.parametrize(("count", "line"), [(1, "one arm: nothing to compare it with"), (13, "13 arms: too many")])
def test_what_cannot_be_compared_is_said(tmp_path: Path, count: int, line: str) -> None:
    for index in range(count):
        stored.arm(tmp_path, f"n{index}", [0.9, 0.91])
    assert said(tmp_path)[-1].startswith(line)


def test_names_of_arms_leave_out_what_the_scheme_implies(tmp_path: Path) -> None:
    for lr in (0.001, 0.01):
        stored.arm(tmp_path, "batch", [0.9, 0.91], folder=f"b{lr}", lr=lr, norm="  eps: 1.0e-05\n")
        stored.arm(tmp_path, "none", [0.8, 0.81], folder=f"n{lr}", lr=lr)
    from bnlab.report.names import short_names

    names = short_names(compare(tmp_path, by=("norm.name", "norm.eps", "optimizer.lr")))
    assert set(names.values()) == {"batch, lr=0.001", "batch, lr=0.01", "none, lr=0.001", "none, lr=0.01"}
