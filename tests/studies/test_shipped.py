"""Every shipped study can be composed, with both budgets, and has seeds enough."""

from __future__ import annotations

from pathlib import Path

import pytest

from bnlab import studies
from bnlab.studies.running import prepare


@pytest.mark.parametrize("name", studies.names())
def test_it_can_be_trained(name: str, tmp_path: Path) -> None:
    study = studies.find(name)
    for budget, fewest in (("quick", 5), ("full", 8)):
        plan = studies.planned(study, budget, [f"runs_dir={tmp_path}"])
        assert plan.seeds >= fewest
        assert prepare(plan).missing == plan.replicates
    assert any(each.expected is not None for each in study.hypotheses.values())
    assert study.settings
