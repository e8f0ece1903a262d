"""The documentation builds as a site in which no link is broken, with the pages that are made from the code."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from bnlab.config import CHOICES
from tests.conftest import environment

TOP = Path(__file__).parents[1]
SOURCES = ("mkdocs.yml", "docs", "conf", "bnlab", "examples", *(path.name for path in TOP.glob("*.md")))
QUIET = {"NO_MKDOCS_2_WARNING": "1", "DISABLE_MKDOCS_2_WARNING": "true"}


def built(source: Path, site: Path) -> subprocess.CompletedProcess[str]:
    pytest.importorskip("mkdocs_gen_files")
    pytest.importorskip("material")
    command = [sys.executable, "-m", "mkdocs", "build", "-f", str(source / "mkdocs.yml"), "-d", str(site)]
    here = environment(PYTHONPATH=str(source), **QUIET)
    return subprocess.run(command, cwd=source, env=here, text=True, capture_output=True, check=False)


@pytest.mark.slow
def test_every_link_holds_and_the_reference_is_whole(tmp_path: Path) -> None:
    done = built(TOP, tmp_path / "site")
    assert done.returncode == 0, done.stderr
    commands = (tmp_path / "site" / "commands.html").read_text(encoding="utf-8")
    assert all(f'id="bnlab-{name}"' in commands for name in ("train", "report", "runs", "study", "verify", "export"))
    settings = (tmp_path / "site" / "settings.html").read_text(encoding="utf-8")
    assert all(f"{group}={name}" in settings for group, choices in CHOICES.items() for name in choices)
    assert (tmp_path / "site" / "README.zh-CN.html").is_file()
    assert (tmp_path / "site" / "studies" / "convergence.html").is_file()
    assert "fonts.googleapis" not in settings


@pytest.mark.slow
def test_a_broken_link_is_an_error(tmp_path: Path) -> None:
    for name in SOURCES:
        if (TOP / name).is_dir():
            shutil.copytree(TOP / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(TOP / name, tmp_path / name)
    with (tmp_path / "docs" / "models.md").open("a", encoding="utf-8") as file:
        file.write("\n[nowhere](nowhere.md) and [no heading](store.md#no-heading)\n")
    done = built(tmp_path, tmp_path / "site")
    assert done.returncode == 1
    assert all(text in done.stderr for text in ("'nowhere.md'", "#no-heading"))
