"""Which files a user's class is made of."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

import pytest
import torch

from bnlab.user_class.layer import construct
from bnlab.user_class.target import parse


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])


def write(files: dict[str, str]) -> None:
    for name, text in files.items():
        path = Path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


PROJECT = {
    "mine.py": "import random, torch\nfrom torch import nn\nimport first\ndef late():\n    from kit.deep import tool\n",
    "first.py": "import second\n",
    "second.py": "import mine\nx = '\\d'\n",
    "random.py": "not of it, for Python's own is found before",
    "other.py": "not imported",
    "kit/__init__.py": "from . import part\n",
    "kit/part.py": "from .deep.tool import f\n",
    "kit/deep/__init__.py": "",
    "kit/deep/tool.py": "from ..more import g\nfrom .. import *\nfrom ...... import far\n",
    "kit/more.py": "def broken(:",
    "kit/unused.py": "",
    "torch/nothing.py": "",
}
ALL = [
    "first.py",
    "kit/__init__.py",
    "kit/deep/__init__.py",
    "kit/deep/tool.py",
    "kit/more.py",
    "kit/part.py",
    "mine.py",
    "second.py",
]


def test_the_files_of_a_class_are_those_that_it_imports_from_its_folder() -> None:
    write(PROJECT)
    assert list(parse("mine.py:A").files()) == ALL


def test_any_of_them_makes_another_address_and_no_other_file_does() -> None:
    write(PROJECT)
    before = parse("mine.py:A").digest()
    for name in PROJECT:
        write({name: PROJECT[name] + "\n"})
        assert (parse("mine.py:A").digest() != before) == (name in ALL), name
        write({name: PROJECT[name]})
    assert parse("mine.py:A").digest() == before


def test_a_file_alone_has_the_digest_of_its_text() -> None:
    text = "import torch\n"
    write({"mine.py": text, "other.py": ""})
    assert parse("mine.py:A").digest() == hashlib.sha256(text.encode()).hexdigest()[:16]


def test_a_module_has_the_packages_above_it_too() -> None:
    write({f"of_norms_{name}": text for name, text in PROJECT.items()})
    write({"of_norms_kit/part.py": "from .deep.tool import f\n", "of_norms_kit/__init__.py": ""})
    files = list(parse("of_norms_kit.deep.tool:A").files())
    assert files == ["of_norms_kit/__init__.py", "of_norms_kit/deep/__init__.py", *files[2:]]
    assert files[2:] == ["of_norms_kit/deep/tool.py", "of_norms_kit/more.py"]


def test_an_installed_package_is_its_version() -> None:
    assert list(parse("torch.nn:BatchNorm1d").files()) == ["torch/nn/__init__.py"]


NORM = """
from its_factor import FACTOR
from torch import nn

class Norm(nn.Module):
    def __init__(self, num_features):
        super().__init__()

    def forward(self, x):
        return FACTOR * x
"""


def given(target: str) -> float:
    y: torch.Tensor = construct(target, 1, {})(torch.ones(1, 1))
    return y.item()


def test_a_helper_is_that_beside_the_file_as_it_is_now() -> None:
    write({"a/norm.py": NORM, "a/its_factor.py": "FACTOR = 2", "b/norm.py": NORM, "b/its_factor.py": "FACTOR = 3"})
    assert (given("a/norm.py:Norm"), given("b/norm.py:Norm")) == (2, 3)
    write({"a/its_factor.py": "FACTOR = 50"})
    assert (given("a/norm.py:Norm"), given("b/norm.py:Norm")) == (50, 3)
