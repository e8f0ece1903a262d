"""`bnlab report --watch`: a new report whenever a result has changed."""

import io
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from bnlab import report

from . import stored


def test_a_changed_result_makes_a_new_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "runs").mkdir()

    def finishes() -> None:
        stored.arm(tmp_path / "runs", "batch", [0.97])

    def nothing() -> None:
        pass

    def stops() -> None:
        raise KeyboardInterrupt

    rounds: list[Callable[[], None]] = [nothing, finishes, nothing, nothing, stops]
    monkeypatch.setattr(time, "sleep", lambda seconds: rounds.pop(0)())
    console = Console(file=io.StringIO(), width=200)
    with pytest.raises(KeyboardInterrupt):
        report.watch([tmp_path / "runs"], report.Question(), tmp_path / "out", console)
    assert isinstance(console.file, io.StringIO)
    text = console.file.getvalue()
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
    assert set(report._state([tmp_path])) == {run / "seed-1" / "result.json"}
