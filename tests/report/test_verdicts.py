"""What is said, word for word, of arms whose numbers can be checked by hand."""

from pathlib import Path

import numpy as np
import pytest
import scipy.stats

from bnlab.report import tables
from bnlab.report.verdicts import verdicts

from . import stored
from .test_compare import compare


def said(root: Path, *, margin: float | None = None, **keywords: object) -> list[str]:
    return [str(said) for said in verdicts(compare(root, **keywords), margin)]  # type: ignore[arg-type]


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
        "best: batch, 97.30 % [97.20, 97.40]; it beats none by 0.30 points [0.21, 0.39] (paired, 8 seeds, p < .001)"
    ]


def test_an_arm_behind_the_baseline_is_said_to_be(tmp_path: Path) -> None:
    base = eight(0.97, 0.0001)
    stored.arm(tmp_path, "none", base)
    stored.arm(tmp_path, "top", shifted(base, 0.00001, -0.00001))
    stored.arm(tmp_path, "batch", shifted(base, -0.004, -0.002))
    assert said(tmp_path, baseline="norm.name=none")[1] == (
        "batch falls behind none by 0.30 points [0.18, 0.42] (paired, 8 seeds, corrected p < .001)"
    )
    # The losses are 1 - accuracy: less is better.
    assert said(tmp_path, baseline="norm.name=none", metric="test_loss")[1] == (
        "batch falls behind none by 0.0030 nats [0.0018, 0.0042] (paired, 8 seeds, corrected p < .001)"
    )


def test_a_real_lead_settles_the_pairs_of_the_best_arm(tmp_path: Path) -> None:
    """What the lead says is not said again, and one family of tests holds the lead and the other pairs."""
    base = eight(0.97, 0.0001)
    for name, gap in (("none", 0.0), ("rms", 0.00003), ("layer", 0.00001), ("batch", 0.004)):
        jitter = 0.0 if name == "none" else 0.001 * (1 + (name == "rms"))
        stored.arm(tmp_path, name, [value + gap + jitter * (-1) ** i for i, value in enumerate(base)])
    comparison = compare(tmp_path)
    assert comparison.lead is not None
    settled = [pair for pair in comparison.pairs if pair.settled]
    assert [pair.first for pair in settled] == ["norm.name=batch"] * 3
    assert comparison.lead.p == max(pair.p for pair in settled) < 0.05
    assert {pair.family for pair in comparison.pairs} == {6}
    lead, *others = map(str, verdicts(comparison))
    assert "it beats every other arm: " in lead
    assert [line.partition(":")[0] for line in others] == ["rms and layer", "rms and none", "layer and none"]
    assert tables.summary(comparison).cells["scheme"][0] == "batch (best)"


def test_equal_means_are_no_lead(tmp_path: Path) -> None:
    stored.arm(tmp_path, "a", [0.90, 0.91])
    stored.arm(tmp_path, "b", [0.91, 0.90])
    assert said(tmp_path)[0].endswith("; no lead over b (paired, 2 seeds)")


def test_no_difference_seen_tells_how_often_a_gap_would_be_found(tmp_path: Path) -> None:
    """It said that a gap under .26 "would have gone unseen", of which half is found in 3 of 10 comparisons."""
    base = eight(0.97, 0.0001)
    stored.arm(tmp_path, "none", base)
    # Differences +-.2 points: sd .2138; statsmodels' TTestPower gives .80 at 1.155 sd, .29 at half of it, and .8 of 45
    # pairs at .1235 points if the sd is .2873, under which it is with a chance of .8.
    stored.arm(tmp_path, "layer", [value + (0.002 if i % 2 else -0.002) for i, value in enumerate(base)])
    _, pair = said(tmp_path, baseline="norm.name=none")
    assert pair == (
        "layer and none: no difference seen: +0.00 points [-0.18, 0.18] (paired, 8 seeds); a true gap of 0.25 points "
        "would be found 4 times in 5, one of 0.12 about 3 times in 10; to find 0.12 plan 45 seeds, a number to fix "
        "before looking"
    )


