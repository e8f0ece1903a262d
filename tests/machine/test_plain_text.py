"""No character that bnlab prints is too much for a terminal that has not all of Unicode."""

import subprocess
import sys
from pathlib import Path

import pytest

from bnlab.machine.plain_text import in_ascii
from tests.conftest import environment

PACKAGE = Path(__file__).parents[2] / "bnlab"


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252"])
@pytest.mark.parametrize("command", [("norms",), ("norms", "batch"), ("norms", "nothing_like_ε")])
def test_a_command_prints_in_any_encoding(command: tuple[str, ...], encoding: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "bnlab", *command],
        cwd=tmp_path,
        env=environment(PYTHONIOENCODING=encoding, COLUMNS="200"),
        capture_output=True,
        timeout=120,
    )
    text = (done.stdout + done.stderr).decode(encoding)
    assert done.returncode == (2 if "nothing_like_ε" in command else 0), text
    assert "PYTHONIOENCODING" not in text
    if command == ("norms", "batch"):
        assert "  x^ = (x - " in text
        assert " / sqrt(sigma" in text


def test_all_that_is_written_in_bnlab_has_a_form_in_ascii() -> None:
    files = list(PACKAGE.rglob("*.py"))
    assert len(files) > 100
    used = {character for path in files for character in path.read_text(encoding="utf-8") if not character.isascii()}
    assert "ε" in used
    assert {c: in_ascii(c) for c in used if in_ascii(c) == "?" or not in_ascii(c).isascii()} == {}


@pytest.mark.parametrize(
    ("character", "expected"), [("μ", "mu"), ("σ", "sigma"), ("é", "e"), ("ŵ", "w"), ("₀", "0"), ("\udcff", "?")]
)
def test_a_character_that_cannot_be_encoded(character: str, expected: str) -> None:
    assert in_ascii(character) == expected
