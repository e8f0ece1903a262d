"""The recipes of CONTRIBUTING.md, followed word for word in a copy of bnlab."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

from tests.conftest import environment

CHECKOUT = Path(__file__).parents[1]
STEP = re.compile(r"^\d+\. `(\S+)`(.*?)^   ```\w+\n(.*?)^   ```$", re.MULTILINE | re.DOTALL)
"""A step of a recipe: the file, what is said about it, and the text that it gets."""

COMMANDS = """\
import sys
from bnlab.cli.app import main

for line in sys.stdin.read().splitlines():
    sys.argv = ["bnlab", *line.split()]
    print("$", *sys.argv, flush=True)
    try:
        main()
    except SystemExit as stop:
        if stop.code:
            sys.exit(f"{line}: exit code {stop.code}")
"""


def copied(folder: Path) -> Path:
    """A copy of bnlab that the recipes may change. MNIST is large and stays where it is."""
    for name in ("bnlab", "conf", "hydra_plugins"):
        ignored = shutil.ignore_patterns("__pycache__", "mnist")
        shutil.copytree(CHECKOUT / name, folder / name, ignore=None if name == "conf" else ignored)
    (folder / "bnlab/data/mnist").symlink_to(CHECKOUT / "bnlab/data/mnist", target_is_directory=True)
    return folder


def follow(title: str, copy: Path) -> list[str]:
    """Does what the recipe says: a file that is there gets the text at its end. The files, in the recipe's order."""
    text = (CHECKOUT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    section = re.split(r"^## ", text, flags=re.MULTILINE)
    (recipe,) = (each for each in section if each.startswith(f"{title}\n"))
    steps = [(path, textwrap.dedent(content)) for path, _, content in STEP.findall(recipe)]
    for path, content in steps:
        file = copy / path
        before = f"{file.read_text(encoding='utf-8')}\n\n" if file.exists() else ""
        file.write_text(before + content, encoding="utf-8")
    return [path for path, _ in steps]


def commands(copy: Path, folder: Path, *lines: str) -> dict[str, str]:
    """What the copy prints for each command line, run in an empty folder one after the other, in one process."""
    folder.mkdir()
    done = subprocess.run(
        [sys.executable, "-c", COMMANDS],
        input="\n".join(lines),
        cwd=folder,
        env=environment(PYTHONPATH=str(copy), COLUMNS="200"),
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    printed = re.split(r"^\$ bnlab (.*)\n", done.stdout, flags=re.MULTILINE)[1:]
    return dict(zip(printed[::2], printed[1::2], strict=True))


def test_add_a_scheme(tmp_path: Path) -> None:
    copy = copied(tmp_path / "copy")
    files = follow("Add a scheme", copy)
    assert len(files) == 4
    few = "steps=2 data.limit=200 threads=1 quiet=true"
    lists, page, train, sweep, verify, report = (
        "norms",
        "norms mean_abs",
        f"train norm=mean_abs {few} model=cnn",
        f"train -m norm=none,mean_abs seeds=2 {few}",
        "verify mean_abs",
        "report",
    )
    out = commands(copy, tmp_path / "empty", lists, page, train, sweep, verify, report)
    assert "mean_abs" in out[lists]
    assert "norm.eps=1.0e-5  added to the mean absolute value" in out[page]
    stored = {path.parent.name.rpartition("-")[0] for path in (tmp_path / "empty/runs").glob("*/config.yaml")}
    assert stored == {"mean_abs-custom-cnn", "mean_abs-custom-mlp", "none-mlp"}
    assert "gradient" in out[verify]
    assert "fail" not in out[verify]
    assert "mean_abs" in out[report]
