"""How often reports say something false: the table of docs/statistics.md.

`python -m tests.benchmarks.error_rates` takes half an hour, most of it the rank tests of 20 seeds that diverge.
"""

import argparse
from itertools import product

from tests.report.error_rates import MARGIN, SCENARIOS, covered_without_failures, gap, rates, stopped_early


def main() -> None:
    """Prints a line per scenario and kind of noise: false words, and intervals that all cover, at 5, 8 and 20 seeds."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--reports", type=int, default=400)
    parser.add_argument("--arms", choices=SCENARIOS, nargs="+", default=list(SCENARIOS))
    parser.add_argument("--noise", choices=("normal", "skewed"), default="skewed")
    given = parser.parse_args()
    reports, skewed = given.reports, given.noise == "skewed"
    print(f"{reports} reports each, {given.noise} noise")
    print("| arms | held against | false at 5, 8, 20 seeds | intervals together | one interval alone |")
    print("|---|---|---|---|---|")
    for name, baseline in product(given.arms, (True, False)):
        margin = MARGIN if "margin" in name else None
        found = [
            rates(SCENARIOS[name], n, baseline=baseline, skewed=skewed, reports=reports, margin=margin)
            for n in (5, 8, 20)
        ]
        false, together, single = (
            ", ".join(f"{100 * value:.1f}" for value in values) for values in list(zip(*found, strict=True))[:3]
        )
        against = "a baseline" if baseline else "each other"
        print(f"| {name} | {against} | {false} | {together} | {single} |", flush=True)
    for planned in (None, 20):
        share = stopped_early(reports, planned, range(6, 21))
        plan = "without a plan" if planned is None else "planned: 20 seeds"
        print(
            f"two equal arms, a report after each seed from the 6th to the 20th, {plan}: false in {100 * share:.1f} %"
        )
    for n in (5, 8):
        share = covered_without_failures(n, 10 * reports)
        print(
            f"25 % diverge, {10 * reports} pairs of {n} seeds in which none did: {100 * share:.1f} % of intervals hold"
        )
    for n in (5, 8, 20):
        found_share = rates(gap, n, baseline=False, skewed=False, reports=reports).found
        print(f"a gap of two standard deviations, two arms, {n} seeds: found in {100 * found_share:.0f} %")


if __name__ == "__main__":
    main()
