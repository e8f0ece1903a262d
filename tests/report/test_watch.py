"""`bnlab report --watch`: a new report whenever replicates were evaluated or finish."""

import io
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from filelock import FileLock
from rich.console import Console

from bnlab.report import Question, making

from . import stored


def nothing() -> None:
    pass


def watched(
    root: Path,
    monkeypatch: pytest.MonkeyPatch,
    rounds: list[Callable[[], None]],
    metric: str = "test_accuracy",
) -> str:
    """What is shown while these happen, one between two looks at the folder."""

    def sleep(seconds: float) -> None:
        if not rounds:
            raise KeyboardInterrupt
        rounds.pop(0)()

    monkeypatch.setattr(time, "sleep", sleep)
    console = Console(file=io.StringIO(), width=200)
    with pytest.raises(KeyboardInterrupt):
        making.watch([root / "runs"], Question(metric=metric), root / "out", console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def lines(text: str) -> list[str]:
    """Without what is no word or number, and with one space for several."""
    return [" ".join(line.split()) for line in text.splitlines() if any(map(str.isalnum, line))]


def test_a_changed_result_makes_a_new_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "runs").mkdir()

    def finishes() -> None:
        stored.arm(tmp_path / "runs", "batch", [0.97])

    text = watched(tmp_path, monkeypatch, [nothing, finishes, nothing, nothing])
    assert text.count("waiting: no run to report in") == 1
    assert text.count("97.00") == 1
    assert (tmp_path / "out" / "report.html").exists()


def test_a_result_that_is_removed_while_it_is_looked_at_does_not_end_the_watch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cause: `bnlab runs rm` between the listing of the results and the look at each."""
    run = stored.arm(tmp_path, "batch", [0.97, 0.96])
    gone = run / "seed-0" / "result.json"
    listed = list(tmp_path.glob("**/seed-*/result.json"))
    gone.unlink()
    monkeypatch.setattr(Path, "glob", lambda self, pattern: iter(listed))
    assert set(making._times([tmp_path], "result.json")) == {run / "seed-1" / "result.json"}


HEAD = ["so far, not finished: test accuracy (%)", "arm running epoch mean so far"]


def test_what_there_is_so_far_is_shown_at_every_evaluation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cause: only results were looked at, and the replicates of one stack have none before they all have."""
    names = {"batch": stored.run(tmp_path / "runs", "batch"), "none": stored.run(tmp_path / "runs", "none")}
    running = [stored.replicate(run, seed, None, state="running") for run in names.values() for seed in (0, 1)]
    killed = stored.replicate(names["none"], 2, None, state="running")
    stored.curves(running[0], 0.90)
    stored.curves(running[1], 0.94)
    stored.curves(killed, 0.1)
    locks = [FileLock(replicate / ".lock") for replicate in running]

    def evaluates() -> None:
        stored.curves(running[0], 0.91, epochs=4)
        stored.curves(running[2], 0.80, epochs=1)

    def finishes() -> None:
        assert not (tmp_path / "out").exists()
        for seed, accuracy in enumerate((0.92, 0.96)):
            locks[seed].release()
            stored.finish(running[seed], accuracy)

    def evaluates_the_rest() -> None:
        for file in (tmp_path / "out").iterdir():
            if file.is_file():
                file.unlink()
        stored.curves(running[3], 0.84, epochs=2)

    for lock in locks:
        lock.acquire(timeout=0)
    text = watched(tmp_path, monkeypatch, [nothing, evaluates, finishes, evaluates_the_rest])
    shown = lines(text)
    assert shown[:8] == [*HEAD, "batch 2 3 92.00", "none 2 - -", *HEAD, "batch 2 3 to 4 92.50", "none 2 1 80.00"]
    third, fourth = shown[8:].index(HEAD[0]) + 8, len(shown) - shown[::-1].index(HEAD[0]) - 1
    assert shown[third : third + 3] == [*HEAD, "none 2 1 80.00"]
    assert shown[fourth : fourth + 3] == [*HEAD, "none 2 1 to 2 82.00"]
    # Below it the report of what has finished, as ever; its files are not written again for what has not.
    for report_shown in (shown[third:fourth], shown[fourth:]):
        assert any(line.startswith("batch 2 94.00") for line in report_shown)
    assert text.count("wrote ") > 0
    assert not (tmp_path / "out" / "report.html").exists()


def test_a_metric_that_replicates_in_training_do_not_have_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    running = stored.replicate(stored.run(tmp_path / "runs", "batch"), 0, None, state="running")
    stored.curves(running, 0.9)
    with FileLock(running / ".lock"):
        text = watched(tmp_path, monkeypatch, [], "test_acuracy")
    assert lines(text) == [
        "waiting: unknown metric 'test_acuracy'; allowed: test_accuracy, test_loss, train_accuracy, train_loss. "
        "Did you mean 'test_accuracy'?"
    ]
