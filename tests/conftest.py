"""What the tests of more than one module share: a cache of their own, and bnlab's command line inside this process."""

import functools
import gc
import importlib.util
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from bnlab.machine import interrupt
from tests import forks

# The tests run in a process per core; threads of theirs would only wait for each other. Read when torch is imported.
os.environ.setdefault("OMP_NUM_THREADS", "1")

QUICK = ("threads=1", "data.limit=200", "epochs=1")
"""Seven steps of training."""


@dataclass(frozen=True)
class Answer:
    """What a command did. Printed by pytest when an assertion on it fails."""

    code: int
    out: str
    err: str


Cli = Callable[..., Answer]


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The cache folder of this session, so that no test reads or writes the user's."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("cache")
        patch.setenv("XDG_CACHE_HOME", str(folder))
        yield folder


@pytest.fixture(scope="session", autouse=True)
def _stderr_stays_open() -> None:
    """What logs for Keras closes, when Hydra sets up logging, what was stderr as it was imported: that is pytest's."""
    if importlib.util.find_spec("absl") is not None:
        from absl import logging

        logging.get_absl_handler().python_handler.stream = sys.__stderr__


@pytest.fixture(autouse=True)
def _signals_are_as_before() -> Iterator[None]:
    """Processes that later tests start would inherit a signal that is ignored."""
    before = [signal.getsignal(number) for number in interrupt.SIGNALS]
    yield
    assert [signal.getsignal(number) for number in interrupt.SIGNALS] == before


@pytest.fixture(scope="module", autouse=True)
def _frozen() -> None:
    """What is in memory by now, libraries above all, is not searched for garbage again at each training's begin."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def _launches_without_repetition() -> Iterator[None]:
    """A process usually has one launch, and this one has hundreds.

    So Typer makes the commands once. And Hydra, which composes each launch once only to see whether hydra.mode is set,
    does not where nothing can have set it.
    """
    import typer.main
    from hydra._internal.hydra import Hydra

    get_mode = Hydra.get_mode

    def mode(self: Hydra, config_name: str | None, overrides: Sequence[str]) -> Any:
        sources = self.config_loader.get_search_path().get_path()
        own = config_name != "config" or any(source.provider == "command-line" for source in sources)
        named = any(re.match(r"[+~]*hydra(\.mode|\.searchpath|=|@)", each) for each in overrides)
        return get_mode(self, config_name, list(overrides)) if own or named else None

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Hydra, "get_mode", mode)
        patch.setattr(typer.main, "get_command", functools.cache(typer.main.get_command))
        yield


@pytest.fixture(scope="session", autouse=True)
def _sandboxes_are_forks() -> Iterator[None]:
    """Of a process that has imported PyTorch, where there is a way to ask it for one."""
    with pytest.MonkeyPatch.context() as patch:
        if sys.platform == "linux":
            patch.setattr(
                "bnlab.user_class.sandbox.subprocess", SimpleNamespace(PIPE=subprocess.PIPE, Popen=forks.Fork)
            )
        yield
    forks.stop()


@pytest.fixture
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Cli:
    """`cli("train", "norm=layer")` runs that command in an empty folder, without the seconds of a new process."""
    from bnlab.cli.app import main

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.delenv("HYDRA_FULL_ERROR", raising=False)

    def call(*arguments: str) -> Answer:
        monkeypatch.setattr(sys, "argv", ["bnlab", *arguments])
        with pytest.raises(SystemExit) as stop:
            main()
        captured = capsys.readouterr()
        code = stop.value.code
        return Answer(code if isinstance(code, int) else int(code is not None), captured.out, captured.err)

    return call


def files_below(folder: Path) -> set[str]:
    """Every file below a folder, as relative paths."""
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir()}


def environment(**changes: str) -> dict[str, str]:
    """The environment for a real process: this one's, one thread, no Hydra tracebacks."""
    kept = {name: value for name, value in os.environ.items() if name != "HYDRA_FULL_ERROR"}
    return kept | {"OMP_NUM_THREADS": "1"} | changes
