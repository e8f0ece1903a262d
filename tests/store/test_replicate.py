"""Results on disk: the address of a run, its files, and that nobody ever sees half of one."""

import json
import re
from pathlib import Path

import pytest
from filelock import Timeout

from bnlab.config import RunConfig, from_mapping
from bnlab.errors import UserError
from bnlab.store.address import run_folder
from bnlab.store.files import check_writable, replace
from bnlab.store.replicate import ReplicateFolder
from bnlab.store.result_file import Result, State
from tests.compose import compose
from tests.conftest import files_below


def config(*overrides: str) -> RunConfig:
    return from_mapping(compose(overrides))


def address(*overrides: str) -> str:
    """The hash at the end of the folder's name."""
    return run_folder(config(*overrides)).name.rpartition("-")[2]


@pytest.mark.parametrize(
    "override",
    [
        "seed=1",
        "seeds=3",
        "seeds=[7,9]",
        "device=cpu",
        "threads=1",
        "runs_dir=elsewhere",
        "data.root=/somewhere",
        "data.download=true",
        "label=mine",
        "rerun=true",
        "quiet=true",
        "stack.max_replicates=3",
    ],
)
def test_what_does_not_change_the_result_is_not_in_the_address(override: str) -> None:
    assert address(override) == address()


@pytest.mark.parametrize(
    "override",
    [
        "norm=none",
        "norm.impl=custom",
        "norm.eps=1e-3",
        "norm.momentum=null",
        "norm.affine=false",
        "norm.track_running_stats=false",
        "model.hidden=[64,128]",
        "model.activation=gelu",
        "model.norm_position=post",
        "model.norm_input=true",
        "model.norm_output=true",
        "model.init=xavier",
        "model.bias=true",
        "data=kmnist",
        "data.validation_size=0",
        "data.batch_size=64",
        "data.drop_last=true",
        "data.normalize=standard",
        "data.limit=1000",
        "optimizer=adamw",
        "optimizer.lr=2e-3",
        "optimizer.betas=[0.9,0.99]",
        "optimizer.eps=1e-7",
        "optimizer.weight_decay=0.1",
        "optimizer.decay_norm_params=false",
        "schedule=cosine",
        "epochs=3",
        "steps=100",
        "eval_every=100",
    ],
)
def test_what_changes_the_result_is_in_the_address(override: str) -> None:
    assert address(override) != address()


def test_the_address_does_not_depend_on_how_it_is_written() -> None:
    assert address("norm.eps=0.001", "epochs=3") == address("epochs=3", "norm.eps=1.0e-3")
    assert address("experiment=article_pytorch", "norm.eps=1e-5") == address("experiment=article_pytorch")
    assert address("steps=9", "epochs=3") == address("steps=9")


@pytest.mark.parametrize("impl", ["custom", "keras"])
def test_no_norm_is_one_run_whatever_the_impl(impl: str) -> None:
    assert address("norm=none", f"norm.impl={impl}") == address("norm=none")


@pytest.mark.parametrize(
    ("overrides", "name"),
    [
        ([], "batch-native-mlp"),
        (["norm=layer", "norm.impl=custom"], "layer-custom-mlp"),
        (["norm=none"], "none-mlp"),
        (["label=my_own"], "my_own"),
        (["experiment=article_keras"], "article-keras"),
    ],
)
def test_the_folders_name_says_what_it_is(overrides: list[str], name: str) -> None:
    folder = run_folder(config("runs_dir=here", *overrides))
    assert folder.parent == Path("here")
    assert re.fullmatch(rf"{name}-[0-9a-f]{{10}}", folder.name)


def folder(tmp_path: Path, seed: int = 0) -> ReplicateFolder:
    return ReplicateFolder(config(f"runs_dir={tmp_path / 'runs'}"), seed)


def test_nothing_is_made_by_looking(tmp_path: Path) -> None:
    assert folder(tmp_path).result() is None
    assert folder(tmp_path).finished() is None
    check_writable(tmp_path / "a" / "b")
    assert list(tmp_path.iterdir()) == []


def test_a_lock_keeps_a_second_one_out(tmp_path: Path) -> None:
    with folder(tmp_path).lock():
        with pytest.raises(Timeout), folder(tmp_path).lock().acquire(timeout=0.01):
            pass
        with folder(tmp_path, seed=1).lock().acquire(timeout=0.01):
            pass
    with folder(tmp_path).lock().acquire(timeout=0.01):
        pass


def test_only_done_and_diverged_are_final(tmp_path: Path) -> None:
    one = folder(tmp_path)
    for state, final in (
        (State.RUNNING, False),
        (State.FAILED, False),
        (State.INTERRUPTED, False),
        (State.DONE, True),
        (State.DIVERGED, True),
    ):
        written = one.write_result(
            Result(seed=0, state=state, environment={"torch": "2"}, final={"test_loss": 0.5}, resumed_at_steps=[])
        )
        assert written == one.result()
        assert json.loads((one.path / "result.json").read_text())["state"] == state
        assert (one.finished() is not None) == final


def test_a_file_is_replaced_as_a_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "new" / "metrics.csv"
    replace(path, "old")

    def full(*arguments: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", full)
        with pytest.raises(OSError, match="No space left"):
            replace(path, "new")
    assert files_below(tmp_path) == {"new/metrics.csv"}
    assert path.read_text() == "old"
    replace(path, "new ε\n")
    assert path.read_bytes() == "new ε\n".encode()
    assert path.stat().st_mode & 0o777 == 0o644


def test_a_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UserError) as error:
        check_writable(tmp_path / "file" / "runs")
    assert str(error.value) == (
        f"runs_dir={tmp_path}/file/runs cannot be written ({tmp_path}/file: Not a directory); "
        "set runs_dir to a folder that can"
    )