def test_within_the_margin_is_practically_equal(tmp_path: Path) -> None:
    """With the p of that claim: it was Holm's of another one, that there is a difference."""
    base = eight(0.97, 0.0001)
    stored.arm(tmp_path, "none", base)
    stored.arm(tmp_path, "layer", shifted(base, -0.0002, 0.0002))
    stored.arm(tmp_path, "rms", shifted(base, -0.0009, -0.0011))
    stored.arm(tmp_path, "batch", shifted(base, 0.0006, 0.0004))
    lead, *pairs = said(tmp_path, baseline="norm.name=none", margin=0.0012)
    # To rms all differences are equal: the sign-flip's p of 2 / 2^8, four tests.
    assert lead.endswith("(paired, 8 seeds, corrected p ≤ .031), yet practically equal to none: within 0.12 points")
    # Of rms: .02 points from the margin, sd .0107, so t = 5.29 and, at 7 degrees, p = .00057; four tests.
    assert pairs == [
        "rms falls behind none by 0.10 points [0.09, 0.11] (paired, 8 seeds, corrected p < .001), "
        "yet practically equal: within 0.12 points (two one-sided tests, corrected p = .002)",
        "layer and none: practically equal, within 0.12 points (two one-sided tests, corrected p < .001): "
        "+0.00 points [-0.03, 0.03] (paired, 8 seeds)",
    ]
    assert "practically" not in " ".join(said(tmp_path, baseline="norm.name=none", margin=0.0001))


def test_too_few_seeds_names_how_many_are_needed(tmp_path: Path) -> None:
    """Of three seeds on a side, unpaired, Welch's t errs where the spreads differ: 22 % of 2 against 8."""
    stored.arm(tmp_path, "none", [0.90, 0.91, 0.90, 0.91, 0.90])
    batch = stored.run(tmp_path, "batch")
    for seed in (10, 11, 12):
        stored.replicate(batch, seed, 0.97 + seed / 10000)
    lead, pair = said(tmp_path, baseline="norm.name=none")
    assert "its lead over none is not established" in lead
    assert pair.endswith("too few seeds: at least 4 in each arm needed; +6.71 points (not paired, 3 and 5 seeds)")


def test_seeds_that_one_arm_lacks_are_left_out_of_the_pairs(tmp_path: Path) -> None:
    """One seed that was lost of eight, and the other seven were compared without pairs."""
    base = eight(0.97, 0.001)
    stored.arm(tmp_path, "none", base)
    stored.arm(tmp_path, "batch", shifted(base[:7], 0.0004, 0.0002))
    comparison = compare(tmp_path, baseline="norm.name=none")
    (pair,) = comparison.pairs
    assert (pair.contrast.paired, pair.contrast.ns, pair.contrast.left_out) == (True, (7,), 1)
    assert "(paired, 7 seeds, p < .001)" in verdicts(comparison)[0].sentence
    assert "replicates whose seed the other arm lacks are left out of the pairs: batch (1)" in comparison.notes


def test_one_replicate_each_is_too_few(tmp_path: Path) -> None:
    stored.arm(tmp_path, "none", [0.90])
    stored.arm(tmp_path, "batch", [0.97])
    assert said(tmp_path, baseline="norm.name=none") == [
        "the higher of 2 means: batch, 97.00 %; its lead over none is not established: 7.00 points (paired, 1 seed)",
        "batch and none: too few seeds: at least 2 in common needed; +7.00 points (paired, 1 seed)",
    ]


def test_arms_with_different_seeds_are_not_paired(tmp_path: Path) -> None:
    stored.arm(tmp_path, "none", [0.90, 0.91, 0.92, 0.90, 0.91])
    batch = stored.run(tmp_path, "batch")
    for seed, accuracy in enumerate([0.97, 0.98, 0.97, 0.98], start=10):
        stored.replicate(batch, seed, accuracy)
    assert said(tmp_path, baseline="norm.name=none")[0].endswith("(not paired, 4 and 5 seeds, p < .001)")


def test_an_arm_with_failures_is_not_ranked_by_its_survivors(tmp_path: Path) -> None:
    """Of 8 seeds 6 diverged: "best: batch, 98.11 % [98.05, 98.18]; it beats every other arm"."""
    base = eight(0.97, 0.001)
    for name in ("none", "layer"):
        stored.arm(tmp_path, name, shifted(base, 0.0001 * (name == "layer"), -0.0001))
    batch = stored.arm(tmp_path, "batch", [0.9809, 0.9813])
    for seed in range(2, 8):
        stored.replicate(batch, seed, None, state="diverged")
    comparison = compare(tmp_path, baseline="norm.name=none")
    lead, failed, *pairs = map(str, verdicts(comparison))
    assert lead.startswith("the higher of 2 means of those without failures: ")
    # The interval is that of R's binom.test(6, 8).
    assert failed == "batch: 6 of 8 seeds diverged [35 %, 97 %]; no ranking. The 2 that finished: 98.11 %"
    # Fisher's exact p of 6 of 8 against 0 of 8 is 2 * 28 / 8008 = .00699; four tests, of which the lead is one.
    more, layer, ranked = pairs
    assert more == (
        "batch diverges more often than none, 6 of 8 against 0 of 8 seeds (Fisher's exact test, corrected p = .028)"
    )
    assert layer.startswith("layer and none: no difference seen: ")
    # Six of eight signed ranks are -5.5, and the other two may have any sign: 2 * 4 / 2^8, four tests.
    assert ranked.endswith("diverged seeds ranked last (paired, ranks, 8 seeds, corrected p = .125)")
    assert tables.summary(comparison).cells["scheme"].tolist()[-1] == "batch"


