"""Checkpoints: what is damaged is not used but said, and nothing in them is executed."""

import hashlib
import io
import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from bnlab import __version__
from bnlab.engine.optimizer import StackOptimizer
from bnlab.store.checkpoint_file import BEFORE, CURRENT, MAGIC, load, save
from bnlab.store.reading import DamagedError
from bnlab.store.stack_file import MEMBERS
from tests.conftest import Cli

METRICS = "whole/*/seed-*/metrics.csv"
TRAIN = ("train", "threads=1", "data.limit=320", "data.batch_size=32", "epochs=4", "checkpoint_every=0")


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    state = {"weights": torch.arange(5.0), "step": 3, "rows": [(1, "train", 0.5)], "none": None}
    save(tmp_path / CURRENT, state)
    loaded = load(tmp_path / CURRENT)
    assert torch.equal(loaded.pop("weights"), torch.arange(5.0))
    assert loaded == {"step": 3, "rows": [(1, "train", 0.5)], "none": None}


def test_the_one_before_is_kept(tmp_path: Path) -> None:
    for step in (1, 2, 3):
        save(tmp_path / CURRENT, {"step": step})
    assert load(tmp_path / CURRENT) == {"step": 3}
    assert load(tmp_path / BEFORE) == {"step": 2}
    assert sorted(path.name for path in tmp_path.iterdir()) == [BEFORE, CURRENT]


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda file: file[:-1], "its digest is wrong"),
        (lambda file: file[:-9] + b"x" + file[-8:], "its digest is wrong"),
        (lambda file: file[: len(MAGIC) + 7], "its digest is wrong"),
        (lambda file: b"", "it is no file of this version"),
        (lambda file: file.replace(MAGIC, b"bnlab checkpoint 0\n"), "it is no file of this version"),
    ],
    ids=["cut", "changed", "cut early", "empty", "older format"],
)
def test_damage_is_found(damage: Callable[[bytes], bytes], reason: str, tmp_path: Path) -> None:
    path = tmp_path / CURRENT
    save(path, {"step": 1})
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(DamagedError) as error:
        load(path)
    assert str(error.value) == reason


class Malicious:
    """What pickle would run on loading."""

    def __reduce__(self) -> tuple[Callable[[str], int], tuple[str]]:
        return os.system, ("touch executed",)


def test_nothing_in_it_is_executed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    buffer = io.BytesIO()
    torch.save({"step": Malicious()}, buffer)
    monkeypatch.setattr(torch, "save", lambda state, file: file.write(buffer.getvalue()))
    save(tmp_path / CURRENT, {})
    with pytest.raises(DamagedError, match="it holds more than tensors and plain values"):
        load(tmp_path / CURRENT)
    assert not (tmp_path / "executed").exists()


def interrupt_after(steps: int, patch: pytest.MonkeyPatch) -> None:
    """A Ctrl-C before the next step."""
    set_lr, taken = StackOptimizer.set_lr, 0

    def watched(self: StackOptimizer, *arguments: Any) -> None:
        nonlocal taken
        taken += 1
        if taken == steps + 1:
            os.kill(os.getpid(), signal.SIGINT)
        set_lr(self, *arguments)

    patch.setattr(StackOptimizer, "set_lr", watched)


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the first test that asks for an interrupted training leaves a copy of it for the others."""
    return tmp_path_factory.mktemp("kept") / "trained"


@pytest.fixture
def interrupted(cli: Cli, kept: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a training that was interrupted after its second evaluation: it has both checkpoints."""
    if kept.exists():
        shutil.copytree(kept, tmp_path, dirs_exist_ok=True)
    else:
        assert cli(*TRAIN, "runs_dir=whole").code == 0
        with monkeypatch.context() as patch:
            interrupt_after(24, patch)
            assert cli(*TRAIN).code == 130
        shutil.copytree(tmp_path, kept)
    (current,) = (tmp_path / "runs" / ".stacks").glob(f"*/{CURRENT}")
    return current.parent


def finish(cli: Cli, tmp_path: Path) -> str:
    """Goes on, and returns what was said if the metrics are those of the uninterrupted training."""
    answer = cli(*TRAIN)
    assert answer.code == 0
    (whole,), (resumed,) = (list(tmp_path.glob(f"{runs}/*/seed-0/metrics.csv")) for runs in ("whole", "runs"))
    assert resumed.read_bytes() == whole.read_bytes()
    assert not list(tmp_path.rglob("*.pt"))
    return answer.err


def test_a_damaged_one_falls_back_to_the_one_before(interrupted: Path, cli: Cli, tmp_path: Path) -> None:
    (interrupted / CURRENT).write_bytes(b"rubbish")
    said = finish(cli, tmp_path)
    path = (interrupted / CURRENT).relative_to(tmp_path)
    expected = f"{path} is not used: it is no file of this version; going back to the one before, or to the start"
    assert expected in said
    assert "going on from step 20" in said


