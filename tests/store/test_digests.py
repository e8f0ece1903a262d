"""A store notices damage: every file of a finished replicate is held against the digest that was stored with it."""

import csv
import dataclasses
import errno
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from bnlab.config import from_mapping
from bnlab.launch import run
from bnlab.store import index_file, read_run, result_file
from tests.compose import compose
from tests.conftest import Cli
from tests.store.hostile import TRAIN, state_of, unseal


@pytest.fixture
def runs(trained: Path, tmp_path: Path) -> Path:
    """A copy to be damaged."""
    return Path(shutil.copytree(trained, tmp_path / "runs"))


def replicate(runs: Path, name: str = "none", seed: int = 0) -> Path:
    (folder,) = runs.glob(f"{name}-*/seed-{seed}")
    return folder


def flip(path: Path, old: bytes, new: bytes) -> None:
    content = path.read_bytes()
    assert old in content
    path.write_bytes(content.replace(old, new, 1))


def a_digit_of(name: str) -> Callable[[Path], None]:
    def change(runs: Path) -> None:
        path = replicate(runs) / name
        content = bytearray(path.read_bytes())
        at = next(i for i in range(len(content) // 2, len(content)) if chr(content[i]).isdigit())
        content[at] = ord("0") + (content[at] - ord("0") + 1) % 10
        path.write_bytes(content)

    return change


def a_bit_of(name: str) -> Callable[[Path], None]:
    def change(runs: Path) -> None:
        path = replicate(runs) / name
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 64
        path.write_bytes(content)

    return change


def swap(name: str, *, of_seeds: bool) -> Callable[[Path], None]:
    def change(runs: Path) -> None:
        one, other = replicate(runs), replicate(runs, seed=1) if of_seeds else replicate(runs, "layer")
        kept = (one / name).read_bytes()
        shutil.copyfile(other / name, one / name)
        (other / name).write_bytes(kept)

    return change


def other_images(runs: Path) -> None:
    """As many are right: their number does not tell."""
    path = replicate(runs) / "answers.bin"
    head, _, bits = path.read_bytes().partition(b"\n")
    path.write_bytes(head + b"\n" + bits[::-1])


def another_config(runs: Path) -> None:
    flip(replicate(runs).parent / "config.yaml", b"lr: 0.001", b"lr: 0.002")


def another_folder(runs: Path) -> None:
    one, other = replicate(runs), replicate(runs, "layer")
    one.rename(runs / "moved")
    other.rename(one)
    (runs / "moved").rename(other)


DAMAGES = {
    "a digit of result.json": (a_digit_of("result.json"), "result.json is damaged: its digest is wrong"),
    "a digit of metrics.csv": (a_digit_of("metrics.csv"), "metrics.csv was changed after it was stored"),
    "a digit of timing.csv": (a_digit_of("timing.csv"), "timing.csv was changed after it was stored"),
    "results of two seeds": (swap("result.json", of_seeds=True), "result.json is damaged: it is of seed 1"),
    "results of two runs": (swap("result.json", of_seeds=False), "result.json is damaged: it is of another run"),
    "metrics of two seeds": (swap("metrics.csv", of_seeds=True), "metrics.csv was changed after it was stored"),
    "config.yaml": (another_config, "config.yaml is damaged: it was changed: its hash is "),
    "replicates of two runs": (another_folder, "result.json is damaged: it is of another run"),
}
OF_NO_REPORT = {
    "a bit of weights.pt": (a_bit_of("weights.pt"), "weights.pt was changed after it was stored"),
    "weights of two seeds": (swap("weights.pt", of_seeds=True), "weights.pt was changed after it was stored"),
    "a bit of answers.bin": (a_bit_of("answers.bin"), "answers.bin was changed after it was stored"),
    "answers of two images": (other_images, "answers.bin was changed after it was stored"),
    "weights removed": (lambda runs: (replicate(runs) / "weights.pt").unlink(), "weights.pt is missing"),
}


def test_what_was_stored_holds(runs: Path, cli: Cli) -> None:
    answer = cli("runs", "check")
    assert (answer.code, answer.out, answer.err) == (0, "4 replicates: all of them hold\n", "")


@pytest.mark.parametrize("damage", DAMAGES | OF_NO_REPORT)
def test_damage_is_named(damage: str, runs: Path, cli: Cli) -> None:
    """Cause: nothing noticed a changed digit, swapped results, an edited config.yaml or a flipped bit."""
    change, said = (DAMAGES | OF_NO_REPORT)[damage]
    change(runs)
    before = state_of(runs)
    answer = cli("runs", "check")
    assert answer.code == 1
    assert said in answer.out
    assert state_of(runs) == before


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_report_leaves_out_what_does_not_hold_and_says_so(damage: str, runs: Path, cli: Cli) -> None:
    change, said = DAMAGES[damage]
    change(runs)
    answer = cli("report", "--by", "norm.name", "-o", "out")
    text = " ".join((answer.out + answer.err).split())
    assert said in text
    with (runs.parent / "out" / "summary.csv").open() as file:
        counts = {row["norm.name"]: int(row["n"]) for row in csv.DictReader(file)}
    assert counts.get("none", 0) < 2


@pytest.mark.parametrize("damage", ["a bit of answers.bin", "answers of two images"])
def test_a_report_says_nothing_of_other_images_by_answers_that_do_not_hold(damage: str, runs: Path, cli: Cli) -> None:
    """Cause: only the number of right answers was compared."""
    assert "seeds and images" in cli("report", "--by", "norm.name").out
    OF_NO_REPORT[damage][0](runs)
    answer = cli("report", "--by", "norm.name")
    text = " ".join(answer.out.split())
    assert f"not over images: {replicate(runs).relative_to(runs.parent)}: answers.bin was changed after" in text
    assert "over seeds only, as some replicate has no answers.bin or diverged: none" in text


@pytest.mark.parametrize("damage", ["a bit of weights.pt", "weights of two seeds", "a digit of metrics.csv"])
def test_an_evaluation_refuses_what_does_not_hold(damage: str, runs: Path, cli: Cli) -> None:
    """Cause: a flipped bit of weights.pt was a loss of 6.5e33 with exit code 0."""
    change, said = (DAMAGES | OF_NO_REPORT)[damage]
    change(runs)
    answer = cli("evaluate", "none", "threads=1")
    assert (answer.code, answer.out, answer.err.count("\n")) == (2, "", 1)
    assert said in answer.err
    assert cli("evaluate", "layer", "threads=1").code == 0


def test_results_without_digests_are_read_and_said_to_be_unchecked(runs: Path, cli: Cli) -> None:
    unseal(replicate(runs))
    answer = cli("runs", "check")
    assert answer.out == ("4 replicates: all of them hold; 1 are from before there were digests: unchecked\n")
    assert cli("report", "--by", "norm.name").code == 0
    flip(replicate(runs) / "metrics.csv", b",test,", b",test,1")
    assert "result.json and metrics.csv differ in test_loss" in cli("runs", "check").out


def test_other_weights_are_told_by_their_score(runs: Path, cli: Cli) -> None:
    """A result from before there were digests still has the score."""
    unseal(replicate(runs))
    shutil.copyfile(replicate(runs, seed=1) / "weights.pt", replicate(runs) / "weights.pt")
    answer = cli("evaluate", "none/seed-0", "threads=1")
    assert (answer.code, answer.out) == (2, "")
    assert "weights.pt: its test_" in answer.err
    assert " was stored; these are other weights, or other data" in answer.err


def test_a_replicate_that_somebody_removed_is_missed(runs: Path, cli: Cli) -> None:
    """Cause: of a folder that was gone nothing was left to be checked by."""
    folder = replicate(runs, seed=1)
    shutil.move(folder, runs.parent / "elsewhere")
    answer = cli("runs", "check")
    gone = f"{folder.relative_to(runs.parent)}: it was finished, and is gone; train it again, or remove .index.jsonl\n"
    assert (answer.code, answer.out) == (1, f"{gone}3 replicates: 1 faults\n")
    assert f"skipped {gone}" in cli("report", "--by", "norm.name").out
    shutil.move(runs.parent / "elsewhere", folder)
    assert cli("runs", "check").code == 0
    assert cli("runs", "rm", f"{folder.parent.name}/seed-1", "--yes").code == 0
    assert (not folder.exists(), cli("runs", "check").code) == (True, 0)
    assert cli("train", *TRAIN, "norm=none", "seeds=2").code == 0
    assert cli("runs", "check").code == 0
    assert cli("train", *TRAIN, "norm=none", "seeds=2", "rerun=true").code == 0
    assert cli("runs", "check").code == 0


def test_a_result_of_elsewhere_is_told_by_the_index(runs: Path, cli: Cli) -> None:
    """Of the same run and seed, with its own digests: it cannot be told by itself."""
    path = replicate(runs) / "result.json"
    other = dataclasses.replace(result_file.read(path), seconds=99.0)
    path.write_bytes(result_file.encode(other))
    answer = cli("runs", "check")
    assert answer.code == 1
    assert "/seed-0: result.json is none that was stored here\n" in answer.out
    assert "/seed-0: result.json is none that was stored here\n" in cli("report", "--by", "norm.name").out
    assert cli("runs", "export", "all.csv").code == 0
    with (runs.parent / "all.csv").open() as file:
        assert [row["seed"] for row in csv.DictReader(file) if row["norm.name"] == "none"] == ["1"]
    assert cli("train", *TRAIN, "norm=none", "seeds=2").code == 0
    said = "is damaged: it is none that was stored here; it is kept as result-damaged.json"
    assert said in path.with_name("run.log").read_text(encoding="utf-8")
    assert result_file.read(path).seconds != other.seconds
    assert result_file.read(path.with_name("result-damaged.json")) == other
    assert cli("runs", "check").code == 0


def test_any_bit_of_an_index_that_is_changed_is_noticed(runs: Path, cli: Cli) -> None:
    """It has no digest of its own: a line that was changed fits no result, and none that is left is passed over."""
    run = replicate(runs).parent
    path = run / ".index.jsonl"
    content = path.read_bytes()
    for at, bit in ((at, at % 7) for at in range(len(content))):
        path.write_bytes(content[:at] + bytes([content[at] ^ 1 << bit]) + content[at + 1 :])
        stored = read_run(run)
        assert stored is not None
        assert list(index_file.missed(stored)) != [] or path.read_text().split() == content.decode().split(), at
    path.write_bytes(content)
    assert cli("runs", "check").code == 0


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{", "it cannot be read: it cannot be read as JSON"),
        ('{"schema": 1, "seed": "0", "digest": ""}', "it cannot be read: line 3 is none of it: "),
        ("\x1b[2J", "it cannot be read: it cannot be read as JSON"),
        (None, "it cannot be read: it is a link"),
    ],
)
def test_an_index_that_is_none_is_named(line: str | None, said: str, runs: Path, cli: Cli) -> None:
    index = replicate(runs).parent / ".index.jsonl"
    if line is None:
        index.rename(runs.parent / "moved")
        index.symlink_to(runs.parent / "moved")
    else:
        index.write_text(index.read_text() + line + "\n")
    answer = cli("runs", "check")
    assert answer.code == 1
    assert f"/.index.jsonl: {said}" in answer.out
    assert answer.out.replace("\n", "").isprintable()
    assert cli("report", "--by", "norm.name").code == 0
    assert cli("runs", "rm", "none", "--yes").code == 0
    assert not index.parent.exists()
    assert (runs.parent / "moved").exists() == (line is None)


def test_a_copied_run_counts_once(runs: Path, cli: Cli) -> None:
    """Cause: a run under two names doubled n, and an arm "beat" another with p = .024."""
    honest = cli("report", "--by", "norm.name")
    run = replicate(runs).parent
    for name in ("copy", "zzz"):
        shutil.copytree(run, runs / name)
    answer = cli("report", "--by", "norm.name")
    said = "of the same configuration and seed"
    assert f"{said} as another: " in answer.out
    assert " and 3 more\n" in answer.out
    assert answer.out.splitlines()[:8] == honest.out.splitlines()[:8]
    assert cli("runs", "check").out.count(said) == 4


def test_the_company_of_a_replicate_is_stored(runs: Path, tmp_path: Path) -> None:
    """The last bits of a result depend on it."""
    both = [json.loads((replicate(runs, seed=seed) / "result.json").read_text())["company"] for seed in (0, 1)]
    assert both[0] == both[1]
    assert both[0]["replicates"] == 4
    run([from_mapping(compose([*TRAIN, "norm=none", f"runs_dir={tmp_path / 'alone'}"]))])
    alone = json.loads((replicate(tmp_path / "alone") / "result.json").read_text())["company"]
    assert alone["replicates"] == 1
    assert alone["digest"] != both[0]["digest"]


def test_a_result_that_cannot_be_read_is_not_taken_for_damaged(
    runs: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cause: after a transient EIO it was renamed and trained anew, and the second time the original was lost."""
    before = state_of(runs)
    opened = os.open

    def fails(path: object, *arguments: int, **options: int) -> int:
        if str(path).endswith("seed-0/result.json"):
            raise OSError(errno.EIO, os.strerror(errno.EIO), str(path))
        return opened(path, *arguments, **options)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(os, "open", fails)
        answer = cli("train", *TRAIN, "norm=none", "seeds=2")
    path = replicate(runs) / "result.json"
    assert answer.code == 1
    said = f"cannot read {path.relative_to(runs.parent)}: Input/output error; it was left as it is"
    assert answer.err == f"failed: {said}. Mend it, then repeat the command\n"
    assert state_of(runs) == before
    assert "2 stored before" in cli("train", *TRAIN, "norm=none", "seeds=2").out


def test_what_was_set_aside_is_never_overwritten(runs: Path, cli: Cli) -> None:
    folder = replicate(runs)
    for text in ("first", "second"):
        (folder / "result.json").write_text(text)
        assert cli("train", *TRAIN, "norm=none").code == 0
    kept = [(folder / name).read_text() for name in ("result-damaged.json", "result-damaged-2.json")]
    assert kept == ["first", "second"]


@pytest.mark.parametrize("text", [None, "norm: [", "norm: {name: batch}\n"])
def test_a_lost_configuration_is_written_again(text: str | None, runs: Path, cli: Cli) -> None:
    """Cause: train said `stored`, runs said `resume`, and nothing brought it back."""
    path = replicate(runs).parent / "config.yaml"
    before = path.read_text()
    path.unlink() if text is None else path.write_text(text)
    assert "unreadable" in cli("runs").out
    assert "2 stored before" in cli("train", *TRAIN, "norm=none", "seeds=2").out
    assert path.read_text() == before
    assert "unreadable" not in cli("runs").out
