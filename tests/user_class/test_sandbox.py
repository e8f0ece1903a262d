"""A class that loops, prints, exits or crashes: one line and exit code 2, or an ordinary verdict."""

from pathlib import Path

import pytest

from bnlab.errors import UserError
from bnlab.verification.conventions import Declared
from bnlab.verification.sandbox import verify_confined
from tests.conftest import Cli, files_below

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


def test_what_a_class_prints_is_dropped(cli: Cli) -> None:
    printing = "        print('out'); print('err', file=sys.stderr); os.system('echo shell')\n"
    code = f"print('import'){chr(10)}{HEAD}{printing}        return super().forward(x)"
    Path("my_bn.py").write_text(code, encoding="utf-8")
    answer = cli("verify", "my_bn.py:MyBN")
    assert (answer.code, answer.err) == (0, "")
    assert answer.out.startswith("Batch normalization")
    assert not any(word in answer.out for word in ("import", "out\n", "err\n", "shell"))


def test_a_file_beside_the_class_is_not_taken_for_a_module_of_python(cli: Cli) -> None:
    """`python -m` puts the working directory before Python's own modules: torch could not be imported."""
    Path("random.py").write_text("", encoding="utf-8")
    Path("my_bn.py").write_text("from torch import nn\nclass MyBN(nn.BatchNorm1d): pass", encoding="utf-8")
    answer = cli("verify", "my_bn.py:MyBN")
    assert (answer.code, answer.err) == (0, "")
