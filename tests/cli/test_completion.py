"""The TAB key: in a real bash on a terminal, and what zsh and fish are told."""

from __future__ import annotations

import os
import pty
import select
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bnlab.cli.completion import BASH_POSITION, BASH_WORDS, rejoin_words
from tests.conftest import environment

PROMPT = b"ready> "
CLEAR = "\x15"
"""Ctrl-U, at which bash forgets the line."""


@pytest.fixture
def program(tmp_path: Path) -> dict[str, str]:
    """The environment in which `bnlab` is found, as it is when it is installed."""
    file = tmp_path / "bin" / "bnlab"
    file.parent.mkdir()
    file.write_text(f"#!{sys.executable}\nfrom bnlab.__main__ import main\nmain()\n", encoding="utf-8")
    file.chmod(0o755)
    for run in ("batch-native-mlp-0123456789", "layer-native-mlp-0123456789"):
        (tmp_path / "runs" / run).mkdir(parents=True)
    path = os.pathsep.join(filter(None, sys.path))
    return environment(PATH=f"{file.parent}{os.pathsep}{os.environ['PATH']}", PYTHONPATH=path)


class Bash:
    """An interactive bash on a terminal of its own."""

    def __init__(self, folder: Path, variables: dict[str, str]) -> None:
        self._process, self._terminal = pty.fork()
        if self._process == 0:
            os.chdir(folder)
            os.execvpe("bash", ["bash", "--norc", "--noprofile", "-i"], variables | {"TERM": "dumb"})
        self.typed(f"PS1='{PROMPT.decode()}'; bind 'set enable-bracketed-paste off'\n", until=b"\n" + PROMPT)

    def typed(self, keys: str, until: bytes) -> str:
        """What appears after these keys, up to and with `until`."""
        os.write(self._terminal, keys.encode())
        seen, end = b"", time.monotonic() + 60
        while until not in seen:
            assert time.monotonic() < end, seen
            if select.select([self._terminal], [], [], 0.1)[0]:
                seen += os.read(self._terminal, 65_536).replace(b"\r", b"").replace(b"\a", b"")
        return seen.decode()

    def close(self) -> None:
        os.close(self._terminal)
        os.waitpid(self._process, 0)


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash")
def test_in_a_real_bash(program: dict[str, str], tmp_path: Path) -> None:
    bash = Bash(tmp_path, program)
    try:
        bash.typed('source <(bnlab --show-completion bash); echo "l"oaded\n', until=b"loaded\n" + PROMPT)
        for begun, completed in {
            "bnlab trai": "bnlab train",
            "bnlab train nor": "bnlab train norm",
            "bnlab train norm=laye": "bnlab train norm=layer",
            "bnlab train -m norm=batch,laye": "bnlab train -m norm=batch,layer",
            "bnlab train norm=group norm.num": "bnlab train norm=group norm.num_groups=8",
            "bnlab train experiment=article_k": "bnlab train experiment=article_keras",
            "bnlab train rer": "bnlab train rerun=",
            "bnlab evaluate lay": "bnlab evaluate layer-native-mlp-0123456789",
            "bnlab runs show bat": "bnlab runs show batch-native-mlp-0123456789",
            "bnlab report --basel": "bnlab report --baseline",
        }.items():
            assert bash.typed(f"{CLEAR}{begun}\t", until=completed.encode())
        listed = bash.typed(f"{CLEAR}bnlab train norm=\t\t", until=b"weight_norm")
        assert "switchable" in listed
    finally:
        bash.close()


@pytest.mark.parametrize(
    ("shell", "variables", "expected"),
    [
        ("zsh", {"_TYPER_COMPLETE_ARGS": "bnlab train norm=laye"}, "_arguments '*: :((\"norm=layer\"))'"),
        (
            "fish",
            {"_TYPER_COMPLETE_ARGS": "bnlab train norm=laye", "_TYPER_COMPLETE_FISH_ACTION": "get-args"},
            "norm=layer",
        ),
    ],
)
def test_in_zsh_and_fish(
    shell: str, variables: dict[str, str], expected: str, program: dict[str, str], tmp_path: Path
) -> None:
    """As their scripts call it; the shells themselves are not tried."""
    told = subprocess.run(
        ["bnlab"],
        env=program | variables | {"_BNLAB_COMPLETE": f"complete_{shell}"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert told.stdout.strip() == expected


@pytest.mark.parametrize(
    ("words", "position", "joined"),
    [
        (["bnlab", "train", "norm", "="], 3, ["bnlab", "train", ""]),
        (["bnlab", "train", "norm", "=", "ba"], 4, ["bnlab", "train", "ba"]),
        (["bnlab", "train", "norm", "=", "batch", "see"], 5, ["bnlab", "train", "norm=batch", "see"]),
        (["bnlab", "runs", "--runs-dir", "=", "r"], 4, ["bnlab", "runs", "--runs-dir=r"]),
    ],
)
def test_words_that_bash_cuts(
    words: list[str], position: int, joined: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "environ", {BASH_WORDS: "\n".join(words), BASH_POSITION: str(position)})
    rejoin_words()
    assert os.environ[BASH_WORDS].split("\n") == joined
    assert os.environ[BASH_POSITION] == str(len(joined) - 1)
