"""The process that renders charts, and how it is asked.

A request is a line of JSON, and so is the answer. multiprocessing and the pools of concurrent.futures would import the
main program anew, which a program of a user's without `if __name__ == "__main__"` does not survive.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import traceback
from base64 import b64decode, b64encode
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from bnlab.errors import UserError
from bnlab.machine import child
from bnlab.report.rendering import vega

Chart = dict[str, Any]
"""A chart as Vega-Lite's JSON."""


@dataclass(frozen=True)
class Pictures:
    """A chart as SVG, PNG (twice the resolution) and PDF, and as PDF in the width of a column of a paper."""

    svg: str
    png: bytes
    pdf: bytes
    column_pdf: bytes


class Renderer:
    """Renders in a process of its own, one request after another, until it is closed.

    Args:
        version: of Vega-Lite, "v6.1".

    The futures raise UserError if the process was ended, and RuntimeError if it failed; the message is the traceback.
    """

    def __init__(self, version: str) -> None:
        self._version = version
        command, environment = child.command("bnlab.report.rendering")
        # A new session, so that Ctrl-C interrupts this process only, which then ends the other.
        self._process = subprocess.Popen(
            command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
        )
        self._waiting = ThreadPoolExecutor(1)

    def close(self) -> None:
        """Ends the process, which may be drawing what nobody waits for any more."""
        self._process.kill()
        self._waiting.shutdown(cancel_futures=True)
        self._process.communicate()

    def bundle(self) -> Future[str]:
        """The JavaScript that draws charts in a page; see `vega.bundle`."""
        return self._waiting.submit(lambda: self._answer("bundle")["script"])

    def pictures(self, chart: Chart, in_column: Chart) -> Future[Pictures]:
        """The pictures of a chart, which is also given in the width of a column."""
        return self._waiting.submit(self._pictures, chart, in_column)

    def _pictures(self, chart: Chart, in_column: Chart) -> Pictures:
        answer = self._answer("pictures", chart, in_column)
        return Pictures(answer["svg"], *(b64decode(answer[name]) for name in ("png", "pdf", "column_pdf")))

    def _answer(self, name: str, *charts: Chart) -> dict[str, str]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(json.dumps([name, *charts, self._version]).encode() + b"\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        except BrokenPipeError:
            line = b""
        if not line:
            raise UserError(
                f"the process that draws the charts ended with exit code {self._process.wait()}, for want of memory "
                "perhaps; try again, or leave out -o: the report on the terminal has no charts"
            )
        answer: dict[str, str] = json.loads(line)
        if "failed" in answer:
            raise RuntimeError(answer["failed"])
        return answer


def answer_requests() -> None:
    """Answers the requests of a `Renderer` from stdin to stdout, until there are no more."""
    with os.fdopen(os.dup(sys.stdout.fileno()), "w") as answers:
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what a library prints is no answer
        for line in sys.stdin:
            try:
                answer = _ANSWERS[(request := json.loads(line))[0]](*request[1:])
            except Exception:  # whatever it is, the one who asked is to know
                answer = {"failed": traceback.format_exc()}
            print(json.dumps(answer), file=answers, flush=True)


def _script(version: str) -> dict[str, str]:
    return {"script": vega.bundle(version)}


def _drawn(chart: Chart, in_column: Chart, version: str) -> dict[str, str]:
    svg = vega.svg(chart, version)
    files = {"png": vega.png_of(svg), "pdf": vega.pdf_of(svg), "column_pdf": vega.pdf(in_column, version)}
    return {"svg": svg} | {name: b64encode(content).decode() for name, content in files.items()}


_ANSWERS: dict[str, Callable[..., dict[str, str]]] = {"bundle": _script, "pictures": _drawn}
