"""`norm=custom_class` from the command line: trained, stacked, addressed by its text, named in the report, refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from bnlab.config import CustomClassConfig, from_mapping
from bnlab.errors import UserError
from bnlab.launch.outcomes import run
from tests.compose import compose
from tests.conftest import QUICK, Cli, files_below

MINE = """
import torch
from torch import nn

class MyNorm(nn.Module):
    def __init__(self, num_features, eps=1e-5, momentum=0.1):
        super().__init__()
        self.eps, self.momentum = eps, momentum
        self.gamma = nn.Parameter(torch.ones(num_features))
        self.beta = nn.Parameter(torch.zeros(num_features))
        self.scale = nn.Parameter(torch.tensor(1.0))
        self.register_buffer("mean", torch.zeros(num_features))
        self.register_buffer("var", torch.ones(num_features))

    def forward(self, x):
        mean, var = self.mean, self.var
        if self.training:
            mean, var = x.mean(0), x.var(0, correction=0)
            with torch.no_grad():
                self.mean.lerp_(mean, self.momentum)
                self.var.lerp_(x.var(0), self.momentum)
        return (x - mean) / torch.sqrt(var + self.eps) * self.gamma * self.scale.abs() + self.beta
"""
OWN = ("train", "norm=custom_class", "norm.target=mine.py:MyNorm", *QUICK)


@pytest.fixture(autouse=True)
def _written(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(MINE)


def runs(tmp_path: Path) -> list[Path]:
    return sorted(path for path in (tmp_path / "runs").iterdir() if not path.name.startswith("."))


def finals(run: Path) -> list[dict[str, float]]:
    results = [json.loads(path.read_text()) for path in sorted(run.glob("seed-*/result.json"))]
    assert {result["state"] for result in results} == {"done"}
    return [result["final"] for result in results]


def test_a_textbook_batch_norm_trains_as_the_built_in_one_does_alone_and_in_a_stack(cli: Cli, tmp_path: Path) -> None:
    answer = cli(*OWN, "seeds=2")
    assert answer.code == 0, answer.err
    assert cli("train", "norm=batch", "model.bias=true", "runs_dir=theirs", "seeds=2", *QUICK).code == 0
    assert cli(*OWN, "seeds=2", "model.bias=true", "runs_dir=ours").code == 0
    (theirs,), (ours,) = (tmp_path / "theirs").glob("b*"), (tmp_path / "ours").glob("M*")
    for mine, built_in in zip(finals(ours), finals(theirs), strict=True):
        assert mine == pytest.approx(built_in, rel=0.02)
    assert cli(*OWN, "seed=1", "runs_dir=alone").code == 0
    (alone,), (stacked,) = (tmp_path / "alone").glob("M*"), runs(tmp_path)
    assert finals(alone)[0] == pytest.approx(finals(stacked)[1], rel=1e-4)


def test_an_edited_file_is_another_run_and_an_unchanged_one_is_found(cli: Cli, tmp_path: Path) -> None:
    assert cli(*OWN).code == 0
    assert "1 stored before" in cli(*OWN).out
    (tmp_path / "mine.py").write_text(MINE.replace("1e-5", "1e-4"))
    assert "1 done" in cli(*OWN).out
    assert "1 done" in cli(*OWN, "norm.kwargs={eps: 0.1}").out
    first, second, third = runs(tmp_path)
    assert {path.name.rpartition("-")[0] for path in (first, second, third)} == {"MyNorm-mlp"}


def test_an_edited_file_that_it_imports_is_another_run(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(f"import to_be_edited\n{MINE}")
    (tmp_path / "to_be_edited.py").write_text("")
    assert cli(*OWN).code == 0
    assert "1 stored before" in cli(*OWN).out
    (tmp_path / "to_be_edited.py").write_text("# another text\n")
    assert "1 done" in cli(*OWN).out
    with pytest.raises(UserError, match=r"but mine\.py, or what it imports \(to_be_edited\.py\), is another text now"):
        CustomClassConfig("custom_class", "custom", "mine.py:MyNorm", None, "before")


def test_its_configuration_is_that_of_a_run_until_the_file_is_edited(cli: Cli, tmp_path: Path) -> None:
    assert cli(*OWN, "norm.kwargs={eps: 0.1}").code == 0
    (folder,) = runs(tmp_path)
    stored = yaml.safe_load((folder / "config.yaml").read_text())
    assert (stored["norm"]["target"], stored["norm"]["kwargs"]) == ("mine.py:MyNorm", {"eps": 0.1})
    config: dict[str, Any] = compose(["norm=custom_class", "norm.target=mine.py:MyNorm", *QUICK]) | {
        "norm": stored["norm"]
    }
    ((outcome,),) = run([from_mapping(config | {"quiet": True})])
    assert not outcome.trained
    (tmp_path / "mine.py").write_text(MINE + "\n")
    with pytest.raises(Exception, match=r"^norm\.digest=\w+, but mine\.py is another text now, \w+; leave"):
        from_mapping(config)


def test_its_weights_are_evaluated_only_where_its_code_is_named_too(cli: Cli, tmp_path: Path) -> None:
    assert cli(*OWN, "keep_checkpoint=true").code == 0
    (folder,) = runs(tmp_path)
    final = json.loads((folder / "seed-0" / "result.json").read_text())["final"]
    (tmp_path / "mine.py").write_text(MINE + "Path = __import__('pathlib').Path\nPath('ran').touch()\n")
    answer = cli("evaluate", folder.name)
    assert answer.code == 2
    assert not (tmp_path / "ran").exists()
    (tmp_path / "mine.py").write_text(MINE)
    answer = cli("evaluate", folder.name)
    line = f"error: {folder.name} needs code to be run: add {TARGET} if you trust it\n"
    assert (answer.code, answer.err) == (2, line)
    answer = cli("evaluate", folder.name, TARGET, "-o", "scores.csv")
    assert answer.code == 0, answer.err
    assert pd.read_csv("scores.csv")["accuracy"][0] == final["test_accuracy"]


def test_the_report_calls_it_by_its_name(cli: Cli) -> None:
    assert cli("train", "-m", "norm=batch", *QUICK).code == 0
    assert cli(*OWN).code == 0
    answer = cli("report")
    assert answer.code == 0, answer.err
    assert "MyNorm" in answer.out
    assert "custom_class" not in answer.out


def test_in_a_sweep_beside_others(cli: Cli, tmp_path: Path) -> None:
    sweep = ("-m", "norm=custom_class", "norm.target=mine.py:MyNorm", "optimizer.lr=1e-3,1e-2", "seeds=2", *QUICK)
    answer = cli("train", *sweep)
    assert answer.code == 0, answer.err
    assert len(runs(tmp_path)) == 2


TARGET = "norm.target=mine.py:MyNorm"
REFUSALS: list[tuple[str, tuple[str, ...], str]] = [
    (
        MINE,
        ("norm.target=mien.py:MyNorm",),
        "there is no file mien.py; give an existing FILE.py:CLASS. Did you mean 'mine.py'?",
    ),
    (
        MINE,
        ("norm.target=mine.py:MyNrm",),
        "mine.py has no class 'MyNrm'; its torch.nn.Modules: MyNorm. Did you mean 'MyNorm'?",
    ),
    (MINE, (), "norm.target is not set; write norm.target=VALUE"),
    (
        MINE,
        (TARGET, "norm.kwargs={epsilon: 1}"),
        "MyNorm has no argument 'epsilon' for norm.kwargs; its arguments: eps, momentum. Did you mean 'eps'?",
    ),
    (
        MINE,
        (TARGET, "norm.kwargs=3"),
        "norm.kwargs=3 is of the wrong type; it has to be a mapping, e.g. {eps: 0.001}, or null",
    ),
    (
        MINE.replace("eps=1e-5", "eps").replace("=0.1", ""),
        (TARGET,),
        "MyNorm needs more than num_features: eps, momentum; give them: 'norm.kwargs={eps: VALUE,momentum: VALUE}'",
    ),
    (
        "class A(:",
        ("norm.target=mine.py:A",),
        "importing mine.py failed: mine.py, line 1: SyntaxError: invalid syntax",
    ),
    (
        MINE.replace("return (x - mean)", "return (x[1:] - mean)"),
        (TARGET,),
        "MyNorm gave the shape (31, 128) for an input of shape (32, 128); a norm has to keep it",
    ),
    (
        MINE.replace("x.mean(0)", "x.mean(0).view(7)"),
        (TARGET,),
        "MyNorm on an input of shape (32, 128) failed in line 18 of mine.py: RuntimeError: shape '[7]' is invalid for"
        " input of size 128",
    ),
    (
        MINE,
        (TARGET, "model=cnn"),
        "MyNorm on an input of shape (32, 16, 14, 14) failed in line 20 of mine.py: RuntimeError: The size of tensor a"
        " (16) must match the size of tensor b (14) at non-singleton dimension 2",
    ),
]


@pytest.mark.parametrize(("text", "arguments", "message"), REFUSALS)
def test_what_is_wrong_is_one_line_and_nothing_is_written(
    cli: Cli, tmp_path: Path, text: str, arguments: tuple[str, ...], message: str
) -> None:
    (tmp_path / "mine.py").write_text(text)
    before = files_below(tmp_path)
    answer = cli("train", "norm=custom_class", *arguments, *QUICK)
    assert (answer.code, answer.err) == (2, f"error: {message}\n")
    assert {file for file in files_below(tmp_path) if "__pycache__" not in file} == before


ENDED = "mine.py:MyNorm ended the process before it was done (exit code 0); a layer must not call exit"
LOOP = "mine.py:MyNorm was not done after 1 s, in line 16 of mine.py, an endless loop perhaps"
HARMFUL = {
    "a loop": ("while True: pass", LOOP),
    "a loop in C": ("sum(range(10**11))", LOOP),
    "exit": ("import os; os._exit(0)", ENDED),
    "crash": ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "mine.py:MyNorm crashed with SIGSEGV"),
}


@pytest.mark.parametrize(("code", "message"), HARMFUL.values(), ids=HARMFUL)
def test_what_loops_or_ends_its_process_is_one_line_and_nothing_is_written(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str, message: str
) -> None:
    monkeypatch.setattr("bnlab.launch.engines.SECONDS_OF_TRIAL", 1.0)
    (tmp_path / "mine.py").write_text(MINE.replace("mean, var = self.mean, self.var", code))
    before = files_below(tmp_path)
    answer = cli(*OWN)
    assert (answer.code, answer.err) == (2, f"error: {message}\n")
    assert files_below(tmp_path) == before


def test_a_sweep_tries_a_class_out_once_for_each_network(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[object] = []
    monkeypatch.setattr("bnlab.launch.engines.confined", lambda *arguments, **_: tried.append(arguments[3]))
    (Path() / "mine.py").write_text(MINE + "# a text that was not tried out before\n")
    answer = cli(*OWN, "-m", "optimizer.lr=1e-3,1e-2", "model.hidden=[8],[8,4]")
    assert answer.code == 0, answer.err
    assert tried == [(((32, 8), (8, 8)),), (((32, 8), (8, 8)), ((32, 4), (8, 4)))]
