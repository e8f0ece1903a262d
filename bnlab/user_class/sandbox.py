"""Runs a user's code in a separate process: it may loop, print, exit, crash or leave processes behind.

supervisor.py is that process. This is no protection against malicious code, which can use files, the environment and
the network like any program of the user's.
"""

from __future__ import annotations

import json
import re
import signal
import subprocess
from pathlib import Path
from typing import Any

from bnlab.errors import UserError, printable
from bnlab.machine import child
from bnlab.user_class.target import parse


def confined(function: str, target: str, *arguments: Any, seconds: float, if_slow: str = "") -> Any:
    """Calls `package.module:function` with a user's class in a separate process, and returns its answer.

    Arguments and answer travel as JSON. In the answer all texts are printable: a class may have escape sequences in its
    name and in its errors.

    Args:
        function: `package.module:function`; the module is imported before the time limit begins.
        target: the class, `my_file.py:MyNorm`, the function's first argument.
        arguments: its further arguments.
        seconds: time limit.
        if_slow: advice for a class that takes longer, put at the end of the error.

    Raises:
        UserError: as the function; the code takes longer than `seconds`, crashes, or ends the process.
        RuntimeError: bnlab's own code failed; the message is the traceback.
    """
    parse(target)  # raises early if there is no such file or module
    command, environment = child.command("bnlab.user_class", function, repr(seconds), json.dumps([target, *arguments]))
    # A new session, so that Ctrl-C interrupts this process only and not the user's class.
    with subprocess.Popen(
        command,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        try:
            said, complaint = process.stdout.read(), process.stderr.read()
        finally:
            process.stdin.close()  # then the process kills all processes below it, and ends
    if process.returncode != 0:
        raise RuntimeError(complaint.decode(errors="replace"))
    return _answer(_printable(json.loads(said)), target, seconds, if_slow)


def _printable(tree: Any) -> Any:
    """A tree of JSON with all texts made printable: without characters that control a terminal."""
    if isinstance(tree, str):
        return printable(tree)
    if isinstance(tree, list):
        return [_printable(each) for each in tree]
    return {printable(key): _printable(each) for key, each in tree.items()} if isinstance(tree, dict) else tree


def _answer(outcome: dict[str, Any], target: str, seconds: float, if_slow: str) -> Any:
    """The function's answer, if the outcome has one; else raises an error that says how it ended."""
    if "refused" in outcome:
        raise UserError(outcome["refused"])
    if "broke" in outcome:
        raise RuntimeError(outcome["broke"])
    if "stopped" in outcome:
        place = _place(outcome["stopped"], parse(target).file)
        raise UserError(f"{target} was not done after {seconds:g} s{place}, an endless loop perhaps{if_slow}")
    if "crashed" in outcome:
        raise UserError(f"{target} crashed with {_signal_name(outcome['crashed'])}")
    if "ended" in outcome:
        ended = f"exit code {outcome['ended']}"
        raise UserError(f"{target} ended the process before it was done ({ended}); a layer must not call exit")
    return outcome["answer"]


def _signal_name(number: int) -> str:
    """The signal's name, or its number: most real-time signals have no name in Python."""
    known = {each.value: each.name for each in signal.Signals}
    return known.get(number, f"signal {number}")


def _place(stack: str, file: Path) -> str:
    """The line of the user's file that was running; faulthandler's stack has the newest call first."""
    found = re.search(rf'File "{re.escape(str(file))}", line (\d+)', stack)
    return f", in line {found[1]} of {file.name}" if found else ""