def test_failures_ranked_last_can_decide(tmp_path: Path) -> None:
    base = eight(0.97, 0.001)
    stored.arm(tmp_path, "none", base)
    batch = stored.arm(tmp_path, "batch", [value - 0.01 for value in base[:5]])
    for seed in range(5, 8):
        stored.replicate(batch, seed, None, state="diverged")
    # All eight of one sign: 2 / 2^8, of two tests.
    assert said(tmp_path, baseline="norm.name=none")[1:] == [
        "batch does worse than none, diverged seeds ranked last (paired, ranks, 8 seeds, corrected p = .016)"
    ]


def test_without_a_baseline_every_two_arms_are_compared(tmp_path: Path) -> None:
    for index, name in enumerate(("a", "b", "c")):
        stored.arm(tmp_path, name, eight(0.97 + 0.01 * index, 0.0001, index))
    lead, pair = said(tmp_path)
    assert lead.startswith("best: c, 99.00 % [98.97, 99.03]; it beats every other arm: b by 1.00 points [")
    assert "a by 2.00 points [" in lead
    assert lead.endswith("] (paired, 8 seeds, corrected p < .001)")
    assert pair.startswith("b beats a by 1.00 points [")
    assert pair.endswith("] (paired, 8 seeds, corrected p < .001)")


def arms(root: Path, levels: list[float], seeds: int) -> None:
    for index, level in enumerate(levels):
        stored.arm(root, f"n{index}", eight(level, 0.0001, index)[:seeds])


@pytest.mark.parametrize("count", [3, 9, 13])
def test_no_arm_is_proposed_as_the_baseline(tmp_path: Path, count: int) -> None:
    """The worst one was, and following that in a null gave 14 to 25 % false findings."""
    arms(tmp_path, [0.97 + 0.00001 * i for i in range(count)], 5)
    assert not any("norm.name=" in line for line in said(tmp_path))


def test_many_pairs_of_a_kind_are_one_sentence(tmp_path: Path) -> None:
    """Nine arms gave 36 sentences that said the same."""
    arms(tmp_path, [0.97 + 0.00001 * i for i in range(9)], 5)
    lead, *others = said(tmp_path)
    assert lead.startswith("the highest of 9 means: ")
    assert others[-2].startswith("no difference seen in ")
    # Of the others all differences are equal.
    assert others[-1].startswith("too few seeds for 4 of 36 pairs: at least 11 in common needed; largest gaps: ")
    assert len(others) < 5
    short = [line for line in said(tmp_path, metric="test_loss") if "lowest of 9 means" in line]
    assert len(short) == 1


def test_many_pairs_of_one_seed_are_one_sentence(tmp_path: Path) -> None:
    arms(tmp_path, [0.97 + 0.001 * i for i in range(5)], 1)
    assert said(tmp_path)[1:] == [
        "too few seeds for 10 of 10 pairs: at least 2 in common needed; largest gaps: n4 and n0: +0.44 points, "
        "n4 and n1: +0.33 points, n3 and n0: +0.33 points and 7 more"
    ]


def test_five_seeds_can_decide(tmp_path: Path) -> None:
    """They never could: the smallest p of five pairs was .0625, so "at least 8 needed" of four clear gaps."""
    base = eight(0.97, 0.0001)[:5]
    stored.arm(tmp_path, "none", base)
    for name, shift in {"d": 0.001, "b": 0.003, "a": -0.006, "c": -0.002}.items():
        stored.arm(tmp_path, name, shifted(base, shift - 0.001, shift + 0.001))
    # Differences are the shift -+ .1 points, three and two times: mean .02 below it, sd .1095. Five tests: t(.995, 4) =
    # 4.604, so +- .2256; p of b is that of t = 5.7155 at 4 degrees, .00464.
    _, real, *_ = said(tmp_path, baseline="norm.name=none")
    assert real == "b beats none by 0.28 points [0.05, 0.51] (paired, 5 seeds, corrected p = .023)"


def test_sixty_arms_are_few_sentences_what_was_found_first(tmp_path: Path) -> None:
    arms(tmp_path, [0.9701] * 40 + [0.97] * 20, 8)
    for index, spread in enumerate((0.001, 0.0012, 0.0014, 0.0016, 0.0018)):
        stored.arm(tmp_path, f"w{index}", [0.97 + spread * (-1) ** i for i in range(8)])
        stored.replicate(tmp_path / f"w{index}-0a", 9, None, state="diverged")
    lines = said(tmp_path, baseline="norm.name=n59", margin=0.0003)
    assert len(lines) < 8
    assert lines[1].startswith("5 seeds of 5 arms diverged, which are not ranked: w0 (1 of 9), ")


