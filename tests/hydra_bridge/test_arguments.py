"""What is typed, before Hydra reads it."""

import subprocess
import sys
from pathlib import Path

import pytest

from bnlab.hydra_bridge import choices_for_lists
from bnlab.hydra_bridge.arguments import for_hydra, ordered
from tests.conftest import environment


@pytest.mark.parametrize(
    ("typed", "handed_on"),
    [
        (["norm=none", "--info"], ["--info", "all", "norm=none"]),
        (["--info", "defaults", "norm=none"], ["--info", "defaults", "norm=none"]),
        (["-i", "norm=none", "-m"], ["-i", "all", "-m", "norm=none"]),
        (["norm=none", "-cd", "mine", "--", "-cd"], ["-cd", "mine", "norm=none", "-cd"]),
        (["seed=0", "-cd"], ["-cd", "seed=0"]),
    ],
)
def test_options_come_first_with_their_values(typed: list[str], handed_on: list[str]) -> None:
    assert ordered(typed) == handed_on


def test_info_takes_no_setting_for_its_topic(tmp_path: Path) -> None:
    """In a process of its own, whose logging Hydra sets up."""
    command = [sys.executable, "-m", "bnlab", "train", "norm=layer", "--info"]
    done = subprocess.run(command, cwd=tmp_path, env=environment(), capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")
    assert "Config search path" in done.stdout
    assert "name: layer" in done.stdout


def test_a_number_with_a_plus_stays_a_text() -> None:
    assert for_hydra(["-m", "seeds=+5", "epochs=+5"]) == ["-m", "seeds='+5'", "epochs=+5"]


def test_a_list_of_names_is_a_sweep_and_any_other_list_a_value() -> None:
    params = {"norm": ["none", "batch"], "model.hidden": [8, 4], "seed": "0,1"}
    assert choices_for_lists(params) == {"norm": "choice(none,batch)", "model.hidden": "[8, 4]", "seed": "0,1"}
    assert choices_for_lists(None) == {}
