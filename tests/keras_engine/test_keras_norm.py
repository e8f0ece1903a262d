"""`norm.impl=keras` in training: native's losses, Keras's own variance at test time, and what of it is stored."""

import csv
import json
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from bnlab import data
from tests.conftest import Cli, files_below

STEPS = ("threads=1", "data.limit=640", "data.batch_size=32", "steps=20", "eval_every=1", "data.drop_last=true")


def losses(run: Path, split: str, seed: int = 0) -> list[float]:
    with (run / f"seed-{seed}" / "metrics.csv").open() as file:
        return [float(row["loss"]) for row in csv.DictReader(file) if row["split"] == split]


OTHERS = [pytest.param(norm, marks=pytest.mark.slow) for norm in ("layer", "group", "rms")]


@pytest.mark.parametrize("norm", ["batch", *OTHERS])
def test_the_losses_of_20_steps_are_native_s(norm: str, cli: Cli, tmp_path: Path) -> None:
    assert cli("train", "-m", *STEPS, f"norm={norm}", "norm.impl=native,custom,keras", "seeds=2").code == 0
    found = {impl: next((tmp_path / "runs").glob(f"{norm}-{impl}-*")) for impl in ("native", "custom", "keras")}
    for split in ["train", *([] if norm == "batch" else ["validation", "test"])]:
        for seed in (0, 1):
            native = losses(found["native"], split, seed)
            assert len(native) == 20
            for impl in ("custom", "keras"):
                assert losses(found[impl], split, seed) == pytest.approx(native, rel=1e-4), (split, seed, impl)


def logits(state: dict[str, Tensor], x: Tensor, eps: float) -> Tensor:
    """The article's network in float64, by hand, with the running statistics."""
    names = sorted({name.rpartition(".")[0] for name in state}, key=lambda name: int(name.split(".")[1]))
    for name in names:
        own = {key.rpartition(".")[2]: value.double() for key, value in state.items() if key.startswith(f"{name}.")}
        if "running_var" in own:
            x_hat = (x - own["running_mean"]) / (own["running_var"] + eps).sqrt()
            x = (own["weight"] * x_hat + own["bias"]).clamp(min=0)
        else:
            x = x @ own["weight"].T + own.get("bias", torch.zeros(()))
    return x


def test_at_test_time_only_the_biased_variance_differs(cli: Cli, tmp_path: Path) -> None:
    """After T batches of n: what the batches added to the variance is (n - 1)/n of what they added to native's."""
    assert cli("train", "-m", *STEPS, "norm.impl=native,keras", "keep_checkpoint=true").code == 0
    native, keras = (next((tmp_path / "runs").glob(f"batch-{impl}-*")) for impl in ("native", "keras"))
    state, own = (torch.load(run / "seed-0" / "weights.pt", weights_only=True) for run in (native, keras))
    start, samples = (1 - 0.1) ** 20, 32
    for name in [name for name in state if name.endswith("running_var")]:
        state[name] = start + (state[name] - start) * (samples - 1) / samples
        torch.testing.assert_close(own[name], state[name], rtol=1e-3, atol=1e-6)
    source = data.load("mnist", None, False)
    test = source.test_images[:640].flatten(1).double() / 255
    expected = F.cross_entropy(logits(state, test, 1e-5), source.test_labels[:640]).item()
    assert losses(keras, "test")[-1] == pytest.approx(expected, rel=1e-4)
    assert abs(losses(native, "test")[-1] - expected) > 1e-3 * expected  # it is no matter of rounding

    kept = json.loads((keras / "seed-0" / "result.json").read_text())
    assert kept["conventions"] == {"keras_momentum": 0.9, "stored_variance": "biased"}
    assert kept["environment"]["keras_backend"] == f"torch {torch.__version__}"
    assert kept["environment"]["keras"].startswith("3.")
    assert "conventions" not in json.loads((native / "seed-0" / "result.json").read_text())
    assert "keras" not in json.loads((native / "seed-0" / "result.json").read_text())["environment"]

    answer = cli("evaluate", "batch-keras", "data.limit=640")
    assert answer.code == 0
    assert f"{kept['final']['test_loss']:.4f}" in answer.out


NEEDS = "norm=batch cannot be used here: it needs Keras: pip install 'bnlab[keras]'"


def test_without_keras_one_line_says_what_to_install(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bnlab.norms.keras_layers.is_installed", lambda: False)
    answer = cli("train", "norm.impl=keras")
    assert (answer.code, answer.out, answer.err) == (2, "", f"error: {NEEDS}\n")
    assert files_below(tmp_path) == set()


def test_a_scheme_that_keras_lacks(cli: Cli, tmp_path: Path) -> None:
    for norm in ("dyt", "weight_norm"):
        answer = cli("train", f"norm={norm}", "norm.impl=keras")
        lacks = f"Keras has no layer for norm '{norm}'; it has them for batch, layer, group, rms."
        assert (answer.code, answer.err) == (2, f"error: norm={norm} cannot be used here: {lacks}\n")
        assert files_below(tmp_path) == set()


def test_the_conventions_are_shown(cli: Cli) -> None:
    assert "keras: keras.layers', given momentum 1 - m, stores the biased variance" in cli("norms", "batch").out
