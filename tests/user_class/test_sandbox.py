"""A class that loops, prints, exits or crashes: one line and exit code 2, or an ordinary verdict."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from bnlab.errors import UserError
from bnlab.verification.conventions import Declared
from bnlab.verification.sandbox import verify_confined
from tests.conftest import Cli, environment, files_below


@pytest.fixture
def _started(monkeypatch: pytest.MonkeyPatch) -> None:
    """The process is started as for a user, not forked as for the other tests."""
    monkeypatch.setattr("bnlab.user_class.sandbox.subprocess", subprocess)


HEAD = "import os, signal, sys, time\nfrom torch import nn\n\nclass MyBN(nn.BatchNorm1d):\n    def forward(self, x):\n"
LOOP = "my_bn.py:MyBN was not done after 1 s, in line {line} of my_bn.py, an endless loop perhaps; if it is only slow,"
ENDED = "my_bn.py:MyBN ended the process before it was done (exit code 0); a layer must not call exit"
CRASHED = "my_bn.py:MyBN crashed with {name}"

ENDLESS = {
    "at import": ("while True: pass", 1),
    "in forward": (f"{HEAD}        while True: pass", 6),
    "that catches all": (
        f"{HEAD}        while True:\n            try: time.sleep(0.05)\n            except BaseException: pass",
        7,
    ),
    "in C": (f"{HEAD}        return x + sum(range(10**11))", 6),
}


@pytest.mark.parametrize(("code", "line"), ENDLESS.values(), ids=ENDLESS)
def test_an_endless_loop_is_stopped(code: str, line: int, cli: Cli) -> None:
    Path("my_bn.py").write_text(code, encoding="utf-8")
    answer = cli("verify", "my_bn.py:MyBN", "--time-limit", "1")
    assert (answer.code, answer.out) == (2, "")
    assert answer.err == f"error: {LOOP.format(line=line)} raise --time-limit\n"
    assert files_below(Path()) == {"my_bn.py"}


BAD = {
    "exit at import": ("import os; os._exit(0)", ENDED),
    "exit in forward": (f"{HEAD}        os._exit(0)", ENDED),
    "segmentation fault": (f"{HEAD}        os.kill(os.getpid(), signal.SIGSEGV)", CRASHED.format(name="SIGSEGV")),
    "killed": (f"{HEAD}        os.kill(os.getpid(), signal.SIGKILL)", CRASHED.format(name="SIGKILL")),
    "signal without a name": (f"{HEAD}        os.kill(os.getpid(), 40)", CRASHED.format(name="signal 40")),
    "interrupt": (f"{HEAD}        raise KeyboardInterrupt", "my_bn.py:MyBN raises KeyboardInterrupt"),
    "no class": ("pass", "my_bn.py has no class 'MyBN'; it has no torch.nn.Module."),
}


@pytest.mark.parametrize(("code", "text"), BAD.values(), ids=BAD)
def test_what_ends_the_process_is_no_pass(
    code: str, text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("my_bn.py").write_text(code, encoding="utf-8")
    with pytest.raises(UserError) as error:
        verify_confined("my_bn.py:MyBN", "batch", 60, {}, Declared())
    assert str(error.value) == text


LATE = "my_bn.py:MyBN was not done after 1 s, an endless loop perhaps; if it is only slow, raise --time-limit"


def is_there(process: int) -> bool:
    """Whether it runs or is stopped; one that is only to be reaped is not."""
    try:
        return "State:\tZ" not in Path(f"/proc/{process}/status").read_text(encoding="utf-8")
    except OSError:
        return False


def gone_within(seconds: float, process: int) -> bool:
    end = time.monotonic() + seconds
    while is_there(process) and time.monotonic() < end:
        time.sleep(0.05)
    return not is_there(process)


def test_a_process_that_stops_itself_is_killed_at_the_limit(cli: Cli) -> None:
    code = f"{HEAD}        open('pid', 'w').write(str(os.getpid())); os.kill(os.getpid(), signal.SIGSTOP)"
    Path("my_bn.py").write_text(code, encoding="utf-8")
    answer = cli("verify", "my_bn.py:MyBN", "--time-limit", "1")
    assert (answer.code, answer.out, answer.err) == (2, "", f"error: {LATE}\n")
    assert not is_there(int(Path("pid").read_text(encoding="utf-8")))


LINGERING = {
    "a thread": "import threading, time\nthreading.Thread(target=time.sleep, args=(1000,)).start()\n",
    "an exit handler": "import atexit, time\natexit.register(time.sleep, 1000)\n",
    "a child": "import os, time\nif (pid := os.fork()) == 0:\n    time.sleep(1000)\n",
    "a child with a session of its own": (
        "import os, time\nif (pid := os.fork()) == 0:\n    os.setsid()\n    time.sleep(1000)\n"
    ),
    "a grandchild": (
        "import subprocess\npid = int(subprocess.run(['sh', '-c', 'setsid sleep 1000 >&- 2>&- & echo $!'],"
        " capture_output=True).stdout)\n"
    ),
}


@pytest.mark.parametrize("code", LINGERING.values(), ids=LINGERING)
def test_nothing_that_a_class_leaves_behind_is_waited_for_or_survives(code: str, cli: Cli) -> None:
    noted = "open('pid', 'w').write(str(globals().get('pid', os.getpid())))"
    Path("my_bn.py").write_text(f"{code}import os\n{noted}\n{HEAD}        return super().forward(x)", encoding="utf-8")
    answer = cli("verify", "my_bn.py:MyBN", "--time-limit", "60")
    assert (answer.code, answer.err) == (0, "")
    assert not is_there(int(Path("pid").read_text(encoding="utf-8")))


def test_it_ends_with_the_process_that_wants_the_answer(tmp_path: Path) -> None:
    code = "import os, time\nif os.fork() == 0: os.setsid()\nopen(f'pid-{os.getpid()}', 'w')\ntime.sleep(1000)"
    (tmp_path / "my_bn.py").write_text(code, encoding="utf-8")
    command = [sys.executable, "-m", "bnlab", "verify", "my_bn.py:MyBN", "--time-limit", "1000"]
    with subprocess.Popen(command, cwd=tmp_path, env=environment()) as process:
        while len(pids := [int(path.name[4:]) for path in tmp_path.glob("pid-*")]) < 2:
            assert process.poll() is None
            time.sleep(0.05)
        process.kill()
    assert all(gone_within(10, pid) for pid in pids)


@pytest.mark.usefixtures("_started")
def test_what_a_class_prints_is_dropped(cli: Cli) -> None:
    printing = "        print('out'); print('err', file=sys.stderr); os.system('echo shell')\n"
    code = f"print('import'){chr(10)}{HEAD}{printing}        return super().forward(x)"
    Path("my_bn.py").write_text(code, encoding="utf-8")
    answer = cli("verify", "my_bn.py:MyBN")
    assert (answer.code, answer.err) == (0, "")
    assert answer.out.startswith("Batch normalization")
    assert not any(word in answer.out for word in ("import", "out\n", "err\n", "shell"))


@pytest.mark.usefixtures("_started")
def test_a_file_beside_the_class_is_not_taken_for_a_module_of_python(cli: Cli) -> None:
    """`python -m` puts the working directory before Python's own modules: torch could not be imported."""
    Path("random.py").write_text("", encoding="utf-8")
    Path("my_bn.py").write_text("from torch import nn\nclass MyBN(nn.BatchNorm1d): pass", encoding="utf-8")
    answer = cli("verify", "my_bn.py:MyBN")
    assert (answer.code, answer.err) == (0, "")


HOSTILE = """\
from torch import nn

class MyBN(nn.BatchNorm1d):
    def __init__(self, num_features, eps=1e-5, momentum=0.1):
        super().__init__(num_features, eps, momentum)

    def forward(self, x):
        raise ValueError("\\x1b]0;evil\\x07\\x1b[2J")

MyBN.__name__ = MyBN.__qualname__ = "My\\x1b[31mBN"
"""


def test_what_a_class_says_cannot_command_the_terminal(cli: Cli) -> None:
    """Cause: its name and what it raises were printed with their escape sequences."""
    Path("my_bn.py").write_text(HOSTILE, encoding="utf-8")
    answer = cli("verify", "my_bn.py:MyBN")
    said = answer.out + answer.err
    assert answer.code != 0
    assert r"My\x1b[31mBN" in said
    assert r"\x1b[2J" in said
    assert not [character for character in said.replace("\n", "") if not character.isprintable()]
