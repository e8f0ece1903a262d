"""Killed anywhere and repeated, training ends with the same bits. The long form: tests/benchmarks/kill_rig.py."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import environment

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_killed_and_repeated_it_is_bit_identical() -> None:
    # A process of its own, because forks of this one would share its threads. Each place once.
    command = [sys.executable, "-m", "tests.benchmarks.kill_rig", "--kills", "6", "--scenarios", "2"]
    done = subprocess.run(command, cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("bit-identical\n") >= 4
    assert ", 0 not bit-identical; " in done.stdout
