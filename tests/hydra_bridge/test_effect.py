"""What is typed and changes nothing is refused; what changes something in one job of a sweep is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from bnlab.errors import UserError
from bnlab.hydra_bridge.effect import check_effect
from tests.configured import changed
from tests.conftest import Cli, files_below


@pytest.mark.parametrize("name", ["norm/batch.yaml", "config.yaml", "experiment/article_keras.yaml"])
def test_a_file_of_ones_own_in_whose_place_bnlabs_is_used(name: str, cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "mine" / name
    file.parent.mkdir(parents=True)
    file.write_text("name: batch\n", encoding="utf-8")
    answer = cli("train", "-cd", "mine", "--cfg", "job")
    assert (answer.code, answer.out) == (2, "")
    assert answer.err == f"error: mine/{name} changes nothing: bnlab's own {name} is used; give yours another name\n"
    assert files_below(tmp_path) == {f"mine/{name}"}


def test_a_setting_that_one_job_of_a_sweep_uses() -> None:
    idle, used = changed((), norm__track_running_stats=False), changed(())
    check_effect([idle, used], [["norm.momentum=.1"], ["norm.momentum=.1"]])
    with pytest.raises(UserError, match=r"norm\.momentum=\.1 changes nothing"):
        check_effect([idle, used], [["norm.momentum=.1"], []])


def test_a_preset_may_set_what_the_command_line_makes_idle(cli: Cli) -> None:
    assert cli("train", "experiment=article_pytorch", "steps=1", "data.limit=64", "threads=1").code == 0
