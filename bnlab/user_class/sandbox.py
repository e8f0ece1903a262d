"""A user's code is tried in a process of its own, which may loop, print, exit or crash without harm.

The child, `python -P -m bnlab.user_class FUNCTION SECONDS ARGUMENTS`, writes what the function gives, or an error, as
JSON to its stdout and sends all else that is written there to nowhere. Its time limit is faulthandler's watchdog, a
thread in C: no `except` catches it, and it stops C code too. Only an answer is one: a child that ends without is an
error, whatever its code.
"""

from __future__ import annotations

import faulthandler
import json
import os
import re
import signal
import subprocess
import sys
import traceback
from importlib import import_module
from pathlib import Path
from typing import Any, BinaryIO

from bnlab.errors import UserError, one_line
from bnlab.user_class.target import parse

STOPPED = b"Timeout ("
"""How the watchdog's words begin."""


def confined(function: str, target: str, *arguments: Any, seconds: float, if_slow: str = "") -> Any:
    """What `package.module:function` gives for a user's class `my_file.py:MyNorm` and further arguments, all as JSON.

    Args:
        function: its module is imported before the time begins to run.
        seconds: how long it may take.
        if_slow: what to do about a class that takes longer, the end of that error.

    Raises:
        UserError: as the function; it takes longer than `seconds`, crashes, or ends the process.
    """
    file = parse(target).file
    command = [
        sys.executable,
        "-P",
        "-m",
        "bnlab.user_class",
        function,
        repr(seconds),
        json.dumps([target, *arguments]),
    ]
    # Our own path, for the working directory is on none but where it is on ours: a random.py in it would be Python's.
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    # a session of its own, so that Ctrl-C comes to us alone, and is no KeyboardInterrupt of the class
    with subprocess.Popen(
        command,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    ) as child:
        try:
            said, complaint = child.communicate()
        finally:
            child.kill()
    before, stopped, stack = said.partition(STOPPED)
    if stopped and not before:
        place = _place(stack.decode(), file)
        raise UserError(f"{target} was not done after {seconds:g} s{place}, an endless loop perhaps{if_slow}")
    try:
        return _read(said)
    except (ValueError, KeyError, TypeError):
        pass  # no answer
    if child.returncode < 0:
        raise UserError(f"{target} crashed with {_signal_name(-child.returncode)}")
    last = (complaint.decode(errors="replace").strip().splitlines() or [f"exit code {child.returncode}"])[-1]
    raise UserError(f"{target} ended the process before it was done ({last}); a layer must not call exit")


def _read(said: bytes) -> Any:
    """Raises what the child raised, and ValueError, KeyError or TypeError for what is no answer."""
    found = json.loads(said)
    if "refused" in found:
        raise UserError(found["refused"])
    if "broke" in found:
        raise RuntimeError(found["broke"])
    return found["answer"]


def _signal_name(number: int) -> str:
    """Real-time signals have none in Python, but for the first and the last."""
    known = {each.value: each.name for each in signal.Signals}
    return known.get(number, f"signal {number}")


def _place(stack: str, file: Path) -> str:
    """The line of the user's file that was being run; faulthandler lists the newest call first."""
    found = re.search(rf'File "{re.escape(str(file))}", line (\d+)', stack)
    return f", in line {found[1]} of {file.name}" if found else ""


def _outcome(function: str, seconds: float, arguments: list[Any], out: BinaryIO) -> dict[str, Any]:
    """The child's part, once its output goes to nowhere."""
    module, _, name = function.partition(":")
    call = getattr(import_module(module), name)  # imports torch, which is no part of the time limit
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


def answer() -> None:
    """The child, see __main__.py: the arguments come from the command line."""
    function, seconds, arguments = sys.argv[1:]
    with os.fdopen(os.dup(1), "wb") as out:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 1)
        os.dup2(nowhere, 2)
        out.write(json.dumps(_outcome(function, float(seconds), json.loads(arguments), out)).encode())
