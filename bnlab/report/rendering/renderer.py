"""A process that is called like a pool of one, and does not run the program that started it.

multiprocessing and the pools of concurrent.futures import the main program anew in a new process, which a program of a
user's without `if __name__ == "__main__"` does not survive.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, ParamSpec, TypeVar

from bnlab.errors import UserError
from bnlab.machine import child

P = ParamSpec("P")
T = TypeVar("T")


class Renderer:
    """Calls functions in a process of its own, one after another, until it is closed."""

    def __init__(self) -> None:
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

    def call(self, function: Callable[P, T], *arguments: P.args, **keywords: P.kwargs) -> Future[T]:
        """Calls a function after those called before; raises nothing itself.

        The future raises what the function raises, or UserError if the process was ended.

        Args:
            function: a function of a module.
            arguments: its arguments, as its `keywords`, and its result can be pickled.
        """
        return self._waiting.submit(self._answer, (function, arguments, keywords))

    def _answer(self, called: object) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            pickle.dump(called, self._process.stdin)
            self._process.stdin.flush()
            result, error = pickle.load(self._process.stdout)
        except (EOFError, BrokenPipeError) as end:
            code = self._process.wait()
            raise UserError(
                f"the process that draws the charts ended with exit code {code}, for want of memory perhaps; "
                "try again, or leave out -o: the report on the terminal has no charts"
            ) from end
        if error is not None:
            raise error
        return result


def answer_calls() -> None:
    """Answers the calls of a `Renderer` from stdin to stdout, until there are no more."""
    with os.fdopen(os.dup(sys.stdout.fileno()), "wb") as answers:
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what a library prints is no answer
        while True:
            try:
                function, arguments, keywords = pickle.load(sys.stdin.buffer)
            except EOFError:
                return
            answer: tuple[Any, Exception | None]
            try:
                answer = function(*arguments, **keywords), None
            except Exception as error:  # whatever it is, the caller is to know
                answer = None, error
            pickle.dump(answer, answers)
            answers.flush()
