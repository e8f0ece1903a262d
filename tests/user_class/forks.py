"""Sandboxes without the seconds in which a process imports PyTorch: forks of one that has done so.

In a fork runs what runs in the process of its own, bnlab's supervisor, with the same arguments, folder, environment,
path and pipes. What differs is how it was started, which a few tests of tests/user_class/test_sandbox.py are about.
"""

from __future__ import annotations

import functools
import json
import os
import signal
import socket
import subprocess
import sys
import traceback
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import NoReturn

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(__file__)))  # noqa: PTH120  # pathlib is slower to import


class Fork:
    """In the place of subprocess.Popen, as far as the sandbox uses it."""

    returncode: int

    def __init__(self, command: Sequence[str], *, env: Mapping[str, str], **_: object) -> None:
        pipes = [os.pipe() for _ in range(4)]
        theirs = [pipes[0][0], *(write for _, write in pipes[1:])]
        self.stdin = os.fdopen(pipes[0][1], "wb")
        self.stdout, self.stderr, self._code = (os.fdopen(read, "rb") for read, _ in pipes[1:])
        arguments = command[command.index("bnlab.user_class") :]
        socket.send_fds(server()[0], [json.dumps([arguments, os.getcwd(), dict(env)]).encode()], theirs)  # noqa: PTH109
        for end in theirs:
            os.close(end)

    def __enter__(self) -> Fork:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self.returncode = int(self._code.read())
        for file in (self.stdin, self.stdout, self.stderr, self._code):
            file.close()


@functools.cache
def server() -> tuple[socket.socket, subprocess.Popen[bytes]]:
    """The process that forks and our end of the socket to it; it ends when this end is closed, with this process."""
    ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    command = [sys.executable, "-m", "tests.user_class.forks", str(its.fileno())]
    process = subprocess.Popen(command, cwd=ROOT, pass_fds=[its.fileno()], stdin=subprocess.DEVNULL)
    its.close()
    return ours, process


def stop() -> None:
    """Ends that process, if there is one."""
    if server.cache_info().currsize:
        ours, process = server()
        ours.close()
        process.wait()


def serve(requests: socket.socket) -> None:
    import bnlab.user_class.layer
    import bnlab.verification.verdict  # noqa: F401

    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for them
    while True:
        request, pipes, _, _ = socket.recv_fds(requests, 2**20, 4)
        if not request:
            return
        if os.fork() == 0:
            _run(request, *pipes)
        for end in pipes:
            os.close(end)


def _run(request: bytes, stdin: int, stdout: int, stderr: int, code: int) -> NoReturn:
    """Waits for the supervisor and tells its exit code."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    supervisor = os.fork()
    if supervisor == 0:
        os.close(code)
        os.setsid()
        for number, end in enumerate((stdin, stdout, stderr)):
            os.dup2(end, number)
            os.close(end)
        _supervise(*json.loads(request))
    for end in (stdin, stdout, stderr):
        os.close(end)
    _, status = os.waitpid(supervisor, 0)
    os.write(code, str(os.waitstatus_to_exitcode(status)).encode())
    os._exit(0)


def _supervise(arguments: Sequence[str], folder: str, environment: Mapping[str, str]) -> NoReturn:
    from bnlab.user_class.supervisor import supervise

    code = 1
    try:
        os.chdir(folder)
        os.environ.clear()
        os.environ.update(environment)
        sys.argv, sys.path = [*arguments], environment["PYTHONPATH"].split(os.pathsep)
        supervise()
        sys.stdout.flush()
        code = 0
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
    finally:
        os._exit(code)


if __name__ == "__main__":
    serve(socket.socket(fileno=int(sys.argv[1])))
