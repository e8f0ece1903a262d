"""`seeds=+5`: seeds that none of the command's runs has a result of."""

import json
from pathlib import Path

import pytest

from tests.conftest import QUICK, Cli


def seeds(folder: Path) -> dict[str, list[int]]:
    """The seeds stored of each scheme."""
    found: dict[str, list[int]] = {}
    for path in sorted(folder.glob("runs/*/seed-*")):
        found.setdefault(path.parent.name.partition("-")[0], []).append(int(path.name.removeprefix("seed-")))
    return found


@pytest.mark.parametrize("launcher", ["basic", "stacked"])
def test_all_arms_get_the_same_fresh_seeds(launcher: str, cli: Cli, tmp_path: Path) -> None:
    assert cli("train", *QUICK, "--quiet", "norm=none", "seeds=[0,2]").code == 0
    answer = cli("train", *QUICK, "--quiet", "-m", f"hydra/launcher={launcher}", "norm=none,batch", "seeds=+2")
    assert (answer.code, answer.err) == (0, "")
    assert seeds(tmp_path) == {"none": [0, 1, 2, 3], "batch": [1, 3]}
    assert "4 replicates: 4 done" in answer.out


def test_a_single_run_and_the_command_that_is_stored(cli: Cli, tmp_path: Path) -> None:
    for _ in range(2):
        assert cli("train", *QUICK, "--quiet", "norm=none", "seeds=+2").code == 0
    assert seeds(tmp_path) == {"none": [0, 1, 2, 3]}
    (result,) = tmp_path.glob("runs/*/seed-3/result.json")
    words = " ".join(QUICK)
    assert json.loads(result.read_text())["command"] == f"bnlab train {words} quiet=true norm=none 'seeds=[2,3]'"


def test_an_interrupt_names_the_seeds(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*arguments: object, **options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("bnlab.engine.train", interrupted)
    answer = cli("train", *QUICK, "--quiet", "seeds=+2")
    assert answer.code == 130
    assert answer.err == f"interrupted; to go on: bnlab train {' '.join(QUICK)} quiet=true 'seeds=[0,1]'\n"
