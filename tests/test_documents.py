"""Every command of docs/ and README.zh-CN.md runs, but for fewer images and steps, and the latter's two programs do."""

import importlib.util
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml

from bnlab.config import CONF
from tests.conftest import Cli, environment
from tests.data import idx
from tests.shell_blocks import commands, dialogues, run, write_programs

TOP = Path(__file__).parents[1]
CHINESE = (TOP / "README.zh-CN.md").read_text(encoding="utf-8")
DOCUMENTS = {path.name: path.read_text(encoding="utf-8") for path in sorted((TOP / "docs").glob("*.md"))}
DOCUMENTS["README.zh-CN.md"] = CHINESE
FEWER = {
    "train": ("data.limit=400", "data.validation_size=100", "threads=1", "quiet=true"),
    "study": ("--explain",),
}
"""What is added to a command, so that it takes a second."""
IMAGES_FOR_KERAS = """
import keras, numpy
kept = numpy.load("mnist.npz")
keras.datasets.mnist.load_data = lambda: [(kept[f"x_{part}"], kept[f"y_{part}"]) for part in ("train", "test")]
"""
OF_ALL_STUDIES = ("--all", "--write")
"""They take hours; tests/studies runs both for studies of a few steps."""


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name, text in DOCUMENTS.items() if commands(text)])
def test_every_command_runs(name: str, cli: Cli, tmp_path: Path) -> None:
    shutil.copy(CONF / "study" / "convergence.yaml", tmp_path / "my_study.yaml")
    write_programs(DOCUMENTS[name], tmp_path)
    for line in commands(DOCUMENTS[name]):
        _, command, *arguments = shlex.split(line.replace("$backend", "torch"))
        backend = re.search(r"engine\.backend=(\w+)", " ".join(arguments))
        if set(OF_ALL_STUDIES) & set(arguments) or (backend and importlib.util.find_spec(backend[1]) is None):
            continue
        listing = any(argument in ("--list", "--explain") for argument in arguments)
        answer = cli(command, *arguments, *(() if listing else FEWER.get(command, ())))
        assert answer.code == 0, (command, arguments, answer)


def test_the_error_shown_is_the_error_given(tmp_path: Path) -> None:
    ((command, error),) = dialogues(DOCUMENTS["sweeps.md"])
    done = run(command, tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", error)
    assert list(tmp_path.iterdir()) == []


def test_the_chinese_readme_has_the_set_up_lines_of_the_english_one() -> None:
    english = (TOP / "README.md").read_text(encoding="utf-8")
    lines = [re.findall(r"^python3 -m venv .*$", text, flags=re.MULTILINE) for text in (english, CHINESE)]
    assert len(lines[0]) == 2
    assert lines[1] == lines[0]


def test_the_chinese_readme_names_the_study_of_each_claim() -> None:
    rows = re.findall(r"^\| (\d+) \| .* \| `(\w+)` \|$", CHINESE, flags=re.MULTILINE)
    claims = {
        str(claim): path.stem
        for path in (CONF / "study").glob("*.yaml")
        if (claim := yaml.safe_load(path.read_text(encoding="utf-8"))["source"].get("claim"))
    }
    assert [number for number, _ in rows] == [str(number) for number in range(1, 13)]
    assert dict(rows) == claims


@pytest.mark.slow
@pytest.mark.parametrize("name", ["article_keras", "article_pytorch"])
def test_the_articles_programs_run_on_fewer_images(name: str, tmp_path: Path) -> None:
    (program,) = re.findall(rf"```python\n(# {name}\.py\n.*?)```", CHINESE, flags=re.DOTALL)
    images, labels, test_images, test_labels = idx.arrays("mnist", 300, 100)
    np.savez(tmp_path / "mnist.npz", x_train=images, y_train=labels, x_test=test_images, y_test=test_labels)
    raw = tmp_path / "data" / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for file, array in zip(idx.names("mnist"), (images, labels, test_images, test_labels), strict=True):
        idx.write(raw / file, array)
    program = IMAGES_FOR_KERAS * (name == "article_keras") + program
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env=environment(KERAS_BACKEND="torch"),
        text=True,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    last = done.stdout.splitlines()[-1]
    assert re.fullmatch(r"\[.*\]|[\d.]+", last), last
