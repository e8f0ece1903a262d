"""`bnlab.study` is the command: one lock, the same replicates, the same verdicts."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import bnlab
from tests.conftest import Cli
from tests.studies.written import write


@pytest.mark.slow
def test_a_study_says_what_the_command_says(cli: Cli, tmp_path: Path) -> None:
    write(tmp_path, {})
    found = bnlab.study("small.yaml", "quick", quiet=True)
    stored = {path: path.stat().st_mtime_ns for path in tmp_path.glob("runs/*/seed-*/result.json")}
    assert stored
    printed = cli("study", "small.yaml", "--budget", "quick", "quiet=true").out
    assert found.sentences == str(found).splitlines()
    assert all(f"  {sentence}\n" in printed for sentence in found.sentences)
    (data,) = json.loads(cli("study", "small.yaml", "--budget", "quick", "quiet=true", "--json").out)
    assert [verdict.name for verdict in found.verdicts] == [each["hypothesis"] for each in data["verdicts"]]
    assert {path: path.stat().st_mtime_ns for path in stored} == stored


def test_a_study_that_is_not_there_is_refused_with_the_commands_words(cli: Cli) -> None:
    with pytest.raises(bnlab.UserError) as refused:
        bnlab.study("convergense", "quick")
    assert cli("study", "convergense").err == f"error: {refused.value}\n"
