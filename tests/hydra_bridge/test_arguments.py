"""What is typed, before Hydra reads it."""

import pytest

from bnlab.hydra_bridge import choices_for_lists
from bnlab.hydra_bridge.arguments import for_hydra, ordered
from tests.conftest import Cli


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


def test_info_takes_no_setting_for_its_topic(cli: Cli) -> None:
    assert cli("train", "norm=layer", "--info").code == 0


def test_a_number_with_a_plus_stays_a_text() -> None:
    assert for_hydra(["-m", "seeds=+5", "epochs=+5"]) == ["-m", "seeds='+5'", "epochs=+5"]


def test_a_list_of_names_is_a_sweep_and_any_other_list_a_value() -> None:
    params = {"norm": ["none", "batch"], "model.hidden": [8, 4], "seed": "0,1"}
    assert choices_for_lists(params) == {"norm": "choice(none,batch)", "model.hidden": "[8, 4]", "seed": "0,1"}
    assert choices_for_lists(None) == {}
