"""Every shipped study can be read and has seeds enough; composed and checked by preflight in the slow tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from bnlab import studies
from bnlab.studies.running import prepare
from tests.data import idx

BUDGETS = {"quick": 5, "full": 8}
"""With the fewest seeds that each may have."""


@pytest.mark.parametrize("name", studies.names())
def test_it_has_seeds_enough_says_why_and_expects_something(name: str) -> None:
    study = studies.find(name)
    for budget, fewest in BUDGETS.items():
        assert studies.planned(study, budget).seeds >= fewest
    assert any(each.expected is not None for each in study.hypotheses.values())
    assert any(setting.role == "scientific" for setting in study.settings.values())


def test_the_articles_twelve_claims_have_a_study_each() -> None:
    claims = [studies.find(name).source.claim for name in studies.names()]
    assert [claim for claim in claims if claim] == list(range(1, 13))


@pytest.mark.slow
@pytest.mark.parametrize("name", studies.names())
def test_it_can_be_trained(name: str, tmp_path: Path) -> None:
    study, typed = studies.find(name), [f"runs_dir={tmp_path}/runs"]
    for data_set in idx.RELATIVES:  # which the package does not hold, as it holds MNIST
        if f"data={data_set}" in study.overrides:
            idx.write_all(tmp_path, data_set, train=200)
            typed.append(f"data.root={tmp_path}")
    for budget in BUDGETS:
        plan = studies.planned(study, budget, typed)
        assert prepare(plan).missing == plan.replicates
