"""Config files of the user's own: what they may be, and how they begin."""

import re
from pathlib import Path

import pytest

from bnlab.config import CONF
from tests.conftest import QUICK, Cli


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    folder = tmp_path / "mine"
    folder.mkdir()
    return folder


def test_a_config_that_begins_with_the_shipped_one(mine: Path, cli: Cli) -> None:
    (mine / "base.yaml").write_text("defaults: [config, _self_]\nepochs: 4\n", encoding="utf-8")
    (mine / "short.yaml").write_text("defaults: [base, _self_]\nsteps: 3\n", encoding="utf-8")
    answer = cli("train", "-cd", "mine", "-cn", "short", "--cfg", "job")
    assert (answer.code, answer.err) == (0, "")
    assert re.search(r"^epochs: 4 .*\nsteps: 3 ", answer.out, flags=re.MULTILINE)


def test_a_whole_config_of_ones_own(mine: Path, cli: Cli) -> None:
    text = (CONF / "config.yaml").read_text(encoding="utf-8")
    (mine / "whole.yaml").write_text(text.replace("epochs: 10 ", "epochs: 7 "), encoding="utf-8")
    answer = cli("train", "-cd", "mine", "-cn", "whole.yaml", "--cfg", "job")
    assert (answer.code, answer.err) == (0, "")
    assert re.search(r"^epochs: 7 ", answer.out, flags=re.MULTILINE)


def test_a_folder_in_the_place_of_all_that_is_shipped(mine: Path, cli: Cli) -> None:
    (mine / "alone.yaml").write_text("epochs: 3\n", encoding="utf-8")
    answer = cli("train", "-cp", str(mine), "-cn", "alone", "quiet=true")
    assert (answer.code, answer.out, answer.err.count("\n")) == (2, "", 1)
    assert "alone.yaml says nothing of norm, model, data, optimizer, schedule, ...: --config-path takes " in answer.err
    assert f"write --config-dir={mine} --config-name=alone, and let the file begin with 'defaults: [" in answer.err


def test_a_mode_and_a_list_of_names_in_a_file_sweep(mine: Path, cli: Cli, tmp_path: Path) -> None:
    """Hydra would merge the two norms into one, and train that."""
    (mine / "experiment").mkdir()
    (mine / "experiment" / "both.yaml").write_text(
        "# @package _global_\nhydra: {mode: MULTIRUN, sweeper: {params: {norm: [none, batch], seed: '0,1'}}}\n",
        encoding="utf-8",
    )
    answer = cli("train", "-cd", "mine", "experiment=both", *QUICK, "--quiet")
    assert (answer.code, answer.err) == (0, "")
    trained = {
        f"{path.parts[-3].partition('-')[0]}/{path.parent.name}" for path in tmp_path.glob("runs/*/*/result.json")
    }
    assert trained == {"none/seed-0", "none/seed-1", "batch/seed-0", "batch/seed-1"}