def test_what_was_found_comes_before_what_was_not(tmp_path: Path) -> None:
    base = eight(0.97, 0.0001)
    stored.arm(tmp_path, "none", base)
    for index in range(4):
        stored.arm(tmp_path, f"low{index}", shifted(base, -0.004 - index / 1000, -0.002 - index / 1000))
    for index in range(2):
        stored.arm(tmp_path, f"same{index}", shifted(base, 0.002 + index / 9999, -0.002))
    lead, found, *others = said(tmp_path, baseline="norm.name=none")
    assert lead.startswith("the highest of 7 means: same1")
    assert found.startswith(
        "4 of 6 pairs differ (paired, 8 seeds, corrected p < .001): low0 falls behind none by 0.30 points [0.16, 0.44],"
    )
    assert found.endswith(" and 1 more")
    assert [line.partition(":")[0] for line in others] == ["same1 and none", "same0 and none"]


def test_a_pair_that_cannot_be_tested_does_not_make_the_others_harder(tmp_path: Path) -> None:
    """One replicate has no p, so that the correction does not count it."""
    arms(tmp_path, [0.97, 0.97001], 5)
    for index in range(4):
        stored.arm(tmp_path, f"one{index}", [0.97])
    # One pair, and the lead.
    assert {pair.level for pair in compare(tmp_path, baseline="norm.name=n0").pairs} == {0.025}


def test_a_verdict_and_its_interval_agree(tmp_path: Path) -> None:
    """Of 56 % of the pairs at 5 seeds the interval was without 0, and there was no verdict."""
    noise = np.random.default_rng(0).normal(0.97, 0.0003, size=(6, 5)) + 0.001 * np.arange(6)[:, None]
    for index, values in enumerate(noise.tolist()):
        stored.arm(tmp_path, f"n{index}", values)
    pairs = compare(tmp_path).pairs
    assert [pair.real for pair in pairs] == [not low <= 0 <= high for pair in pairs for low, high in [pair.interval]]
    assert {pair.real for pair in pairs} == {True, False}


def test_an_outlier_is_named_and_intervals_end_at_the_metrics_range(tmp_path: Path) -> None:
    """One run at 11 % gave a mean's interval up to 112.33 %."""
    stored.arm(tmp_path, "none", eight(0.97, 0.001))
    stored.arm(tmp_path, "batch", [0.11, *eight(0.98, 0.001)[1:]])
    comparison = compare(tmp_path)
    (note,) = [note for note in comparison.notes if note.startswith("far from")]
    assert note == "far from the other seeds of the arm: seed 0 of batch (11.00, median 98.00)"
    assert comparison.summary["high"].max() <= 1
    assert comparison.summary["interquartile_mean"].min() > 0.96


def test_the_highest_of_equal_means_reads_high(tmp_path: Path) -> None:
    """Its interval, as of a mean that was not chosen, covered in 88 % of reports of equal arms."""
    noise = np.random.default_rng(1).normal(0.97, 0.002, size=(6, 8))
    for index, values in enumerate(noise.tolist()):
        stored.arm(tmp_path, f"n{index}", values)
    best = noise[noise.mean(1).argmax()]
    low, high = scipy.stats.t.interval(1 - 0.05 / 6, 7, best.mean(), scipy.stats.sem(best))
    first = said(tmp_path)[0]
    assert f"{100 * best.mean():.2f} % [{100 * low:.2f}, {100 * high:.2f}] (reads about " in first
    assert " high if all are equal); its lead over " in first


def test_a_p_of_one_is_not_told_and_a_spread_is_not_denied(tmp_path: Path) -> None:
    """It said "Holm p <= 1", and "without any spread between the 8 seeds" of arms that had some."""
    base = eight(0.97, 0.001)
    for name, values in (("none", base), ("batch", base), ("layer", base[::-1])):
        stored.arm(tmp_path, name, values)
    told = said(tmp_path)
    assert not any(" p " in sentence for sentence in told)
    (equal,) = (sentence for sentence in told if sentence.startswith(("none and batch", "batch and none")))
    assert equal.endswith("points (paired, 8 seeds); the same difference in each of these 8 seeds")


def test_arms_of_other_lengths_are_said_to_be_unlike(tmp_path: Path) -> None:
    base = eight(0.97, 0.0001)
    stored.arm(tmp_path, "none", base)
    stored.arm(tmp_path, "batch", shifted(base, 0.004, 0.002), epochs=10)
    lead = said(tmp_path, by=("norm.name",), baseline="norm.name=none")[0]
    assert lead.endswith("p < .001); not like with like: epochs 10 against epochs 2")


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
