"""Adds to the output of `--cfg job` and `--help` the comments of the shipped files, which explain the settings.

It also removes the studies from the list of groups, in which Hydra lists every folder of conf/.
"""

from __future__ import annotations

import contextlib
import functools
import io
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from bnlab.config import CHOICES, CONF

LINE = re.compile(r"( *)(\w+):(?: +(.*?))?(?: +# (.*))?")
STUDIES = re.compile(r"^study: .*\n", re.MULTILINE)
COLUMN = 34
"""The column at which comments begin, unless the line is longer."""


@contextlib.contextmanager
def commented(*, wanted: bool) -> Iterator[None]:
    """Adds the comments to what is printed within the `with`, if they are wanted."""
    if not wanted:
        yield
        return
    text = io.StringIO()
    try:
        with contextlib.redirect_stdout(text):
            yield
    finally:
        sys.stdout.write(with_comments(STUDIES.sub("", text.getvalue())))


def with_comments(text: str) -> str:
    """Adds to each line of a configuration in YAML the comment that the shipped file has on this setting."""
    lines = text.splitlines(keepends=True)
    package = re.match(r"# @package (\w+)\n", text)
    section, comments, found = "", _comments(CONF / "config.yaml"), []
    if package is not None:
        section, comments = package[1], _of_section(package[1], lines, "")
    for number, line in enumerate(lines):
        setting = LINE.fullmatch(line.rstrip("\n"))
        if setting is not None and package is None and not setting[1]:
            section = setting[2]
            comments = _comments(CONF / "config.yaml") | _of_section(section, lines[number + 1 :], "  ")
        key = "" if setting is None else f"{section}.{setting[2]}" if setting[1] or package is not None else setting[2]
        comment = comments.get(key)
        found.append(f"{line.rstrip():<{COLUMN}}  # {comment}\n" if comment else line)
    return "".join(found)


def _of_section(section: str, lines: list[str], indent: str) -> dict[str, str]:
    """The comments on the settings of the choice that these lines name, by key (`norm.eps`)."""
    name = next(
        (line.removeprefix(f"{indent}name: ").strip() for line in lines if line.startswith(f"{indent}name: ")), ""
    )
    if section not in CHOICES or name not in CHOICES[section]:
        return {}
    return {f"{section}.{key}": comment for key, comment in _comments(CONF / section / f"{name}.yaml").items()}


@functools.cache
def _comments(path: Path) -> dict[str, str]:
    """The comments on the settings of a file, by key: those on the same line or below it, else those above."""
    comments: dict[str, str] = {}
    above: list[str] = []
    parent = key = ""
    for line in path.read_text(encoding="utf-8").splitlines():
        setting = LINE.fullmatch(line)
        remark = re.fullmatch(r"( *)# (.*)", line)
        if remark is not None and remark[1] and key:
            comments[key] = f"{comments.get(key, '')} {remark[2]}".strip()
        elif remark is not None:
            above.append(remark[2])
        elif setting is not None:
            parent = parent if setting[1] else setting[2]
            key = f"{parent}.{setting[2]}" if setting[1] else setting[2]
            comment = setting[4] or " ".join(above)
            if comment and setting[2] != "name":
                comments[key] = comment
            above = []
        else:
            above = []
    return comments
