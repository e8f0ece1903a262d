"""The proof that a move changes nothing: equal outputs have equal digests, whatever the clock says; others do not."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests import forks, same_outputs
from tests.conftest import Cli
from tests.same_outputs import OWN_NORM, Command, differences, digests, of, short, stop_clocks, trainings


def test_the_same_commands_give_the_same_digests_and_a_change_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(line: Sequence[str], cwd: Path, env: Mapping[str, str], **_: object) -> object:
        return forks.bnlab(line[3:], cwd, env)  # without `python -m bnlab`

    monkeypatch.setattr(same_outputs, "subprocess", SimpleNamespace(run=run))
    first, second = tmp_path / "first", tmp_path / "second"
    found = []
    for folder in (first, second):
        folder.mkdir()
        found.append(digests(list(short()), folder))
    before, after = found
    assert differences(before, after) == []
    kinds = {Path(name).name for name in before if not name.startswith("bnlab")}
    assert kinds == {
        "own_norm.py",
        "config.yaml",
        "answers.bin",
        "metrics.csv",
        "result.json",
        "timing.csv",
        "weights.pt",
    }
    assert len([name for name in before if name.startswith("bnlab")]) == 3

    (metrics,) = second.glob("runs/none-*/seed-1/metrics.csv")
    metrics.write_text(metrics.read_text().replace("test,", "test,1"))
    again = digests([of("report", "--by", "norm.name")], second)
    name = str(metrics.relative_to(second))
    assert name in differences(before, again)
    assert str(metrics.relative_to(second).with_name("result.json")) not in differences(before, again)


@pytest.mark.slow
@pytest.mark.parametrize("command", list(trainings()), ids=lambda command: command.name)
def test_every_training_of_the_list_is_accepted(command: Command, cli: Cli) -> None:
    """Cause: rules that were added later refused two of them, so that the list ended in the middle."""
    Path("own_norm.py").write_text(OWN_NORM)
    first, *others = command.arguments
    answer = cli(first, "--dry-run", *others)
    assert answer.code == 0, answer


def test_clocks_are_stopped_and_nothing_else_is_changed(tmp_path: Path) -> None:
    replicate = tmp_path / "batch-0a" / "seed-0"
    replicate.mkdir(parents=True)
    environment = {"torch": "2", "commit": "abc", "dirty": True}
    (replicate / "result.json").write_text(json.dumps({"state": "done", "seconds": 7.3, "environment": environment}))
    (replicate / "timing.csv").write_text("epoch,step,seconds,images_per_second,replicates\n1,5,0.3312,912.3,2\n")
    stop_clocks(tmp_path)
    result = json.loads((replicate / "result.json").read_text())
    assert result["state"] == "done"
    assert result["environment"] == {"torch": "2", "commit": None, "dirty": None}
    assert (replicate / "timing.csv").read_text().splitlines()[1] == "1,5,1.5,1000,2"
