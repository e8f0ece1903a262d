"""Shared by all tests: fixtures that isolate and speed them up, and bnlab's command line in this process (`cli`)."""

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

# One thread, as there is a test process per core already. Torch reads this when it is imported.
os.environ.setdefault("OMP_NUM_THREADS", "1")

QUICK = ("threads=1", "data.limit=200", "epochs=1")
"""Settings for a training of seven steps."""


@dataclass(frozen=True)
class Answer:
    """A command's exit code and output. pytest prints it if an assertion on it fails."""

    code: int
    out: str
    err: str


Cli = Callable[..., Answer]


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A cache folder for this session, so that no test reads or writes the user's."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("cache")
        patch.setenv("XDG_CACHE_HOME", str(folder))
        yield folder


@pytest.fixture(scope="session", autouse=True)
def _stderr_stays_open() -> None:
    """Keeps pytest's stderr open: absl, Keras's logging, would close it when Hydra sets up logging.

    absl holds the stream that was stderr at its import, which is pytest's; it gets the process's own instead.
    """
    if importlib.util.find_spec("absl") is not None:
        from absl import logging

        logging.get_absl_handler().python_handler.stream = sys.__stderr__


@pytest.fixture(autouse=True)
def _signals_are_as_before() -> Iterator[None]:
    """Fails a test that changes signal handlers: processes of later tests would inherit an ignored signal."""
    before = [signal.getsignal(number) for number in interrupt.SIGNALS]
    yield
    assert [signal.getsignal(number) for number in interrupt.SIGNALS] == before


@pytest.fixture(scope="module", autouse=True)
def _frozen() -> None:
    """Excludes objects that exist now, mostly libraries', from the garbage collection at each start of a training."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def _launches_without_repetition() -> Iterator[None]:
    """Saves time in this process, which has hundreds of launches where a usual one has a single launch.

    Typer makes the commands only once. Hydra composes a configuration just to read hydra.mode; that is skipped if
    nothing can have set hydra.mode.
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
    """On Linux, sandboxes are forks of a process that has imported PyTorch, which saves seconds; see forks.py."""
    with pytest.MonkeyPatch.context() as patch:
        if sys.platform == "linux":
            patch.setattr(
                "bnlab.user_class.sandbox.subprocess", SimpleNamespace(PIPE=subprocess.PIPE, Popen=forks.Fork)
            )
        yield
    forks.stop()


@pytest.fixture
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Cli:
    """`cli("train", "norm=layer")` runs that command in an empty folder, inside this process to save time."""
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
    """The relative paths of all files below a folder."""
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir()}


def environment(**changes: str) -> dict[str, str]:
    """The environment variables for a separate process: this one's, but one thread and no Hydra tracebacks."""
    kept = {name: value for name, value in os.environ.items() if name != "HYDRA_FULL_ERROR"}
    return kept | {"OMP_NUM_THREADS": "1"} | changes
