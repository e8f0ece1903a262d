"""`engine=keras`: the article's program by `Model.fit`, against a plain program, and what it refuses."""

import csv
import importlib.util
import json
import math
import os
import re
import signal
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bnlab import models
from bnlab.config import from_mapping
from bnlab.errors import UserError
from bnlab.launch.build import split_of
from bnlab.launch.preflight import check
from bnlab.seeds import batch_generator, weight_generator
from bnlab.store import answers_file
from bnlab.store.address import run_folder
from tests.compose import compose
from tests.conftest import Cli, files_below

FIT = ("train", "engine=keras", "threads=1", "data.limit=320", "data.batch_size=32", "epochs=2")


def rows(run: Path, seed: int = 0) -> list[dict[str, str]]:
    with (run / f"seed-{seed}" / "metrics.csv").open() as file:
        return list(csv.DictReader(file))


def the_run(folder: Path) -> Path:
    (run,) = folder.glob("[!.]*-*")
    return run


def plain_program(config: Any, steps: int) -> dict[str, float]:
    """The article's program in float64, written out: Keras's batch norm, Glorot's weights, softmax, Keras's Adam."""
    split = split_of(config.data)
    network = models.build(config.model, config.norm, (1, 28, 28), 10, weight_generator(3))
    linear = [
        (m.weight.detach().double(), m.bias.detach().double()) for m in network.layers if isinstance(m, nn.Linear)
    ]
    p = [tensor.clone().requires_grad_() for pair in linear for tensor in pair]
    gammas = [torch.ones(width, dtype=torch.float64, requires_grad=True) for width in (128, 64)]
    betas = [torch.zeros(width, dtype=torch.float64, requires_grad=True) for width in (128, 64)]
    moving = [(torch.zeros(width, dtype=torch.float64), torch.ones(width, dtype=torch.float64)) for width in (128, 64)]

    def forward(x: Tensor, training: bool) -> Tensor:
        for i in range(2):
            x = x @ p[2 * i].T + p[2 * i + 1]
            mean, var = (x.mean(0), x.var(0, unbiased=False)) if training else moving[i]
            if training:
                old = moving[i]
                moving[i] = (0.99 * old[0] + 0.01 * mean.detach(), 0.99 * old[1] + 0.01 * var.detach())
            x = (gammas[i] * (x - mean) / (var + 1e-3).sqrt() + betas[i]).clamp(min=0)
        return x @ p[4].T + p[5]

    values = [*p, *gammas, *betas]
    first, second = [torch.zeros_like(v) for v in values], [torch.zeros_like(v) for v in values]
    order = torch.randperm(len(split.train), generator=batch_generator(3))
    total = 0.0
    for step in range(1, steps + 1):
        batch = order[(step - 1) * 32 : step * 32]
        x = split.train.images[batch].flatten(1).double() / 255
        loss = F.cross_entropy(forward(x, training=True), split.train.labels[batch])
        total += loss.item()
        for i, g in enumerate(torch.autograd.grad(loss, values)):
            first[i] += 0.1 * (g - first[i])
            second[i] += 0.001 * (g * g - second[i])
            rate = 1e-3 * math.sqrt(1 - 0.999**step) / (1 - 0.9**step)
            with torch.no_grad():
                values[i] -= rate * first[i] / (second[i].sqrt() + 1e-7)
    test = F.cross_entropy(forward(split.test.images.flatten(1).double() / 255, training=False), split.test.labels)
    return {"train": total / steps, "test": test.item()}


def test_it_is_the_articles_program(cli: Cli, tmp_path: Path) -> None:
    article = ("experiment=article_keras", "data.limit=640", "steps=15", "seed=3")
    assert cli("train", "engine=keras", "threads=1", *article).code == 0
    found = {row["split"]: float(row["loss"]) for row in rows(the_run(tmp_path / "runs"), seed=3)}
    expected = plain_program(from_mapping(compose(article)), steps=15)
    assert {split: found[split] for split in expected} == pytest.approx(expected, rel=1e-4)


