"""What is said, word for word, of arms whose numbers can be checked by hand."""

from pathlib import Path

import pytest

from bnlab.report import tables
from bnlab.report.verdicts import verdicts

from . import stored
from .test_compare import compare


def said(root: Path, *, margin: float | None = None, **keywords: object) -> list[str]:
    return verdicts(compare(root, **keywords), margin)  # type: ignore[arg-type]


def eight(level: float, spread: float, shift: int = 0) -> list[float]:
    """Eight values around a level."""
    return [round(level + spread * ((3 * i + shift) % 8 - 3.5), 6) for i in range(8)]


def shifted(base: list[float], even: float, odd: float) -> list[float]:
    return [value + (odd if i % 2 else even) for i, value in enumerate(base)]


def test_a_real_lead_has_its_size_interval_and_evidence(tmp_path: Path) -> None:
    # Pairs differ by .2 and .4 points, four times each: mean .3, sd .1069, t(.975, 7) = 2.3646, so +- .0894.
    base = eight(0.97, 0.0001)
    stored.arm(tmp_path, "none", base)
    stored.arm(tmp_path, "batch", shifted(base, 0.004, 0.002))
    assert said(tmp_path, baseline="norm.name=none") == [
        "best: batch, 97.30 % [97.21, 97.39]; it beats none by 0.30 points [0.21, 0.39] (paired, 8 seeds, p = .008)"
    ]


def test_an_arm_behind_the_baseline_is_said_to_be(tmp_path: Path) -> None:
    base = eight(0.97, 0.0001)
    stored.arm(tmp_path, "none", base)
    stored.arm(tmp_path, "top", shifted(base, 0.00001, -0.00001))
    stored.arm(tmp_path, "batch", shifted(base, -0.004, -0.002))
    assert said(tmp_path, baseline="norm.name=none")[1] == (
        "batch falls behind none by 0.30 points [0.21, 0.39] (paired, 8 seeds, Holm p = .016)"
    )
    # The losses are 1 - accuracy: less is better.
    assert said(tmp_path, baseline="norm.name=none", metric="test_loss")[1] == (
        "batch falls behind none by 0.0030 nats [0.0021, 0.0039] (paired, 8 seeds, Holm p = .016)"
    )


def test_a_real_lead_settles_the_pairs_of_the_best_arm(tmp_path: Path) -> None:
    """Beside "ahead of every other arm" the pairs said "batch and layer: too few seeds": Holm's over all ten."""
    base = [0.970, 0.971, 0.972, 0.973, 0.974, 0.975]
    for name, gap in (("none", 0.0), ("rms", 0.00003), ("layer", 0.00001), ("batch", 0.004)):
        jitter = 0.0 if name == "none" else 0.001
        stored.arm(tmp_path, name, [value + gap + jitter * (-1) ** i for i, value in enumerate(base)])
    comparison = compare(tmp_path)
    assert comparison.lead is not None
    assert comparison.lead.p == 1 / 32
    assert [(pair.first, pair.p) for pair in comparison.pairs if pair.settled] == [("norm.name=batch", 1 / 32)] * 3
    # Holm's is over the other three alone, none of which six seeds could show: .031 > .05 / 3.
    assert [pair.level for pair in comparison.pairs if not pair.settled] == [pytest.approx(0.05 / 3)] * 3
    lead, *others = verdicts(comparison)
    assert "it beats every other arm: " in lead
    assert [line.partition(":")[0] for line in others] == ["rms and layer", "rms and none", "layer and none"]
    assert all("too few seeds: at least 7 needed" in line for line in others)
    table = tables.comparisons(comparison)
    assert table is not None
    assert table.cells[["corrected p", "by"]].to_numpy().tolist()[:3] == [["0.031", "lead"]] * 3
    assert set(table.cells["by"][3:]) == {"Holm"}
    assert tables.summary(comparison).cells["scheme"][0] == "batch (best)"


