"""Starts processes quickly: they are forks of a server process that has imported PyTorch already.

A fork runs bnlab's supervisor or a command of bnlab, with the same arguments, folder, environment, path and streams as
a new process. Only the way it starts differs; a few tests in tests/user_class/test_sandbox.py and tests/machine start
real processes to test that.
"""

from __future__ import annotations

import contextlib
import fcntl
import functools
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import termios
import threading
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import NoReturn

ROOT = Path(__file__).parents[1]


class Fork:
    """Replaces subprocess.Popen in the sandbox; it has only what the sandbox uses."""

    returncode: int

    def __init__(self, command: Sequence[str], *, env: Mapping[str, str], **_: object) -> None:
        pipes = [os.pipe() for _ in range(3)]
        theirs = [pipes[0][0], *(write for _, write in pipes[1:3])]
        self.stdin = os.fdopen(pipes[0][1], "wb")
        self.stdout, self.stderr = (os.fdopen(read, "rb") for read, _ in pipes[1:])
        self._process = Process(command[command.index("bnlab.user_class") :], Path.cwd(), theirs, env)
        for end in theirs:
            os.close(end)

    def __enter__(self) -> Fork:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self.returncode = self._process.wait()
        for file in (self.stdin, self.stdout, self.stderr):
            file.close()


class Process:
    """`python -m ARGUMENTS` in a new session; a fork on Linux.

    Args:
        arguments: the module and its arguments.
        folder: the working directory.
        streams: file descriptors of stdin, stdout and stderr.
        env: the environment variables.
        terminal: whether stdin is a terminal that becomes the session's controlling terminal.
        ignores_hangup: ignore SIGHUP, as under nohup. bnlab reads that when it is imported, so this is no fork.
    """

    def __init__(
        self,
        arguments: Sequence[str],
        folder: Path,
        streams: Sequence[int],
        env: Mapping[str, str],
        *,
        terminal: bool = False,
        ignores_hangup: bool = False,
    ) -> None:
        self._popen: subprocess.Popen[bytes] | None = None
        if ignores_hangup or sys.platform != "linux":

            def prepare() -> None:
                if terminal:
                    _control_terminal()
                if ignores_hangup:
                    signal.signal(signal.SIGHUP, signal.SIG_IGN)

            self._popen = subprocess.Popen(
                [sys.executable, "-m", *arguments],
                cwd=folder,
                env=env,
                stdin=streams[0],
                stdout=streams[1],
                stderr=streams[2],
                start_new_session=True,
                preexec_fn=prepare,
            )
            self.pid = self._popen.pid
            return
        read, write = os.pipe()
        request = [arguments, str(folder), dict(env), terminal]
        socket.send_fds(server()[0], [json.dumps(request).encode()], [*streams, write])
        os.close(write)
        self._told = os.fdopen(read, "rb")
        self.pid = int(self._told.readline())

    def wait(self, timeout: float = 120) -> int:
        """Waits for the end and returns the exit code.

        Args:
            timeout: in seconds.

        Raises:
            TimeoutError: a fork did not end in time; it is killed.
            subprocess.TimeoutExpired: another process did not end in time.
        """
        if self._popen is not None:
            return self._popen.wait(timeout)
        with self._told:
            if not select.select([self._told], [], [], timeout)[0]:
                os.kill(self.pid, signal.SIGKILL)
                raise TimeoutError(f"process {self.pid} did not end within {timeout:g} s")
            return int(self._told.read())


def bnlab(arguments: Sequence[str], folder: Path, env: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Runs `python -m bnlab ARGUMENTS` and returns its exit code and output."""
    with contextlib.ExitStack() as stack:
        out, err = (stack.enter_context(tempfile.TemporaryFile()) for _ in range(2))
        nothing = stack.enter_context(Path(os.devnull).open("rb"))
        code = Process(["bnlab", *arguments], folder, [each.fileno() for each in (nothing, out, err)], env).wait()
        out.seek(0)
        err.seek(0)
        return subprocess.CompletedProcess(["bnlab", *arguments], code, out.read().decode(), err.read().decode())


_STARTING = threading.Lock()
"""Held while the server is started: threads that ask for it at once would start one each."""


def server() -> tuple[socket.socket, subprocess.Popen[bytes]]:
    """Our end of the socket to the server process, and that process. It ends when our end closes."""
    with _STARTING:
        return _started()


@functools.cache
def _started() -> tuple[socket.socket, subprocess.Popen[bytes]]:
    ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    command = [sys.executable, "-m", "tests.forks", str(its.fileno())]
    process = subprocess.Popen(command, cwd=ROOT, pass_fds=[its.fileno()], stdin=subprocess.DEVNULL)
    its.close()
    return ours, process


def stop() -> None:
    """Ends the server process, if it was started."""
    if _started.cache_info().currsize:
        ours, process = server()
        ours.close()
        process.wait()


def serve(requests: socket.socket) -> None:
    """The server process: imports bnlab and PyTorch, then forks for each request until the socket closes."""
    import bnlab.cli
    import bnlab.hydra_bridge.main
    import bnlab.launch.engines
    import bnlab.report.comparison
    import bnlab.user_class.layer
    import bnlab.verification.verdict  # noqa: F401

    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the system removes ended children, nobody waits for them
    while True:
        request, pipes, _, _ = socket.recv_fds(requests, 2**20, 4)
        if not request:
            return
        if os.fork() == 0:
            _run(request, *pipes)
        for end in pipes:
            os.close(end)


def _run(request: bytes, stdin: int, stdout: int, stderr: int, code: int) -> NoReturn:
    """Forks the process that runs the request; writes its id, and after its end its exit code, to the pipe `code`."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    process = os.fork()
    if process == 0:
        os.close(code)
        os.setsid()
        for number, end in enumerate((stdin, stdout, stderr)):
            os.dup2(end, number)
            os.close(end)
        # New objects, since the old ones remember whether they wrote to a file or a terminal.
        sys.stdin, sys.stdout = os.fdopen(0), os.fdopen(1, "w")
        sys.stderr = os.fdopen(2, "w", buffering=1)
        _main(*json.loads(request))
    for end in (stdin, stdout, stderr):
        os.close(end)
    os.write(code, f"{process}\n".encode())
    _, status = os.waitpid(process, 0)
    os.write(code, str(os.waitstatus_to_exitcode(status)).encode())
    os._exit(0)


def _main(arguments: Sequence[str], folder: str, environment: Mapping[str, str], terminal: bool) -> NoReturn:
    import bnlab.__main__
    from bnlab.user_class.supervisor import supervise

    code = 1
    try:
        os.chdir(folder)
        os.environ.clear()
        os.environ.update(environment)
        sys.argv = [*arguments]
        if terminal:
            _control_terminal()
        if arguments[0] == "bnlab":
            sys.argv[0], sys.modules["__main__"] = bnlab.__main__.__file__, bnlab.__main__
            bnlab.__main__.main()
        else:
            sys.path = environment["PYTHONPATH"].split(os.pathsep)
            supervise()
        code = 0
    except SystemExit as stop:
        code = stop.code if isinstance(stop.code, int) else int(stop.code is not None)
    except BaseException:
        traceback.print_exc()
    finally:
        with contextlib.suppress(OSError):  # the terminal may have hung up
            sys.stdout.flush()
        os._exit(code)


def _control_terminal() -> None:
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


if __name__ == "__main__":
    serve(socket.socket(fileno=int(sys.argv[1])))
