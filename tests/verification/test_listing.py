"""Files and folders: which classes are found, and what becomes of each, whatever the others do."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

import bnlab
from bnlab.errors import UserError
from bnlab.verification import listing
from bnlab.verification.checks import Verdict
from bnlab.verification.listing import norm_classes
from bnlab.verification.verdict import verify_target
from tests.conftest import Cli, environment
from tests.verification.planted import EpsOutside
from tests.verification.textbook import BatchNorm

HEAD = "import torch\nfrom torch import nn\n\n"

RIGHT = f"""{HEAD}
class MyLayerNorm(nn.Module):
    def __init__(self, dim, eps=1e-5):
        super().__init__()
        self.inner = nn.LayerNorm(dim, eps)

    def forward(self, x):
        return self.inner(x)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm = MyLayerNorm(8)
"""

MANY = {
    "right.py": RIGHT,
    "deep/scale.py": f"""{HEAD}
class RMSNorm(nn.Module):
    def __init__(self, dim):
        super().__init__()

    def forward(self, x):
        return x / (x.pow(2).mean(-1, keepdim=True).sqrt() + 1e-6)
""",
    "crash.py": f"""{HEAD}
class MyBN(nn.BatchNorm1d):
    def forward(self, x):
        import os
        os.kill(os.getpid(), 9)
""",
    "loop.py": f"""{HEAD}
class MyBN(nn.BatchNorm1d):
    def forward(self, x):
        while True:
            pass
""",
    "broken.py": "def f(:",
    "none.py": "x = 1",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, code in MANY.items():
        file = tmp_path / "handed_in" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(code, encoding="utf-8")
    return tmp_path


def test_eps_outside_of_a_norm_with_an_eps_of_its_own_is_named(
    cli: Cli, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "verify_confined", lambda target, scheme, *_: verify_target(target, scheme))
    answer = cli("verify", "handed_in/deep", "--json")
    (found,) = json.loads(answer.out)["verified"]
    assert found["summary"].startswith("root mean square normalization, no gamma, eps outside")


@pytest.mark.slow
def test_a_folder_is_a_line_a_class_whatever_one_of_them_does(cli: Cli, folder: Path) -> None:
    answer = cli("verify", "handed_in", "--json", "--time-limit", "30")
    assert (answer.code, answer.err) == (1, "")
    found = {each["file"].removeprefix("handed_in/"): each for each in json.loads(answer.out)["verified"]}
    assert {name: each["outcome"] for name, each in found.items()} == {
        "right.py": "pass",
        "deep/scale.py": "pass with conventions",
        "crash.py": "cannot be verified",
        "loop.py": "cannot be verified",
        "broken.py": "cannot be verified",
        "none.py": "cannot be verified",
    }
    assert found["deep/scale.py"]["summary"].startswith("root mean square normalization, ")
    assert "SIGKILL" in found["crash.py"]["why"]
    assert "was not done after 30 s" in found["loop.py"]["why"]
    assert found["broken.py"]["why"] == "broken.py, line 1: SyntaxError: invalid syntax"


def test_a_file_is_verified_class_by_class(cli: Cli, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "verify_confined", lambda target, scheme, *_: verify_target(target, scheme))
    answer = cli("verify", "handed_in/right.py")
    assert (answer.code, answer.err) == (0, "")
    assert answer.out == "handed_in/right.py:MyLayerNorm: pass, layer normalization\n1 pass\n"
    answer = cli("verify", "handed_in/right.py", "--markdown")
    assert [cell.strip() for cell in answer.out.splitlines()[2].strip("|").split("|")] == [
        "handed_in/right.py",
        "MyLayerNorm",
        "pass",
        "layer normalization",
    ]


def test_what_fails_in_one_class_ends_no_other(cli: Cli, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(target: str, *_: object) -> Verdict:
        raise {"loop.py": UserError("too slow"), "crash.py": RuntimeError("a\nb")}[Path(target).name.partition(":")[0]]

    monkeypatch.setattr(listing, "verify_confined", fails)
    for name in ("right.py", "deep/scale.py"):
        (folder / "handed_in" / name).unlink()
    answer = cli("verify", "handed_in")
    assert (answer.code, answer.err) == (1, "")
    assert answer.out.splitlines() == [
        "handed_in/broken.py: cannot be verified, broken.py, line 1: SyntaxError: invalid syntax",
        "handed_in/crash.py:MyBN: cannot be verified, bnlab failed on it: b",
        "handed_in/loop.py:MyBN: cannot be verified, too slow",
        "handed_in/none.py: cannot be verified, it has no class that looks like a norm; name one: FILE.py:CLASS",
        "4 cannot be verified",
    ]


def test_an_empty_folder_is_refused(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "nothing").mkdir()
    answer = cli("verify", "nothing")
    assert (answer.code, answer.err) == (2, "error: nothing has no Python file; give a folder with FILE.py in it\n")


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("class MyNorm(nn.Module): pass\nclass Net(nn.Module): pass", ["MyNorm"]),
        ("class BN2(torch.nn.BatchNorm2d): pass", ["BN2"]),
        ("class Base(Module):\n  def __init__(self, n): pass\nclass BN(Base): pass", ["BN"]),
        (
            "class Mine(nn.Module):\n  def __init__(self, n): pass\nclass Net(nn.Module):\n  def __init__(self): pass",
            ["Mine"],
        ),
        ("class LayerNorm: pass", []),
        ("class LayerNormConfig(dict): pass", []),
        ("from base import RunningNorm\nclass Mine(RunningNorm): pass", ["Mine"]),
        ("class A(A): pass", []),
    ],
)
def test_the_classes_that_look_like_norms(code: str, expected: list[str]) -> None:
    assert norm_classes(ast.parse(code)) == expected


def test_python_has_a_form_for_tests() -> None:
    verdict = bnlab.verify(BatchNorm)
    verdict.raise_for_failures()
    assert isinstance(verdict, Verdict)
    with pytest.raises(AssertionError, match=r"^EpsOutside is no batch norm: .*\n- eps is outside the root") as error:
        bnlab.verify(EpsOutside, as_="batch").raise_for_failures()
    assert len(error.value.args[0].splitlines()) == 2


def test_importing_bnlab_is_light() -> None:
    code = "import sys, bnlab; print([name for name in ('torch', 'numpy', 'rich', 'hydra') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], env=environment(), capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_names_of_files_cannot_command_the_terminal(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cause: they were printed with their escape sequences."""
    monkeypatch.setattr(listing, "verify_confined", lambda target, scheme, *_: verify_target(target, scheme))
    (tmp_path / "in").mkdir()
    for name, code in {"a\x1b[2Jb.py": RIGHT, "c\x1b[2Jd.py": "def f(:", "e\u2028f.py": "x = 1"}.items():
        (tmp_path / "in" / name).write_text(code, encoding="utf-8")
    for arguments in (["in"], ["in", "--markdown"], ["in/no\x1b[2J.py:MyBN"], ["no\x1b[2J.py"], ["\x1b[2J"]):
        answer = cli("verify", *arguments)
        said = answer.out + answer.err
        assert answer.code != 0
        assert r"\x1b[2J" in said
        assert not [character for character in said.replace("\n", "") if not character.isprintable()]