def test_equal_means_are_no_lead(tmp_path: Path) -> None:
    stored.arm(tmp_path, "a", [0.90, 0.91])
    stored.arm(tmp_path, "b", [0.91, 0.90])
    assert said(tmp_path)[0].endswith("; no lead over b (paired, 2 seeds, p = 1)")


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
    stored.arm(tmp_path, "layer", shifted(base, -0.0002, 0.0002))
    stored.arm(tmp_path, "rms", shifted(base, -0.0009, -0.0011))
    stored.arm(tmp_path, "batch", shifted(base, 0.0006, 0.0004))
    lead, *pairs = said(tmp_path, baseline="norm.name=none", margin=0.0012)
    assert lead.endswith("(paired, 8 seeds, p ≤ .008), yet practically equal to layer, none: within 0.12 points")
    assert pairs == [
        "rms falls behind none by 0.10 points [0.09, 0.11] (paired, 8 seeds, Holm p = .016), "
        "yet practically equal: within 0.12 points",
        "layer and none: practically equal, within 0.12 points: +0.00 points [-0.02, 0.02] "
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
    assert said(tmp_path, baseline="norm.name=none")[0].endswith("(not paired, 4 and 5 seeds, p = .016)")


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
    lead, pair = said(tmp_path)
    assert lead.startswith("best: c, 99.00 % [98.98, 99.02]; it beats every other arm: b by 1.00 points [")
    assert "a by 2.00 points [" in lead
    assert lead.endswith("] (paired, 8 seeds, p ≤ .008)")
    assert pair.startswith("b beats a by 1.00 points [")
    assert pair.endswith("] (paired, 8 seeds, Holm p = .008)")


def arms(root: Path, levels: list[float], seeds: int) -> None:
    for index, level in enumerate(levels):
        stored.arm(root, f"n{index}", eight(level, 0.0001, index)[:seeds])


def test_too_many_comparisons_for_the_seeds_tell_the_way_out(tmp_path: Path) -> None:
    arms(tmp_path, [0.97, 0.97001, 0.97002, 0.97003], 7)
    assert said(tmp_path)[1:] == [
        "too few seeds for 6 of 6 pairs: at least 8 needed; largest gaps: n3 and n2: +0.01 points [0.01, 0.01], "
        "n3 and n1: +0.01 points [-0.02, 0.04], n3 and n0: +0.01 points [-0.03, 0.05] and 3 more",
        "with a baseline, as in --baseline norm.name=n2, there are 3 comparisons instead of 6, "
        "which need at least 7 seeds",
    ]


def test_a_way_out_is_only_told_if_it_is_one(tmp_path: Path) -> None:
    """Arms without a value were counted, and a number of seeds that is no smaller was offered."""
    arms(tmp_path, [0.97, 0.97001, 0.97002], 5)
    stored.replicate(stored.run(tmp_path, "rms"), 0, None, state="diverged")
    # Three comparisons need 7 seeds (2 / 2^7 = .0156), and so do two (.025).
    assert not any("--baseline" in line for line in said(tmp_path))


def test_many_pairs_of_a_kind_are_one_sentence(tmp_path: Path) -> None:
    """Nine arms gave 36 sentences that said the same."""
    arms(tmp_path, [0.97 + 0.00001 * i for i in range(9)], 5)
    lead, *others = said(tmp_path)
    assert lead.startswith("best mean: ")
    assert others == [
        "too few seeds for 36 of 36 pairs: at least 11 needed; largest gaps: n6 and n0: +0.02 points [-0.04, 0.07], "
        "n3 and n0: +0.02 points [-0.03, 0.06], n7 and n0: +0.01 points [-0.03, 0.06] and 33 more",
        "with a baseline, as in --baseline norm.name=n0, there are 8 comparisons instead of 36, "
        "which need at least 9 seeds",
    ]


def test_of_many_undecidable_pairs_the_largest_gaps_are_named_whatever_their_sign(tmp_path: Path) -> None:
    """Only the range of the gaps was said: neither which arms, nor which was ahead, nor how certain that is."""
    base = eight(0.97, 0.0001)[:5]
    stored.arm(tmp_path, "none", base)
    for name, shift in {"d": 0.001, "b": 0.003, "a": -0.006, "c": -0.002}.items():
        stored.arm(tmp_path, name, shifted(base, shift - 0.001, shift + 0.001))
    # Differences are the shift -+ .1 points, three and two times: mean .02 below it, sd .1095, t(.975, 4) = 2.7764.
    assert said(tmp_path, baseline="norm.name=none")[1:] == [
        "too few seeds for 4 of 4 pairs: at least 8 needed; largest gaps: a and none: -0.62 points [-0.76, -0.48], "
        "b and none: +0.28 points [0.14, 0.42], c and none: -0.22 points [-0.36, -0.08] and 1 more"
    ]


def test_sixty_arms_are_few_sentences_what_was_found_first(tmp_path: Path) -> None:
    arms(tmp_path, [0.9701] * 40 + [0.97] * 20, 8)
    for index, spread in enumerate((0.001, 0.0012, 0.0014, 0.0016, 0.0018)):
        stored.arm(tmp_path, f"w{index}", [0.97 + spread * (-1) ** i for i in range(8)])
        stored.replicate(tmp_path / f"w{index}-0a", 9, None, state="diverged")
    lines = said(tmp_path, baseline="norm.name=n59", margin=0.0003)
    assert len(lines) < 8
    assert lines[1].startswith("5 replicates of 5 arms diverged; their means are of the others: w")


def test_what_was_found_comes_before_what_was_not(tmp_path: Path) -> None:
    base = eight(0.97, 0.0001)
    stored.arm(tmp_path, "none", base)
    for index in range(4):
        stored.arm(tmp_path, f"low{index}", shifted(base, -0.004 - index / 1000, -0.002 - index / 1000))
    for index in range(2):
        stored.arm(tmp_path, f"same{index}", shifted(base, 0.002 + index / 9999, -0.002))
    lead, found, *others = said(tmp_path, baseline="norm.name=none")
    assert lead.startswith("best mean: same1")
    assert found.startswith(
        "4 of 6 pairs differ (paired, 8 seeds, Holm p ≤ .047): low0 falls behind none by 0.30 points [0.21, 0.39], low1"
    )
    assert found.endswith(" and 1 more")
    assert [line.partition(":")[0] for line in others] == ["same1 and none", "same0 and none"]


def test_too_few_seeds_counts_what_is_found_already(tmp_path: Path) -> None:
    """The level was that of Holm's first step also where the other comparisons had passed theirs."""
    base = eight(0.97, 0.0001)
    stored.arm(tmp_path, "none", base)
    stored.arm(tmp_path, "near", shifted(base, 0.0001, -0.0001))
    for index in range(3):
        stored.arm(tmp_path, f"low{index}", shifted(base, -0.004 - index / 1000, -0.002 - index / 1000))
    short = stored.run(tmp_path, "short")
    for seed in range(6):
        stored.replicate(short, seed, base[seed] + 0.0001 * (-1) ** seed)
    levels = {pair.first: pair.level for pair in compare(tmp_path, baseline="norm.name=none").pairs}
    assert levels["norm.name=near"] == pytest.approx(0.05 / 2)


def test_a_pair_that_cannot_be_tested_does_not_make_the_others_harder(tmp_path: Path) -> None:
    """One replicate has no p, so Holm's correction does not count it; the number of seeds needed did."""
    arms(tmp_path, [0.97, 0.97001], 5)
    for index in range(4):
        stored.arm(tmp_path, f"one{index}", [0.97])
    pairs = {pair.first: pair for pair in compare(tmp_path, baseline="norm.name=n0").pairs}
    assert pairs["norm.name=n1"].level == 0.05
    assert pairs["norm.name=one0"].level == pytest.approx(0.05 / 5)


@pytest.mark.parametrize(("count", "line"), [(1, "one arm: nothing to compare it with"), (13, "13 arms: too many")])
def test_what_cannot_be_compared_is_said(tmp_path: Path, count: int, line: str) -> None:
    for index in range(count):
        stored.arm(tmp_path, f"n{index}", [0.9, 0.91])
    assert said(tmp_path)[-1].startswith(line)


def test_names_of_arms_leave_out_what_the_scheme_implies(tmp_path: Path) -> None:
    for lr in (0.001, 0.01):
        stored.arm(tmp_path, "batch", [0.9, 0.91], folder=f"b{lr}", lr=lr, norm="  eps: 1.0e-05\n")
        stored.arm(tmp_path, "none", [0.8, 0.81], folder=f"n{lr}", lr=lr)
    from bnlab.report.comparison import short_names

    names = short_names(compare(tmp_path, by=("norm.name", "norm.eps", "optimizer.lr")))
    assert set(names.values()) == {"batch, lr 0.001", "batch, lr 0.01", "none, lr 0.001", "none, lr 0.01"}