def test_the_same_command_gives_the_same_bytes_in_an_ordinary_run_folder(cli: Cli, tmp_path: Path) -> None:
    for folder in ("a", "b"):
        answer = cli(*FIT, f"runs_dir={folder}", "seeds=2")
        assert answer.code == 0
        assert re.search(r"epoch +training +validation +test .*\n +1 .*\n +2 ", answer.err)
    a, b = the_run(tmp_path / "a"), the_run(tmp_path / "b")
    assert a.name == b.name
    assert a.name.startswith("batch-keras-mlp-fit-torch-")
    assert files_below(a) == {"config.yaml", ".index.jsonl"} | {
        f"seed-{seed}/{name}"
        for seed in (0, 1)
        for name in ("metrics.csv", "timing.csv", "answers.bin", "result.json", "run.log", ".lock")
    }
    for seed in (0, 1):
        assert (a / f"seed-{seed}" / "metrics.csv").read_bytes() == (b / f"seed-{seed}" / "metrics.csv").read_bytes()
    assert rows(a, 0) != rows(a, 1)
    steps = [(row["epoch"], row["step"], row["split"]) for row in rows(a)]
    assert steps == [(e, s, part) for e, s in (("1", "10"), ("2", "20")) for part in ("train", "validation", "test")]
    result = json.loads((a / "seed-1" / "result.json").read_text())
    assert (result["state"], result["seed"]) == ("done", 1)
    answers = answers_file.parsed((a / "seed-1" / "answers.bin").read_bytes())
    assert answers is not None
    assert answers.right / answers.images == result["final"]["test_accuracy"]
    # No biases before a norm; gamma and beta; Keras's moving averages are not trained.
    assert result["parameters"] == 784 * 128 + 128 * 64 + 2 * (128 + 64) + 64 * 10 + 10
    assert result["environment"]["keras_backend"] == f"torch {torch.__version__}"
    assert result["conventions"] == {"keras_momentum": 0.9, "stored_variance": "biased"}
    again = cli(*FIT, "runs_dir=a", "seeds=2")
    assert (again.code, "images/s" in again.err) == (0, False)  # nothing is trained again


SETTINGS = [
    ("norm=none", "model.activation=gelu", "optimizer=sgd", "optimizer.nesterov=true"),
    ("norm=layer", "model.norm_position=post", "model.activation=tanh", "data.drop_last=true"),
    ("norm=group", "norm.num_groups=2", "model.hidden=[6,4,4]", "model.norm_output=true", "model.bias=true"),
    ("norm=rms", "model.norm_input=true", "model.activation=sigmoid", "data.normalize=standard"),
    (
        "norm=batch",
        "norm.affine=false",
        "model.init=kaiming",
        "model.activation=linear",
        "data.validation_size=0",
        "optimizer.betas=[0.8,0.99]",
    ),
]


@pytest.mark.parametrize("settings", SETTINGS, ids=lambda settings: settings[0])
def test_settings_mean_what_they_mean_to_bnlab_s_own_loop(settings: tuple[str, ...], cli: Cli, tmp_path: Path) -> None:
    adam = () if "optimizer=sgd" in settings else ("optimizer.eps=1e-12",)  # Keras adds it elsewhere
    both = ("threads=1", "data.limit=200", "epochs=2", "norm.impl=keras", *settings, *adam)
    assert cli("train", *both, "runs_dir=own").code == 0
    assert cli("train", "engine=keras", *both, "runs_dir=fit").code == 0
    own, fit = rows(the_run(tmp_path / "own")), rows(the_run(tmp_path / "fit"))
    expected = [row for row in own if row["split"] != "test_batch_stats"]
    for name in ("epoch", "step", "split"):
        assert [row[name] for row in fit] == [row[name] for row in expected]
    assert [float(row["loss"]) for row in fit] == pytest.approx([float(row["loss"]) for row in expected], rel=1e-3)


BACKENDS = "threads=1 cannot be used with engine=keras, which takes threads=null"
REFUSED = {
    "norm.impl=native": "norm.impl=native cannot be used with engine=keras, which takes norm.impl=keras",
    "norm=switchable norm.impl=keras": "engine=keras engine.backend=torch cannot be used here: Keras has no layer for "
    "norm 'switchable'; it has them for batch, layer, group, rms.",
    "norm=weight_norm": "engine=keras engine.backend=torch cannot be used here: Keras has no layer for norm "
    "'weight_norm'; it has them for batch, layer, group, rms.",
    "norm.momentum=null": "norm=batch cannot be used here: keras batch normalization got momentum=None, but Keras has "
    "no cumulative average; set one.",
    "norm=group norm.num_groups=7": "norm=group cannot be used here: num_groups=7 does not divide 128 channels; "
    "allowed: 1, 2, 4, 8, 16, 32, 64, 128.",
    "model=cnn": "model=cnn cannot be used with engine=keras, which takes model=mlp",
    "optimizer=adamw": "optimizer=adamw cannot be used with engine=keras, which takes optimizer=adam or optimizer=sgd",
    "optimizer.weight_decay=0.1": "optimizer.weight_decay=0.1 cannot be used with engine=keras, which takes "
    "optimizer.weight_decay=0.0",
    "schedule=cosine": "schedule=cosine cannot be used with engine=keras, which takes schedule=constant",
    "data.split_seed=1": "data.split_seed=1 cannot be used with engine=keras, which takes data.split_seed=null",
    "eval_every=5": "eval_every=5 cannot be used with engine=keras, which takes eval_every=null",
    "compile=true": "compile=true cannot be used with engine=keras, which takes compile=false or compile=auto",
    "keep_checkpoint=true": "keep_checkpoint=true cannot be used with engine=keras, which takes keep_checkpoint=false",
    "engine.backend=tensorflow": BACKENDS,
    "engine.backend=jax threads=null": "engine.backend=jax needs jax: pip install jax",
    "engine.backend=theano": "engine.backend=theano is not known; allowed: torch, tensorflow, jax. Did you mean "
    "'tensorflow'?",
}


