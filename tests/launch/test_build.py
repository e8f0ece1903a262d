"""When a step is compiled."""

import pytest

from bnlab.launch import build as prepare
from bnlab.machine import compiler
from tests.configured import changed


@pytest.mark.parametrize(
    ("choice", "replicates", "steps", "compiled"),
    [
        ("auto", 1, 499_999, False),
        ("auto", 1, 500_000, True),
        ("auto", 2, 10_000_000, False),
        (True, 16, 1, True),
        (False, 1, 10_000_000, False),
    ],
)
def test_auto_compiles_long_single_runs(
    choice: str | bool, replicates: int, steps: int, compiled: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compiler, "fault", lambda: None)
    monkeypatch.setattr(prepare, "are_faster_by_onednn", lambda: False)
    assert prepare.compiles(changed((), compile=choice), replicates, steps) is compiled


@pytest.mark.parametrize(("choice", "compiled"), [("auto", False), (True, True)])
def test_auto_does_not_compile_where_onednn_is_faster(
    choice: str | bool, compiled: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compiler, "fault", lambda: None)
    monkeypatch.setattr(prepare, "are_faster_by_onednn", lambda: True)
    assert prepare.compiles(changed((), compile=choice), 1, 10_000_000) is compiled


def test_auto_does_not_compile_without_a_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prepare, "are_faster_by_onednn", lambda: False)
    monkeypatch.setattr(compiler, "fault", lambda: "needs a compiler")
    assert not prepare.compiles(changed((), compile="auto"), 1, 10_000_000)
