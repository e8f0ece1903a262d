"""The process that renders charts: calls, their errors, and its end."""

import math
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bnlab.errors import UserError
from bnlab.report.rendering import Renderer

from . import stored


@pytest.fixture
def renderer() -> Iterator[Renderer]:
    one = Renderer()
    yield one
    one.close()


def test_calls_are_answered_in_their_order_by_another_process(renderer: Renderer) -> None:
    calls = [renderer.call(math.sqrt, number) for number in (1.0, 4.0, 9.0)]
    assert [call.result() for call in calls] == [1, 2, 3]
    assert renderer.call(os.getpid).result() != os.getpid()


def test_an_error_is_raised_here_and_the_next_call_is_answered(renderer: Renderer) -> None:
    wrong, right = renderer.call(int, "x"), renderer.call(int, "7")
    with pytest.raises(ValueError, match="invalid literal"):
        wrong.result()
    assert right.result() == 7


def test_what_a_library_prints_is_no_answer(renderer: Renderer) -> None:
    assert renderer.call(os.system, "echo printed").result() == 0
    assert renderer.call(print, "printed").result() is None


def test_the_end_of_the_process_is_one_line(renderer: Renderer) -> None:
    with pytest.raises(UserError, match=r"^the process that draws the charts ended with exit code 3, [^\n]*$"):
        renderer.call(os._exit, 3).result()
    with pytest.raises(UserError, match="exit code 3"):
        renderer.call(os.getpid).result()


def test_closing_waits_for_no_call() -> None:
    renderer = Renderer()
    renderer.call(os.getpid).result()
    renderer.call(time.sleep, 60)
    begin = time.monotonic()
    renderer.close()
    assert time.monotonic() - begin < 10


def test_a_program_needs_no_guard(tmp_path: Path) -> None:
    """A pool of multiprocessing would run a user's program again in its process, and fail."""
    stored.arm(tmp_path / "runs", "batch", [0.9, 0.91])
    program = tmp_path / "program.py"
    program.write_text('import bnlab\n\nprint("once")\nbnlab.compare("runs").write("out")\n')
    done = subprocess.run([sys.executable, program], cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "once\n", "")
    assert (tmp_path / "out" / "charts" / "final-test_accuracy-column.pdf").read_bytes().startswith(b"%PDF")