@pytest.mark.parametrize("arguments", REFUSED)
def test_what_it_cannot_do_is_refused_in_one_line(
    arguments: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *more: None if name == "jax" else found(name, *more))
    monkeypatch.setattr("bnlab.machine.compiler.fault", lambda: None)
    with pytest.raises(UserError) as error:
        check(from_mapping(compose([*FIT[1:], f"runs_dir={tmp_path}", *arguments.split()])))
    assert str(error.value) == REFUSED[arguments]


def test_a_refusal_is_exit_code_2_and_writes_nothing(cli: Cli, tmp_path: Path) -> None:
    answer = cli(*FIT, "eval_every=5")
    assert (answer.code, answer.out, answer.err) == (2, "", f"error: {REFUSED['eval_every=5']}\n")
    assert files_below(tmp_path) == set()


def test_without_keras_one_line_says_what_to_install(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bnlab.norms.keras_layers.is_installed", lambda: False)
    answer = cli(*FIT)
    assert (answer.code, answer.err) == (
        2,
        "error: engine=keras engine.backend=torch cannot be used here: it needs Keras: pip install 'bnlab[keras]'\n",
    )
    assert files_below(tmp_path) == set()


def test_two_backends_are_not_swept_over_in_one_process(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *more: found("json" if name == "jax" else name, *more)
    )
    answer = cli("train", "-m", "engine=keras", "engine.backend=torch,jax")
    assert (answer.code, answer.out, answer.err.count("\n")) == (2, "", 1)
    assert answer.err.startswith(
        "error: engine=keras engine.backend=jax cannot be used here: Keras runs on torch in this process, which can "
        "have one backend; train with jax by itself, and with KERAS_BACKEND=jax or unset. (job: "
    )
    assert files_below(tmp_path) == set()


@pytest.mark.parametrize(
    ("signals", "settings", "said"),
    [
        (1, (), "interrupted, saved at step 10"),
        (2, ("checkpoint_every=0",), "stopped at once"),  # what was saved at the end of the epoch is there
        (1, ("norm=none", "optimizer=sgd", "data.drop_last=true", "steps=17"), "interrupted, saved at step 10"),
    ],
)
def test_ctrl_c_ends_it_and_the_next_time_it_goes_on_from_the_last_epoch_to_the_same_bits(
    signals: int, settings: tuple[str, ...], said: str, cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fit = (*FIT, *settings) if "steps=17" not in settings else (*FIT[:-1], *settings)
    assert cli(*fit, "runs_dir=whole").code == 0
    from bnlab.keras_engine.program import Watcher

    told = Watcher.on_train_batch_end

    def watched(self: Any, batch: int, logs: Any) -> None:
        if self._training.step == 13:
            for _ in range(signals):
                os.kill(os.getpid(), signal.SIGINT)
        told(self, batch, logs)

    with monkeypatch.context() as patch:
        patch.setattr(Watcher, "on_train_batch_end", watched)
        answer = cli(*fit, "runs_dir=cut")
    assert answer.code == 130
    assert answer.err.splitlines()[-1] == f"{said}; to go on: bnlab {' '.join(fit)} runs_dir=cut"
    run = the_run(tmp_path / "cut")
    assert json.loads((run / "seed-0" / "result.json").read_text())["state"] == "interrupted"
    assert {row["step"] for row in rows(run)} == {"10"}
    answer = cli(*fit, "runs_dir=cut")
    assert (answer.code, "going on from step 10" in answer.err) == (0, True)
    whole = the_run(tmp_path / "whole") / "seed-0" / "metrics.csv"
    assert (run / "seed-0" / "metrics.csv").read_bytes() == whole.read_bytes()
    assert json.loads((run / "seed-0" / "result.json").read_text())["resumed_at_steps"] == [10]
    assert not [name for name in files_below(tmp_path) if ".stacks/" in name]


def test_a_loss_that_is_not_finite_is_a_divergence(cli: Cli, tmp_path: Path) -> None:
    assert cli(*FIT, "optimizer=sgd", "optimizer.lr=1e30", "norm=none").code == 0
    result = json.loads((the_run(tmp_path / "runs") / "seed-0" / "result.json").read_text())
    assert (result["state"], result["diverged_at_step"]) == ("diverged", 2)


def test_the_addresses_of_the_default_engine_are_as_before() -> None:
    assert run_folder(from_mapping(compose([]))).name == "batch-native-mlp-fe48282ade"
    stored = {key: value for key, value in compose([]).items() if key != "engine"}
    assert run_folder(from_mapping(stored)).name == "batch-native-mlp-fe48282ade"


def test_the_report_does_not_pool_engines_and_names_them(cli: Cli) -> None:
    both = ("threads=1", "data.limit=64", "steps=2", "norm.impl=keras")
    for engine in ("bnlab", "keras"):
        assert cli("train", *both, f"engine={engine}", "seeds=2").code == 0
    pooled = cli("report", "--by", "norm.name")
    assert "note: not pooled: engine.name differs inside an arm (bnlab, keras), so it has a column" in pooled.out
    assert "engine keras" in cli("report").out