@pytest.mark.parametrize(
    ("content", "reason"), [(b"abc", "it is no file of tensors"), (None, "it is not a training's")], ids=["abc", "{}"]
)
def test_one_with_a_right_digest_of_something_else_falls_back(
    content: bytes | None, reason: str, interrupted: Path, cli: Cli, tmp_path: Path
) -> None:
    if content is None:
        buffer = io.BytesIO()
        torch.save({}, buffer)
        content = buffer.getvalue()
    (interrupted / CURRENT).write_bytes(b"".join((MAGIC, hashlib.sha256(content).digest(), content)))
    said = finish(cli, tmp_path)
    assert f"is not used: {reason}; going back to the one before, or to the start" in said
    assert "going on from step 20" in said


def test_one_that_cannot_be_put_in_place_only_costs_a_line(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk may also be full when the one before is given its other name."""
    replace = Path.replace

    def full(self: Path, target: Path) -> Path:
        if Path(target).name == BEFORE:
            raise OSError(28, "No space left on device")
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", full)
    answer = cli(*TRAIN)
    assert answer.code == 0
    assert "no checkpoint at step 20: cannot write " in answer.err


def test_two_damaged_ones_start_anew(interrupted: Path, cli: Cli, tmp_path: Path) -> None:
    for name in (CURRENT, BEFORE):
        (interrupted / name).write_bytes((interrupted / name).read_bytes()[:-5])
    said = finish(cli, tmp_path)
    assert said.count("is not used: its digest is wrong") == 2
    assert "going on from" not in said


def test_another_versions_is_not_used(
    interrupted: Path, cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bnlab.store.environment.versions", lambda keras: {"bnlab": __version__, "torch": "1.0"})
    said = finish(cli, tmp_path)
    assert f"is not used: it is by bnlab {__version__}, torch {torch.__version__}; going back" in said


def test_a_missing_one_starts_anew(interrupted: Path, cli: Cli, tmp_path: Path) -> None:
    for name in (CURRENT, BEFORE):
        (interrupted / name).unlink()
    assert "going on from" not in finish(cli, tmp_path)


@pytest.mark.parametrize("members", ["5", "[]", "[1]", "null"])
def test_a_damaged_record_of_the_stack_stands_in_no_way(
    members: str, interrupted: Path, cli: Cli, tmp_path: Path
) -> None:
    record = f'{{"schema": 1, "members": {members}, "rerun": false, "started": true}}'
    (interrupted / MEMBERS).write_text(record)
    finish(cli, tmp_path)


@pytest.mark.parametrize("damaged", [b"", b"norm: [", b"\xff", b"norm: {name: none}"])
def test_a_damaged_config_is_written_anew(damaged: bytes, interrupted: Path, cli: Cli, tmp_path: Path) -> None:
    """Else the run would be done, and neither listed nor reported."""
    (config,) = tmp_path.glob("runs/*/config.yaml")
    whole = config.read_bytes()
    config.write_bytes(damaged)
    finish(cli, tmp_path)
    assert config.read_bytes() == whole


def test_they_are_removed_when_the_run_is_done_and_the_weights_kept_on_demand(cli: Cli, tmp_path: Path) -> None:
    assert cli(*TRAIN, "keep_checkpoint=true").code == 0
    assert [path.name for path in tmp_path.rglob("*.pt")] == ["weights.pt"]


def test_removing_a_run_removes_its_checkpoint(interrupted: Path, cli: Cli, tmp_path: Path) -> None:
    assert cli("runs", "rm", "batch", "--yes").code == 0
    assert list(tmp_path.glob("runs/.stacks/*")) == []
    answer = cli(*TRAIN)
    assert answer.code == 0
    assert "going on" not in answer.err


def test_removing_a_run_leaves_other_runs_checkpoints(interrupted: Path, cli: Cli, tmp_path: Path) -> None:
    assert cli(*TRAIN, "norm=none").code == 0
    assert cli("runs", "rm", "none", "--yes").code == 0
    assert "going on from step" in cli(*TRAIN).err


def test_weights_that_a_finished_run_did_not_keep_are_missed_in_words(cli: Cli, tmp_path: Path) -> None:
    assert cli(*TRAIN).code == 0
    answer = cli(*TRAIN, "keep_checkpoint=true")
    assert answer.code == 0
    said = "keep_checkpoint=true: no weights are kept of 1 of them, which were trained without it; add rerun=true"
    assert said in answer.out
    assert "keep_checkpoint=true: no weights" not in cli(*TRAIN, "keep_checkpoint=true", "rerun=true").out
    assert len(list(tmp_path.glob("runs/*/*/weights.pt"))) == 1
    assert "keep_checkpoint=true: no weights" not in cli(*TRAIN, "keep_checkpoint=true").out


def test_what_must_outlast_a_power_failure_is_flushed_before_it_is_in_place(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A finished result.json, the metrics that it speaks of, and a checkpoint."""
    events: list[str] = []
    fsync, replace = os.fsync, Path.replace

    def name_of(descriptor: int) -> str:
        name = Path(f"/proc/self/fd/{descriptor}").readlink().name
        return name.removeprefix(".writing.").rpartition(".")[0] if name.startswith(".writing.") else name

    def flushed(descriptor: int) -> None:
        events.append(f"flush {name_of(descriptor)}")
        fsync(descriptor)

    def placed(self: Path, target: Path) -> Path:
        events.append(f"place {Path(target).name}")
        return replace(self, target)

    if not Path("/proc/self/fd").exists():
        pytest.skip("finds the names of open files in /proc")
    monkeypatch.setattr(os, "fsync", flushed)
    monkeypatch.setattr(Path, "replace", placed)
    assert cli(*TRAIN).code == 0
    assert events[-5:] == [
        *("flush metrics.csv", "flush timing.csv", "flush answers.bin", "flush result.json"),
        "place result.json",
    ]
    assert ["flush checkpoint.pt", "place checkpoint.pt"] in [events[i : i + 2] for i in range(len(events))]


MODELS = {
    "mlp": (
        "model.width=8",
        "model.depth=3",
        "model.residual=true",
        "model.dropout=0.3",
        "optimizer=rmsprop",
        "optimizer.clip_norm=0.5",
        "optimizer.momentum=0.5",
        "schedule.warmup_steps=9",
        "data.accumulate=2",
        "data.batch_size=8",
    ),
    "split_seed": ("data.batch_size=16", "data.split_seed=1", "norm=precise_batch"),
    "rnn": ("data.batch_size=16", "model=rnn", "model.hidden=8", "optimizer.clip_norm=1"),
    "vit": ("data.batch_size=16", "model=vit", "model.width=16", "model.depth=1", "model.heads=2", "norm=layer"),
}
SMALL = ("train", "threads=1", "data.limit=96", "epochs=3", "eval_every=4", "checkpoint_every=0")


@pytest.mark.parametrize("model", MODELS)
def test_every_model_resumes_to_the_bit(model: str, cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two replicates of it, interrupted within the second of three epochs."""
    train = (*SMALL, *MODELS[model], "seeds=2")
    assert cli(*train, "runs_dir=whole").code == 0
    with monkeypatch.context() as patch:
        interrupt_after(9, patch)
        assert cli(*train).code == 130
    resumed = cli(*train)
    assert resumed.code == 0
    assert "going on from step" in resumed.err
    pairs = [(path, path.parents[3] / "runs" / path.relative_to(path.parents[2])) for path in tmp_path.glob(METRICS)]
    assert len(pairs) == 2
    assert all(whole.read_bytes() == other.read_bytes() for whole, other in pairs)


def test_another_stacks_is_not_used(
    interrupted: Path, cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cause: a checkpoint of other seeds or settings was taken, and its numbers stored as this training's."""
    with monkeypatch.context() as patch:
        interrupt_after(24, patch)
        assert cli(*TRAIN, "runs_dir=other", "seed=7").code == 130
    (other,) = (tmp_path / "other" / ".stacks").glob(f"*/{CURRENT}")
    for name in (CURRENT, BEFORE):
        (interrupted / name).write_bytes(other.read_bytes())
    shutil.rmtree(tmp_path / "other")
    said = finish(cli, tmp_path)
    assert said.count("is not used: it is of another stack") == 2
    assert "going on from" not in said


@pytest.mark.parametrize("step", [10**9, -1, "3", None])
def test_a_step_that_the_training_does_not_have_is_not_used(
    step: object, interrupted: Path, cli: Cli, tmp_path: Path
) -> None:
    state = load(interrupted / CURRENT)
    state["training"]["step"] = step
    save(interrupted / CURRENT, state)
    (interrupted / BEFORE).unlink()
    assert f"is not used: it is at step {step} of 40; " in finish(cli, tmp_path)


def test_one_that_cannot_be_read_stops_and_stays(interrupted: Path, cli: Cli) -> None:
    """Cause: after a transient error of reading it was taken for damaged, and the training began anew over it."""
    path = interrupted / CURRENT
    kept = path.rename(path.with_name("elsewhere"))
    path.symlink_to(kept)
    answer = cli(*TRAIN)
    assert answer.code == 1
    assert answer.err.splitlines()[-1].endswith("it is a link; it was left as it is. Mend it, then repeat the command")
    assert kept.exists()
    assert path.is_symlink()
