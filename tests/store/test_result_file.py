"""result.json with keys that hold something else: a damaged file for every reader, never an error of Python's."""

import json
from pathlib import Path

import pytest

from bnlab.store import DamagedError, Result, State, index_file, result_file
from tests.conftest import QUICK, Cli

SEALED = ("run", "digests", "digest")
"""Keys of a result that is checked by its digest; without them it is as results were before there was one."""
NULLABLE = set(result_file.TYPES) - {"seed", "state", *SEALED}
DAMAGED = {
    '"final": 5': "it has final 5; a mapping of names to numbers is expected",
    '"final": {"test_accuracy": "high"}': 'it has final.test_accuracy "high"; a number is expected',
    '"final": {"test_loss": true}': "it has final.test_loss true; a number is expected",
    '"seconds": "x"': 'it has seconds "x"; a number is expected',
    '"seed": "a"': 'it has seed "a"; a whole number is expected',
    '"seed": 1.5': "it has seed 1.5; a whole number is expected",
    '"state": 3': "it has state 3; a text is expected",
    '"parameters": [1]': "it has parameters [1]; a whole number is expected",
    '"diverged_at_step": "7"': 'it has diverged_at_step "7"; a whole number is expected',
    '"error": {}': "it has error {}; a text is expected",
    '"resumed_at_steps": 5': "it has resumed_at_steps 5; a list of whole numbers is expected",
    '"resumed_at_steps": ["5"]': 'it has resumed_at_steps "5"; a list of whole numbers is expected',
    '"command": ["bnlab"]': 'it has command ["bnlab"]; a text is expected',
    '"environment": 3': "it has environment 3; a mapping is expected",
    '"conventions": "keras"': 'it has conventions "keras"; a mapping is expected',
}


@pytest.mark.parametrize("key", DAMAGED)
def test_a_key_of_another_type_is_named(key: str, tmp_path: Path) -> None:
    path = tmp_path / "result.json"
    path.write_text(f'{{"schema": 1, "state": "done", {key}}}')
    with pytest.raises(DamagedError) as caught:
        result_file.read(path)
    assert str(caught.value) == DAMAGED[key]


def test_a_null_is_a_missing_key_and_unknown_keys_hold_anything(tmp_path: Path) -> None:
    path = tmp_path / "result.json"
    path.write_text(json.dumps({"schema": 1, "seed": 3, "state": "done", "new": [None], **dict.fromkeys(NULLABLE)}))
    assert result_file.read(path) == Result(seed=3, state=State.DONE)


def test_every_reader_takes_it_for_damaged(cli: Cli, tmp_path: Path) -> None:
    """Cause: `final: 5` ended `bnlab runs show` and `bnlab train` with an AttributeError or a TypeError."""
    assert cli("train", *QUICK).code == 0
    (path,) = tmp_path.glob("runs/*/seed-0/result.json")
    whole = json.loads(path.read_text())
    unsealed = {key: value for key, value in whole.items() if key not in SEALED}
    for key, value in (("final", 5), ("seconds", "x"), ("seed", "a"), ("environment", 3)):
        path.write_text(json.dumps(unsealed | {key: value}))
        for command in (("runs",), ("runs", "show", "batch")):
            answer = cli(*command)
            assert (answer.code, answer.err) == (0, "")
            assert "unreadable" in answer.out
        assert f"result.json is damaged: it has {key} {json.dumps(value)}; " in cli("report").err
    answer = cli("train", *QUICK)
    assert answer.code == 0
    assert "is damaged: it has environment 3; a mapping is expected; it is kept as result-damaged.json" in answer.err
    assert json.loads(path.read_text())["final"] == whole["final"]


def test_every_reader_takes_nulls(cli: Cli, tmp_path: Path) -> None:
    """Cause: `seconds: null` and a score that is null were formatted as numbers."""
    assert cli("train", *QUICK).code == 0
    (path,) = tmp_path.glob("runs/*/seed-0/result.json")
    (path.parents[1] / index_file.INDEX).unlink()  # older versions, whose results have no digests either, had none
    for final in (None, {"validation_accuracy": None, "validation_loss": 0.3, "test_accuracy": 0.5, "test_loss": 0.2}):
        kept = {key: value for key, value in json.loads(path.read_text()).items() if key not in SEALED}
        path.write_text(json.dumps(kept | dict.fromkeys(NULLABLE) | {"final": final}))
        for command in (("runs",), ("runs", "show", "batch"), ("train", *QUICK)):
            answer = cli(*command)
            assert (answer.code, answer.err) == (0, ""), answer
    assert " 50.00 " in answer.out
