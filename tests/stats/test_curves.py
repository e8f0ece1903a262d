"""Areas and censored times, by hand; the log-rank test against its textbook sums."""

import math
from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from scipy.integrate import trapezoid
from scipy.stats import CensoredData, ecdf

from bnlab.stats import Reach, areas_under_curves, first_reaches, logrank, median_time, restricted_mean, share_reached


def seen(*times: float) -> list[Reach]:
    """Reached at these times, or censored there if negative."""
    return [Reach(abs(time), time > 0) for time in times]


def curves(*scores: list[float]) -> pd.DataFrame:
    """A replicate for each list, with its scores at 10, 20, ...; their rows mixed."""
    rows = [(row, 10 * i, score) for row, own in enumerate(scores) for i, score in enumerate(own, start=1)]
    return pd.DataFrame(rows, columns=["row", "step", "score"]).sample(frac=1, random_state=0)


def test_areas_are_the_average_heights() -> None:
    generator = np.random.default_rng(0)
    several = [generator.random(n).tolist() for n in (2, 5, 9)]
    found = areas_under_curves(curves(*several), "step", "score")
    expected = [trapezoid(own) / (len(own) - 1) for own in several]
    assert found.tolist() == pytest.approx(expected)
    # .5 over one step and (.8 + 1) / 2 over two.
    uneven = pd.DataFrame({"row": 7, "step": [1, 2, 4], "score": [0.2, 0.8, 1.0]})
    assert areas_under_curves(uneven, "step", "score").to_dict() == {7: pytest.approx((0.5 * 1 + 0.9 * 2) / 3)}


def test_no_area_of_one_point_or_of_what_is_not_finite() -> None:
    found = areas_under_curves(curves([0.2], [0.2, math.nan, 0.4], [math.inf, 0.2], [0.2, 0.4]), "step", "score")
    assert found.isna().tolist() == [True, True, True, False]


def test_first_reaches() -> None:
    table = curves([0.5, 0.9, 0.8], [0.5, 0.8, 0.9], [0.5, 0.6], [math.nan, math.nan])
    found = first_reaches(table, "step", "score", 0.8)
    assert found["time"].tolist() == [20, 20, 20, 20]
    assert found["reached"].tolist() == [True, True, False, False]
    assert first_reaches(table, "step", "score", 0.55, higher=False)["reached"].tolist() == [True, True, True, False]


def test_share_reached_by_hand() -> None:
    # 4 at risk at 1: 3/4 are left; the one censored at 2 leaves unseen; 2 at risk at 3: half of 3/4 are left.
    times, shares = share_reached(seen(1, -2, 3, -5))
    assert times == [1, 2, 3, 5]
    assert shares == pytest.approx([0.25, 0.25, 0.625, 0.625])


def test_share_reached_is_that_of_scipy() -> None:
    generator = np.random.default_rng(0)
    for _ in range(50):
        reaches = [Reach(float(time), bool(event)) for time, event in generator.integers((1, 0), (6, 2), (12, 2))]
        sample = CensoredData(
            uncensored=[reach.time for reach in reaches if reach.reached],
            right=[reach.time for reach in reaches if not reach.reached],
        )
        expected = ecdf(sample).cdf
        times, shares = share_reached(reaches)
        assert times == expected.quantiles.tolist()
        assert shares == pytest.approx(expected.probabilities.tolist(), abs=1e-12)


def test_median_time() -> None:
    assert median_time(seen(1, -2, 3, -5)) == 3
    assert median_time(seen(4, 1, 3, 2)) == 2
    assert median_time(seen(1, -5, -5)) == math.inf
    assert median_time(seen(-5, -5)) == math.inf


def test_restricted_mean_is_the_mean_of_times_cut_at_the_horizon() -> None:
    assert restricted_mean(seen(1, 2, -5, -5), 5) == pytest.approx((1 + 2 + 5 + 5) / 4)
    assert restricted_mean(seen(1, 2, 4, 9), 3) == pytest.approx((1 + 2 + 3 + 3) / 4)
    # Censored on the way: 1 for one step, 3/4 for two, 3/8 for two.
    assert restricted_mean(seen(1, -2, 3, -5), 5) == pytest.approx(1 + 1.5 + 0.75)
    assert restricted_mean(seen(-5, -5), 5) == 5


def sums(first: list[Reach], second: list[Reach]) -> float:
    """Observed less expected events of the first arm, time by time."""
    total = 0.0
    for time in {reach.time for reach in [*first, *second]}:
        at_risk = [sum(reach.time >= time for reach in arm) for arm in (first, second)]
        events = sum(reach.reached and reach.time == time for reach in [*first, *second])
        total += sum(reach.reached and reach.time == time for reach in first) - events * at_risk[0] / sum(at_risk)
    return total


def test_logrank_is_the_share_of_all_divisions() -> None:
    first, second = seen(1, 3, -4), seen(2, 5, 6, -6)
    every = [*first, *second]
    own = sums(first, second)
    all_sums = [
        sums([every[i] for i in chosen], [reach for i, reach in enumerate(every) if i not in chosen])
        for chosen in combinations(range(7), 3)
    ]
    below, above = (sum(s <= own + 1e-9 for s in all_sums) / 35, sum(s >= own - 1e-9 for s in all_sums) / 35)
    assert logrank(first, second) == pytest.approx(min(1, 2 * min(below, above)))


def test_logrank_of_few_is_not_below_what_is_possible() -> None:
    """The large-sample test gave .025 of 3 against 3, which can be divided in 20 ways."""
    assert logrank(seen(1, 2, 3), seen(4, 5, 6)) == pytest.approx(0.1)
    assert math.isnan(logrank(seen(1), seen(2, 3)))


def test_logrank_where_all_reached_it_at_once() -> None:
    """A warning of scipy's, with a path, was printed."""
    assert logrank(seen(5, 5, 5), seen(5, 5)) == 1


def test_logrank_where_nobody_reached_it() -> None:
    assert math.isnan(logrank(seen(-5, -5), seen(-5)))
