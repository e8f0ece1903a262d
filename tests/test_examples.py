"""Every command of examples/README.md runs as it stands, but for a few steps."""

import shlex
import shutil
from pathlib import Path

import pytest

from tests.conftest import Cli
from tests.shell_blocks import commands

EXAMPLES = Path(__file__).parents[1] / "examples"


@pytest.mark.slow
def test_every_command_runs(cli: Cli, tmp_path: Path) -> None:
    shutil.copytree(EXAMPLES, tmp_path, dirs_exist_ok=True)
    shown = commands((EXAMPLES / "README.md").read_text(encoding="utf-8"))
    assert len(shown) == 4
    for line in shown:
        _, *arguments = shlex.split(line.replace("steps=200", "steps=3"))
        answer = cli(*arguments, "data.limit=100", "threads=1", "quiet=true")
        assert answer.code == 0, answer.err
    runs = {path.parent.name.rpartition("-")[0] for path in (tmp_path / "runs").glob("*/config.yaml")}
    assert len(runs) == 3, runs
