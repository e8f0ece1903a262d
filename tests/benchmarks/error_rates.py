"""How often reports say something false: the table of docs/statistics.md.

`python -m tests.benchmarks.error_rates --reports 2000` takes an hour; 200 ten minutes.
"""

import argparse
from itertools import product

from tests.report.error_rates import MARGIN, SCENARIOS, gap, rates


def main() -> None:
    """Prints a line per scenario and kind of noise: false words, and intervals that all cover, at 5, 8 and 20 seeds."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--reports", type=int, default=400)
    parser.add_argument("--noise", choices=("normal", "skewed"), default="skewed")
    given = parser.parse_args()
    reports, skewed = given.reports, given.noise == "skewed"
    print(f"{reports} reports each, {given.noise} noise")
    print("| arms | held against | false at 5, 8, 20 seeds | intervals together | one interval alone |")
    print("|---|---|---|---|---|")
    for (name, scenario), baseline in product(SCENARIOS.items(), (True, False)):
        margin = MARGIN if "margin" in name else None
        found = [
            rates(scenario, n, baseline=baseline, skewed=skewed, reports=reports, margin=margin) for n in (5, 8, 20)
        ]
        false, together, single = (
            ", ".join(f"{100 * value:.1f}" for value in values) for values in list(zip(*found, strict=True))[:3]
        )
        against = "a baseline" if baseline else "each other"
        print(f"| {name} | {against} | {false} | {together} | {single} |", flush=True)
    for n in (5, 8, 20):
        found_share = rates(gap, n, baseline=False, skewed=False, reports=reports).found
        print(f"a gap of two standard deviations, two arms, {n} seeds: found in {100 * found_share:.0f} %")


if __name__ == "__main__":
    main()
