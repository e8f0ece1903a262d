"""The process that renders charts: its answers, its errors, and its end."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bnlab.errors import UserError
from bnlab.report.charts import VEGA_LITE
from bnlab.report.rendering import Renderer, svg

from . import stored

NOISY = """
from bnlab.report.rendering import renderer
renderer._ANSWERS["noise"] = lambda version: print("printed") or {"script": version}
renderer.answer_requests()
"""


def chart(name: str, points: int = 3) -> dict[str, Any]:
    values = [{"x": number, "y": number % 7} for number in range(points)]
    encoding = {"x": {"field": "x", "type": "quantitative", "title": name}, "y": {"field": "y", "type": "quantitative"}}
    return {"data": {"values": values}, "mark": "point", "encoding": encoding}


@pytest.fixture
def renderer() -> Iterator[Renderer]:
    one = Renderer(VEGA_LITE)
    yield one
    one.close()


def test_charts_are_rendered_in_the_order_of_the_requests(renderer: Renderer) -> None:
    pending = [renderer.pictures(chart(name), chart(f"{name}, narrow")) for name in ("first", "second, σ²")]
    for name, future in zip(("first", "second, σ²"), pending, strict=True):
        found = future.result()
        assert found.svg == svg(chart(name), VEGA_LITE)
        assert f">{name}<" in found.svg
        assert (found.png[:4], found.pdf[:4], found.column_pdf[:4]) == (b"\x89PNG", b"%PDF", b"%PDF")


def test_a_failure_is_raised_here_and_the_next_chart_is_rendered(renderer: Renderer) -> None:
    wrong, right = (renderer.pictures(each, each) for each in ({"mark": "no mark"}, chart("right")))
    with pytest.raises(RuntimeError, match="Traceback"):
        wrong.result()
    assert ">right<" in right.result().svg


def test_what_a_library_prints_is_no_answer() -> None:
    done = subprocess.run([sys.executable, "-c", NOISY], input='["noise", "v6"]\n' * 2, capture_output=True, text=True)
    assert [json.loads(line) for line in done.stdout.splitlines()] == [{"script": "v6"}] * 2
    assert done.stderr.split() == ["printed"] * 2


def test_the_end_of_the_process_is_one_line(renderer: Renderer) -> None:
    os.kill(renderer._process.pid, signal.SIGKILL)
    for _ in range(2):
        with pytest.raises(UserError, match=r"^the process that draws the charts ended with exit code -9, [^\n]*$"):
            renderer.bundle().result()


def test_closing_waits_for_no_chart() -> None:
    renderer = Renderer(VEGA_LITE)
    slow = chart("slow", 300_000)
    pending = renderer.pictures(slow, slow)
    time.sleep(0.5)
    begin = time.monotonic()
    renderer.close()
    assert time.monotonic() - begin < 2
    assert pending.done()


def test_a_program_needs_no_guard(tmp_path: Path) -> None:
    """A pool of multiprocessing would run a user's program again in its process, and fail."""
    stored.arm(tmp_path / "runs", "batch", [0.9, 0.91])
    program = tmp_path / "program.py"
    program.write_text('import bnlab\n\nprint("once")\nbnlab.compare("runs").write("out")\n')
    done = subprocess.run([sys.executable, program], cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "once\n", "")
    assert (tmp_path / "out" / "charts" / "final-test_accuracy-column.pdf").read_bytes().startswith(b"%PDF")
