"""A user's code is tried in a process of its own, which may loop, print, exit, crash or leave others behind.

The process, and how it is stopped, are in supervisor.py. No more is promised: the code can read and write files, the
environment and the network as any program of the user's can.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from bnlab.errors import UserError, printable
from bnlab.user_class.target import parse


def confined(function: str, target: str, *arguments: Any, seconds: float, if_slow: str = "") -> Any:
    """What `package.module:function` gives for a user's class `my_file.py:MyNorm` and further arguments, all as JSON.

    The texts in it are printable: a class may have escape sequences in its name and in what it raises.

    Args:
        function: its module is imported before the time begins to run.
        seconds: how long it may take.
        if_slow: what to do about a class that takes longer, the end of that error.

    Raises:
        UserError: as the function; it takes longer than `seconds`, crashes, or ends the process.
    """
    parse(target)  # refuses what cannot be found
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
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    ) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        assert child.stderr is not None
        try:
            said, complaint = child.stdout.read(), child.stderr.read()
        finally:
            child.stdin.close()  # at which it kills what it has started, and ends
    if child.returncode != 0:
        raise RuntimeError(complaint.decode(errors="replace"))
    return _answer(_printable(json.loads(said)), target, seconds, if_slow)


def _printable(tree: Any) -> Any:
    """What json.loads gave, with every text as a terminal may show it."""
    if isinstance(tree, str):
        return printable(tree)
    if isinstance(tree, list):
        return [_printable(each) for each in tree]
    return {printable(key): _printable(each) for key, each in tree.items()} if isinstance(tree, dict) else tree


def _answer(outcome: dict[str, Any], target: str, seconds: float, if_slow: str) -> Any:
    """What the function gave; raises what became of the class otherwise."""
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
    """Real-time signals have none in Python, but for the first and the last."""
    known = {each.value: each.name for each in signal.Signals}
    return known.get(number, f"signal {number}")


def _place(stack: str, file: Path) -> str:
    """The line of the user's file that was being run; faulthandler lists the newest call first."""
    found = re.search(rf'File "{re.escape(str(file))}", line (\d+)', stack)
    return f", in line {found[1]} of {file.name}" if found else ""
