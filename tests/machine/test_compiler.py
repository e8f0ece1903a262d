"""Whether compiling can work is found out before anything is trained, by compilers that are there, broken, or not."""

import shutil
from pathlib import Path

import pytest

from bnlab.machine import compiler
from tests.conftest import QUICK, Cli, files_below


def script(folder: Path, name: str, *lines: str) -> str:
    path = folder / name
    path.write_text("\n".join(["#!/bin/sh", *lines, ""]))
    path.chmod(0o755)
    return str(path)


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """A folder for compilers, which is not the one in which bnlab runs."""
    folder = tmp_path / "compilers"
    folder.mkdir()
    return folder


@pytest.mark.skipif(shutil.which("g++") is None, reason="needs g++")
def test_a_compiler_that_works_has_no_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CXX", raising=False)
    compiler._fault.cache_clear()
    assert compiler.fault() is None or "python3-dev" in (compiler.fault() or "")


def test_a_compiler_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setenv("PATH", "")
    assert "cannot be run; install one (Debian and Ubuntu: apt install g++ python3-dev)" in (compiler.fault() or "")


def test_a_compiler_without_pythons_headers(elsewhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fatal = "<stdin>:1:10: fatal error: Python.h: No such file or directory"
    monkeypatch.setenv("CXX", script(elsewhere, "cxx", f"echo '{fatal}' >&2", "exit 1"))
    assert "there is no Python.h; install them" in (compiler.fault() or "")


def test_a_compiler_that_fails(elsewhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXX", script(elsewhere, "cxx", "exit 3"))
    assert "cannot compile (exit code 3)" in (compiler.fault() or "")


def test_cxx_may_hold_options(elsewhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiler, "_import_in_silence", lambda: None)
    program = script(elsewhere, "cxx", 'test "$1" = -std=c++20')
    monkeypatch.setenv("CXX", f"{program} -std=c++20")
    assert compiler.fault() is None


def test_training_is_refused_before_it_starts(
    cli: Cli, elsewhere: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CXX", script(elsewhere, "cxx", "exit 1"))
    answer = cli("train", *QUICK, "compile=true")
    assert (answer.code, answer.out) == (2, "")
    assert answer.err.startswith("error: compile=true needs a C++ compiler, and ")
    assert answer.err.endswith(", or use compile=false\n")
    assert answer.err.count("\n") == 1
    assert files_below(tmp_path) == {"compilers/cxx"}
