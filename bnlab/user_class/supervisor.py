"""Runs a user's code under a time limit: `python -P -m bnlab.user_class FUNCTION SECONDS ARGUMENTS`, see sandbox.py.

This process only watches. The code runs in a child of it, the worker, which sends what the function gives, or an error,
as JSON through a pipe, and sends all else that it writes to nowhere. The worker's own limit is faulthandler's watchdog,
a thread in C: no `except` catches it, it stops C code too, and it says in which line. Where that fails, as of a process
that stops itself, the limit is kept from here.

At the end, at the limit, and when the process that wants the answer is gone (its end of our stdin closes), the worker
and all that it has started are killed.
"""

from __future__ import annotations

import contextlib
import ctypes
import faulthandler
import json
import math
import os
import select
import signal
import sys
import time
import traceback
from importlib import import_module
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

from bnlab.errors import UserError, one_line

BEGUN = b"\n"
"""The worker's first word, when the imports are done and the time begins to run; JSON takes it for a space."""

STOPPED = b"Timeout ("
"""How the watchdog's words begin."""

GRACE, LOOK = 1.0, 0.05
"""Seconds for the watchdog to speak first, and between looks at a worker that may have ended."""

PARENT_DEATH_SIGNAL, CHILD_SUBREAPER = 1, 36
"""Linux's prctl(2): a signal to a process whose parent dies; to be the parent of all orphans below."""


def supervise() -> None:
    """Writes one JSON object to stdout: answer, refused, broke, stopped, crashed or ended, each with what is known."""
    function, seconds, arguments = sys.argv[1], float(sys.argv[2]), json.loads(sys.argv[3])
    _prctl(CHILD_SUBREAPER, 1)
    answers, to_answer = os.pipe()
    worker = os.fork()
    if worker == 0:
        os.close(answers)
        _work(function, seconds, arguments, to_answer)
    os.close(to_answer)
    try:
        outcome = _watch(worker, answers, seconds)
    finally:
        _kill_all(worker)
    sys.stdout.write(json.dumps(outcome))


def _watch(worker: int, answers: int, seconds: float) -> dict[str, Any]:
    """What becomes of the worker."""
    os.set_blocking(answers, False)
    said, sources, deadline = b"", [sys.stdin.fileno(), answers], math.inf
    while True:
        ready, _, _ = select.select(sources, [], [], LOOK)
        if sys.stdin.fileno() in ready:
            return {"stopped": ""}  # nobody is there to read it
        ended, status = os.waitpid(worker, os.WNOHANG)
        new, closed = _available(answers)
        said += new
        if closed and answers in sources:
            sources.remove(answers)
        if ended:
            return _outcome(said, os.waitstatus_to_exitcode(status))
        if said and deadline == math.inf:
            deadline = time.monotonic() + seconds + GRACE
        if time.monotonic() > deadline:
            return {"stopped": ""}


def _available(pipe: int) -> tuple[bytes, bool]:
    """What can be read without waiting, and whether there will be no more."""
    said = b""
    while True:
        try:
            new = os.read(pipe, 2**20)
        except BlockingIOError:
            return said, False
        if not new:
            return said, True
        said += new


def _outcome(said: bytes, code: int) -> dict[str, Any]:
    """Only an answer is one: a worker that ends without is an error, whatever its code."""
    before, stopped, stack = said.partition(STOPPED)
    if stopped and before == BEGUN:
        return {"stopped": stack.decode(errors="replace")}
    with contextlib.suppress(ValueError):
        found = json.loads(said)
        if isinstance(found, dict):
            return found
    return {"crashed": -code} if code < 0 else {"ended": code}


def _kill_all(worker: int) -> None:
    """The worker's process group, then whatever has left the group: on Linux these are our children by now."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(worker, signal.SIGKILL)
    while children := _children():
        for child in children:
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
        for _ in children:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(-1, 0)


def _children() -> list[int]:
    """None where the kernel does not tell."""
    try:
        return [int(pid) for pid in Path(f"/proc/self/task/{os.getpid()}/children").read_text(encoding="ascii").split()]
    except OSError:
        return []


def _work(function: str, seconds: float, arguments: list[Any], to_answer: int) -> NoReturn:
    """The worker. It ends at once when it has answered, whatever threads and exit handlers there are."""
    os.setsid()
    _prctl(PARENT_DEATH_SIGNAL, signal.SIGKILL)
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nowhere, stream)
    with os.fdopen(to_answer, "wb") as out:
        out.write(json.dumps(_call(function, seconds, arguments, out)).encode())
    os._exit(0)


def _call(function: str, seconds: float, arguments: list[Any], out: BinaryIO) -> dict[str, Any]:
    module, _, name = function.partition(":")
    call = getattr(import_module(module), name)  # imports torch, which is no part of the time limit
    out.write(BEGUN)
    out.flush()
    faulthandler.dump_traceback_later(seconds, exit=True, file=out)
    try:
        return {"answer": call(*arguments)}
    except UserError as error:
        return {"refused": str(error)}
    except Exception:
        return {"broke": traceback.format_exc()}
    except BaseException as error:
        return {"refused": f"{arguments[0]} raises {one_line(error)}"}
    finally:
        faulthandler.cancel_dump_traceback_later()


def _prctl(option: int, value: int) -> None:
    """Linux's; nothing elsewhere."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)
