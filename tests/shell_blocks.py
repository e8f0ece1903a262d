"""The commands and programs that a Markdown text shows, and the shell of a reader who types them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path


def commands(text: str) -> list[str]:
    """The lines of the shell blocks that start with bnlab, without comments."""
    blocks = re.findall(r"```sh\n(.*?)```", text, flags=re.DOTALL)
    lines = [line.partition("  #")[0].strip() for block in blocks for line in block.splitlines()]
    return [line for line in lines if line.startswith("bnlab ")]


def dialogues(text: str) -> list[tuple[str, str]]:
    """The commands that are shown behind a $, each with the lines that it is said to print."""
    return re.findall(r"```(?:console)?\n\$ (bnlab [^\n]*)\n(.*?)```", text, flags=re.DOTALL)


def write_programs(text: str, folder: Path) -> list[str]:
    """Writes the Python blocks whose first line is a file's name to such files in the folder; returns their names."""
    programs = dict(re.findall(r"```python\n(?=# (\w+\.py)\n)(.*?)```", text, flags=re.DOTALL))
    for name, program in programs.items():
        (folder / name).write_text(program, encoding="utf-8")
    return list(programs)


def run(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """The command on all cores, as a reader runs it: tests set one thread for themselves."""
    here = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        f"set -o pipefail; {command}",
        shell=True,
        executable=shutil.which("bash"),
        cwd=folder,
        env=here | {"PATH": path},
        text=True,
        capture_output=True,
        check=False,
    )
