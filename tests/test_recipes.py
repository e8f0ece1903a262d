"""The recipes of CONTRIBUTING.md, followed word for word in a copy of bnlab."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from tests.conftest import environment

pytestmark = pytest.mark.slow

CHECKOUT = Path(__file__).parents[1]
STEP = re.compile(r"^\d+\. `(\S+)`(.*?)^   ```\w+\n(.*?)^   ```$", re.MULTILINE | re.DOTALL)
"""A step of a recipe: the file, what is said about it, and the text that it gets."""

COMMANDS = """\
import sys
from bnlab.cli.app import main

for line in sys.stdin.read().splitlines():
    sys.argv = ["bnlab", *line.split()]
    print("$", *sys.argv, flush=True)
    try:
        main()
    except SystemExit as stop:
        if stop.code:
            sys.exit(f"{line}: exit code {stop.code}")
"""


def copied(folder: Path) -> Path:
    """A copy of bnlab that the recipes may change. MNIST is large and stays where it is."""
    for name in ("bnlab", "conf", "hydra_plugins"):
        ignored = shutil.ignore_patterns("__pycache__", "mnist")
        shutil.copytree(CHECKOUT / name, folder / name, ignore=None if name == "conf" else ignored)
    (folder / "bnlab/data/mnist").symlink_to(CHECKOUT / "bnlab/data/mnist", target_is_directory=True)
    return folder


def follow(title: str, copy: Path) -> list[str]:
    """Does what the recipe says: a file that is there gets the text at its end. The files, in the recipe's order."""
    text = (CHECKOUT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    section = re.split(r"^## ", text, flags=re.MULTILINE)
    (recipe,) = (each for each in section if each.startswith(f"{title}\n"))
    steps = [(path, textwrap.dedent(content)) for path, _, content in STEP.findall(recipe)]
    for path, content in steps:
        file = copy / path
        if content.startswith("--- "):
            _replace(file, content)
            continue
        before = f"{file.read_text(encoding='utf-8')}\n\n" if file.exists() else ""
        file.write_text(before + content, encoding="utf-8")
    return [path for path, _ in steps]


def _replace(file: Path, diff: str) -> None:
    """Puts the lines with a plus in the place of those with a minus, which have to be there once."""
    lines = diff.splitlines()[3:]
    before, after = ("\n".join(line[1:] for line in lines if line.startswith(sign)) for sign in "-+")
    text = file.read_text(encoding="utf-8")
    assert text.count(before) == 1
    file.write_text(text.replace(before, after), encoding="utf-8")


def commands(copy: Path, folder: Path, *lines: str, code: int = 0) -> dict[str, str]:
    """What the copy prints for each command line, run in an empty folder one after the other, in one process."""
    folder.mkdir()
    done = subprocess.run(
        [sys.executable, "-c", COMMANDS],
        input="\n".join(lines),
        cwd=folder,
        env=environment(PYTHONPATH=str(copy), COLUMNS="200"),
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == code, f"{done.stdout}\n{done.stderr}"
    printed = re.split(r"^\$ bnlab (.*)\n", done.stdout, flags=re.MULTILINE)[1:]
    return dict(zip(printed[::2], printed[1::2], strict=True))


def test_add_a_scheme(tmp_path: Path) -> None:
    copy = copied(tmp_path / "copy")
    files = follow("Add a scheme", copy)
    assert len(files) == 4
    few = "steps=2 data.limit=200 threads=1 quiet=true"
    lists, page, train, sweep, verify, report = (
        "norms",
        "norms mean_abs",
        f"train norm=mean_abs {few} model=cnn",
        f"train -m norm=none,mean_abs seeds=2 {few}",
        "verify mean_abs",
        "report",
    )
    out = commands(copy, tmp_path / "empty", lists, page, train, sweep, verify, report)
    assert "mean_abs" in out[lists]
    assert "norm.eps=1.0e-5  added to the mean absolute value" in out[page]
    stored = {path.parent.name.rpartition("-")[0] for path in (tmp_path / "empty/runs").glob("*/config.yaml")}
    assert stored == {"mean_abs-custom-cnn", "mean_abs-custom-mlp", "none-mlp"}
    assert "gradient" in out[verify]
    assert "fail" not in out[verify]
    assert "mean_abs" in out[report]


def test_add_a_model(tmp_path: Path) -> None:
    copy = copied(tmp_path / "copy")
    assert len(follow("Add a model", copy)) == 5
    sweep = "train -m model=linear norm=none,batch,layer seeds=2 steps=2 data.limit=200 threads=1 quiet=true"
    out = commands(copy, tmp_path / "empty", sweep, "report --by norm.name")
    assert "6 done" in out[sweep]
    stored = {path.parent.name.rpartition("-")[0] for path in (tmp_path / "empty/runs").glob("*/config.yaml")}
    assert stored == {"none-linear", "batch-native-linear", "layer-native-linear"}


def test_add_an_experiment(tmp_path: Path) -> None:
    copy = copied(tmp_path / "copy")
    assert len(follow("Add an experiment", copy)) == 1
    train = "train experiment=small_batches steps=2 data.limit=200 threads=1 quiet=true"
    commands(copy, tmp_path / "empty", train)
    (config,) = (tmp_path / "empty/runs").glob("small-batches-*/config.yaml")
    assert "batch_size: 4" in config.read_text(encoding="utf-8")


def test_add_a_study(tmp_path: Path) -> None:
    copy = copied(tmp_path / "copy")
    assert len(follow("Add a study", copy)) == 1
    lists, explain = "study --list", "study layer_norm --explain"
    run = "study layer_norm --budget quick steps=4 eval_every=2 data.limit=200 threads=1 quiet=true"
    out = commands(copy, tmp_path / "empty", lists, explain, run)
    assert "Does layer normalization speed up the training of a small network?" in out[lists]
    assert "Supported if layer and layer again differ by less than 0.5 points." in out[explain]
    assert re.search(r"^  control: \w+", out[run], flags=re.MULTILINE)


def test_add_a_tracker(tmp_path: Path) -> None:
    copy = copied(tmp_path / "copy")
    assert len(follow("Add a tracker", copy)) == 3
    few = "steps=2 data.limit=200 threads=1 quiet=true"
    commands(copy, tmp_path / "empty", f"train -m norm=none,batch {few} tracker=[csv-stream,lines]")
    lines = [
        json.loads(line) for line in (tmp_path / "empty/runs/lines.jsonl").read_text(encoding="utf-8").splitlines()
    ]
    assert len({line["run"] for line in lines}) == 2
    assert [line["settings"]["steps"] for line in lines if "settings" in line] == [2, 2]
    assert [line["step"] for line in lines if "test/accuracy" in line] == [2, 2]
    assert [line["ending"] for line in lines if "ending" in line] == ["done", "done"]


def test_add_a_probe(tmp_path: Path) -> None:
    copy = copied(tmp_path / "copy")
    assert len(follow("Add a probe", copy)) == 3
    probed = "probes.names=[largest] probes.every=2"
    commands(copy, tmp_path / "empty", f"train -m norm=none,batch seeds=2 {probed} steps=3 data.limit=200 threads=1")
    files = list((tmp_path / "empty/runs").glob("*/seed-*/probes.csv"))
    assert len(files) == 4
    rows = [line.split(",") for file in files for line in file.read_text(encoding="utf-8").splitlines()[1:]]
    assert {tuple(row[:4]) for row in rows} == {
        (step, "largest", layer, "largest") for step in "02" for layer in ("layers.3", "layers.7")
    }
    assert len({row[4] for row in rows if row[0] == "2"}) == 8


def test_teach_verify_a_mistake(tmp_path: Path) -> None:
    copy = copied(tmp_path / "copy")
    assert len(follow("Teach verify a mistake", copy)) == 1
    (tmp_path / "mine.py").write_text(
        "from torch import nn\n\n\nclass MyBN(nn.BatchNorm1d):\n"
        "    def __init__(self, num_features, eps=1e-5, momentum=0.1):\n"
        "        super().__init__(num_features, 0.1, momentum)\n"
    )
    verify = f"verify {tmp_path / 'mine.py'}:MyBN --as batch --json"
    out = commands(copy, tmp_path / "empty", verify, code=1)
    assert "eps is 0.1 whatever the setting" in out[verify]
