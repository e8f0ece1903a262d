"""Runs a user's code under a time limit: `python -P -m bnlab.user_class FUNCTION SECONDS ARGUMENTS`, see sandbox.py.

This process only watches. The code runs in its child, the worker, which sends the function's answer or an error as JSON
through a pipe; all other output of the worker is dropped. The worker limits its own time by faulthandler's watchdog, a
thread in C: no `except` catches it, it stops C code too, and it reports the line. If the watchdog cannot act, e.g. in a
process that was stopped by a signal, this process enforces the limit.

The worker and all processes that it started are killed at the end, at the time limit, and when the process that waits
for the answer has ended (then our stdin closes).
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
"""The worker sends this after its imports, when the time limit begins; to JSON it is white space."""

STOPPED = b"Timeout ("
"""How the watchdog's report begins."""

GRACE, LOOK = 1.0, 0.05
"""Seconds: GRACE is how long the watchdog may be late before this process stops the worker; LOOK is the interval at
which this process looks whether the worker has ended."""

PARENT_DEATH_SIGNAL, CHILD_SUBREAPER = 1, 36
"""Options of Linux's prctl(2): get a signal when the parent dies; become the parent of all orphaned descendants."""


def supervise() -> None:
    """Runs the function of sys.argv and writes the outcome to stdout, a JSON object with one key.

    The keys: `answer`, the function's result; `refused`, the text of a UserError; `broke`, the traceback of a fault in
    bnlab; `stopped`, the stack at the time limit; `crashed`, a signal's number; `ended`, an exit code.
    """
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
    """Waits for the worker and returns the outcome, as `supervise` writes it.

    Args:
        worker: its process id.
        answers: the end of the pipe to read from.
        seconds: time limit.
    """
    os.set_blocking(answers, False)
    said, sources, deadline = b"", [sys.stdin.fileno(), answers], math.inf
    while True:
        ready, _, _ = select.select(sources, [], [], LOOK)
        if sys.stdin.fileno() in ready:
            return {"stopped": ""}  # nobody waits for the answer any more
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
    """The bytes that can be read without waiting, and whether the pipe is closed."""
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
    """The outcome of a worker that has ended; without an answer it is an error, even with exit code 0."""
    before, stopped, stack = said.partition(STOPPED)
    if stopped and before == BEGUN:
        return {"stopped": stack.decode(errors="replace")}
    with contextlib.suppress(ValueError):
        found = json.loads(said)
        if isinstance(found, dict):
            return found
    return {"crashed": -code} if code < 0 else {"ended": code}


def _kill_all(worker: int) -> None:
    """Kills the worker's process group, then processes that left the group: on Linux they are our children now."""
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
    """The ids of our child processes; empty if the kernel does not list them."""
    try:
        return [int(pid) for pid in Path(f"/proc/self/task/{os.getpid()}/children").read_text(encoding="ascii").split()]
    except OSError:
        return []


def _work(function: str, seconds: float, arguments: list[Any], to_answer: int) -> NoReturn:
    """The worker's work: calls the function and sends the answer. It ends at once then, without exit handlers."""
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
    call = getattr(import_module(module), name)  # imports torch, before the time limit begins
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
    """Calls Linux's prctl(2); does nothing on other systems."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)
