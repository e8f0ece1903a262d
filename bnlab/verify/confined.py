"""A user's class is verified in a process of its own, which may loop, print, exit or crash without harm.

The child, `python -m bnlab.verify.confined TARGET SCHEME SECONDS`, writes a Verdict, or an error, as JSON to its stdout
and sends all else that is written there to nowhere. Its time limit is faulthandler's watchdog, a thread in C: no
`except` catches it, and it stops C code too. Only a Verdict is one: a child that ends without is an error, whatever its
code.
"""

from __future__ import annotations

import faulthandler
import json
import os
import re
import subprocess
import sys
import traceback
from pathlib import Path
from typing import BinaryIO

from bnlab.errors import UserError, one_line
from bnlab.target import parse
from bnlab.verify.result import Diagnosis, Result, Verdict

STOPPED = b"Timeout ("
"""How the watchdog's words begin."""


def verify_confined(target: str, scheme: str, seconds: float) -> Verdict:
    """Verifies `my_file.py:MyNorm` in another process; what it prints is dropped.

    Raises:
        UserError: as `verdict.verify_class`; it takes longer than `seconds`, or ends the process.
    """
    file = parse(target).file
    command = [sys.executable, "-m", "bnlab.verify.confined", target, scheme, repr(seconds)]
    # a session of its own, so that Ctrl-C comes to us alone, and is no KeyboardInterrupt of the class
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
    ) as child:
        try:
            said, complaint = child.communicate()
        finally:
            child.kill()
    before, stopped, stack = said.partition(STOPPED)
    if stopped and not before:
        raise UserError(
            f"{target} was not done after {seconds:g} s{_place(stack.decode(), file)}, an endless loop perhaps; if it"
            " is only slow, raise --time-limit"
        )
    try:
        return _read(said)
    except (ValueError, KeyError, TypeError):
        pass  # no answer
    last = (complaint.decode(errors="replace").strip().splitlines() or [f"exit code {child.returncode}"])[-1]
    raise UserError(f"{target} ended the process before it was verified ({last}); a layer must not call exit")


def _written(answer: Verdict | Exception) -> bytes:
    """JSON; of a verdict all but the layer's and the reference's numbers."""
    if isinstance(answer, Exception):
        return json.dumps({"refused" if isinstance(answer, UserError) else "broke": str(answer)}).encode()
    results = [
        {name: value for name, value in vars(result).items() if name not in ("seen", "expected")}
        for result in answer.results
    ]
    diagnoses = [vars(diagnosis) for diagnosis in answer.diagnoses]
    return json.dumps({"verdict": vars(answer) | {"results": results, "diagnoses": diagnoses}}).encode()


def _read(said: bytes) -> Verdict:
    """Raises what the child raised, and ValueError, KeyError or TypeError for what is no answer."""
    found = json.loads(said)
    if "refused" in found:
        raise UserError(found["refused"])
    if "broke" in found:
        raise RuntimeError(found["broke"])
    fields = found["verdict"]
    results = tuple(Result(**result) for result in fields["results"])
    diagnoses = tuple(Diagnosis(**diagnosis) for diagnosis in fields["diagnoses"])
    return Verdict(**fields | {"remarks": tuple(fields["remarks"]), "results": results, "diagnoses": diagnoses})


def _place(stack: str, file: Path) -> str:
    """The line of the user's file that was being run; faulthandler lists the newest call first."""
    found = re.search(rf'File "{re.escape(str(file))}", line (\d+)', stack)
    return f", in line {found[1]} of {file.name}" if found else ""


def _answer(target: str, scheme: str, seconds: float, out: BinaryIO) -> Verdict | Exception:
    """The child's part, once its output goes to nowhere."""
    from bnlab.verify.verdict import verify_class  # imports torch, which is no part of the time limit

    faulthandler.dump_traceback_later(seconds, exit=True, file=out)
    try:
        return verify_class(target, scheme, seconds=2 * seconds)  # the watchdog is quicker
    except UserError as error:
        return error
    except Exception:
        return RuntimeError(traceback.format_exc())
    except BaseException as error:
        return UserError(f"{target} raises {one_line(error)}")
    finally:
        faulthandler.cancel_dump_traceback_later()


def _main() -> None:
    target, scheme, seconds = sys.argv[1:]
    with os.fdopen(os.dup(1), "wb") as out:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 1)
        os.dup2(nowhere, 2)
        out.write(_written(_answer(target, scheme, float(seconds), out)))


if __name__ == "__main__":
    _main()
