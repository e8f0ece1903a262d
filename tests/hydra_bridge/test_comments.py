"""`train --cfg job` and `--help` say what each setting is."""

import re
from pathlib import Path

import pytest
import yaml

from bnlab.config import CONF, from_mapping
from bnlab.hydra_bridge.comments import with_comments
from tests.conftest import Cli

CHOICES = ("model=cnn", "norm=group", "optimizer=sgd", "schedule=cosine")


def test_every_setting_has_its_comment(cli: Cli) -> None:
    answer = cli("train", "--cfg", "job", *CHOICES)
    assert (answer.code, answer.err) == (0, "")
    lines = answer.out.splitlines()
    assert any(re.fullmatch(r"  eps: 1\.0e-05 +# added to the variance under the root", line) for line in lines)
    assert any(re.fullmatch(r"  activation: relu +# relu \| gelu \| tanh \| sigmoid.*", line) for line in lines)
    assert any(re.fullmatch(r"epochs: 10 +# passes over the training set.*", line) for line in lines)
    assert any(
        re.fullmatch(r"  max_replicates: auto +# how many replicates train side by side; .*", line) for line in lines
    )
    assert any(
        re.fullmatch(r"checkpoint_every: 60.* +# A checkpoint is written at each evaluation, .*", line)
        for line in lines
    )


def test_it_stays_a_configuration(cli: Cli) -> None:
    out = cli("train", "--cfg", "job", *CHOICES).out
    assert from_mapping(yaml.safe_load(out)).norm.name == "group"
    bare = re.sub(r" +# .*", "", out)
    assert yaml.safe_load(bare) == yaml.safe_load(out)


def test_a_section_alone_and_the_help(cli: Cli) -> None:
    section = cli("train", "--cfg", "job", "--package", "norm", "norm=layer").out
    assert re.search(r"^eps: 1\.0e-05 +# added to the variance under the root$", section, re.MULTILINE)
    text = cli("train", "--help").out
    assert re.search(r"^runs_dir: runs +# where results are kept$", text, re.MULTILINE)
    assert re.search(r"^schedule: constant, cosine, step$", text, re.MULTILINE)
    assert "study:" not in text


@pytest.mark.parametrize(
    "text", ["", "no: setting\n", "norm:\n  name: of_mine\n  eps: 1\n", "# @package hydra\nmode: RUN\n"]
)
def test_what_is_not_bnlabs_stays_as_it_is(text: str) -> None:
    assert with_comments(text) == text


CHOICES_OF_SETTINGS = [path for path in sorted(CONF.glob("[!e]*/*.yaml")) if path.parent.name != "study"]


@pytest.mark.parametrize("path", CHOICES_OF_SETTINGS, ids=lambda path: f"{path.parent.name}={path.stem}")
def test_every_shipped_setting_says_what_it_is(path: Path) -> None:
    settings = yaml.safe_load(path.read_text(encoding="utf-8"))
    text = with_comments(f"{path.parent.name}:\n" + "".join(f"  {key}: {value}\n" for key, value in settings.items()))
    bare = [line.split(":")[0].strip() for line in text.splitlines()[1:] if "  # " not in line]
    assert bare == (["name", "impl"] if path.stem == "none" else ["name"])
