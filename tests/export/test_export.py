"""`bnlab export`: each format is read back by its own library, and gives the network's logits."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

import bnlab
from bnlab.errors import UserError
from bnlab.export import exporting, formats
from tests.conftest import Cli

TRAIN = ("train", "threads=1", "steps=8", "data.limit=200", "keep_checkpoint=true", "label=kept", "quiet=true")
IMAGES = torch.rand(5, 1, 28, 28, generator=torch.Generator().manual_seed(3))


def logits() -> Tensor:
    with torch.no_grad():
        found: Tensor = bnlab.load_model("kept")(IMAGES)
    return found


def test_a_state_dict_and_safetensors_hold_the_weights_that_were_kept(cli: Cli, tmp_path: Path) -> None:
    from safetensors import safe_open

    assert cli(*TRAIN).code == 0
    (kept,) = tmp_path.glob("runs/kept-*/seed-0/weights.pt")
    weights = torch.load(kept, weights_only=True)
    answer = cli("export", "kept")
    name = f"{kept.parent.parent.name}-seed-0"
    assert (answer.code, answer.out) == (0, f"written to {name}.pt\n")
    written = torch.load(f"{name}.pt", weights_only=True)
    assert written.keys() == weights.keys()
    assert all(torch.equal(written[key], weights[key]) for key in weights)
    assert cli("export", "kept", "--format", "safetensors", "-o", "w.safetensors").code == 0
    with safe_open("w.safetensors", framework="pt") as file:
        assert set(file.keys()) == weights.keys()
        assert all(torch.equal(file.get_tensor(key), weights[key]) for key in weights)
        assert file.metadata() == {"format": "pt", "bnlab": name}


def test_folded_weights_are_a_plain_network_of_linear_layers(cli: Cli) -> None:
    assert cli(*TRAIN).code == 0
    answer = cli("export", "kept/seed-0", "--fold", "-o", "folded.pt")
    assert answer.code == 0, answer.err
    assert answer.out.startswith("written to folded.pt; its logits differ by ")
    weights = torch.load("folded.pt", weights_only=True)
    x = IMAGES.flatten(1)
    layers = list(dict.fromkeys(name.rpartition(".")[0] for name in weights))
    assert (len(layers), len(weights)) == (3, 6)
    for layer in layers:
        x = x @ weights[f"{layer}.weight"].T + weights[f"{layer}.bias"]
        x = x if layer == layers[-1] else x.relu()
    assert torch.allclose(x, logits(), atol=1e-5)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("kept", "--format", "torchscript"), "unknown --format 'torchscript'; allowed: onnx, safetensors, state_dict"),
        (("kept", "--fold"), "--fold: norm=layer cannot be folded; allowed: norm=batch"),
        (("nothing",), "there is no run 'nothing'"),
        (("bare",), "has no weights; train with keep_checkpoint=true"),
        (("kept", "-o", "runs"), "--output"),
    ],
)
def test_what_cannot_be_exported_is_one_line_and_writes_nothing(
    cli: Cli, tmp_path: Path, arguments: tuple[str, ...], said: str
) -> None:
    if arguments[0] == "bare":
        assert cli(*TRAIN[:-3], "label=bare", "quiet=true").code == 0
    else:
        assert cli(*TRAIN, "norm=layer").code == 0
    answer = cli("export", *arguments)
    assert answer.code == 2
    assert answer.err.count("\n") == 1
    assert said in answer.err
    assert [path.name for path in tmp_path.iterdir()] == ["runs"]


def test_of_several_seeds_one_has_to_be_named(cli: Cli) -> None:
    assert cli(*TRAIN, "seeds=2").code == 0
    assert "has several seeds or none; write one of them: kept-" in cli("export", "kept").err
    assert cli("export", "kept/seed-1", "-o", "one.pt").code == 0


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("safetensors.torch", "onnxruntime"):
        monkeypatch.setitem(__import__("sys").modules, module, None)
    with pytest.raises(UserError, match=r"needs safetensors: pip install 'bnlab\[safetensors\]'"):
        formats.safetensors(torch.nn.Linear(1, 1), IMAGES, "x")
    with pytest.raises(UserError, match=r"needs onnxruntime: pip install 'bnlab\[onnx\]'"):
        formats.onnx(torch.nn.Linear(1, 1), IMAGES, "x")


def test_other_logits_are_refused() -> None:
    with pytest.raises(UserError, match=r"gives other logits than the network, by 2\.0e-05 of the largest"):
        exporting._check(2e-5, "--fold")
    with pytest.raises(UserError, match="gives other logits"):
        exporting._check(float("nan"), "--fold")


@pytest.mark.slow
@pytest.mark.parametrize("fold", [False, True])
def test_onnxruntime_gives_the_networks_logits(cli: Cli, fold: bool) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    assert cli(*TRAIN).code == 0
    answer = cli("export", "kept", "--format", "onnx", *["--fold"] * fold, "-o", "net.onnx")
    assert answer.code == 0, answer.err
    session = onnxruntime.InferenceSession("net.onnx", providers=["CPUExecutionProvider"])
    (found,) = session.run(["logits"], {"images": IMAGES.numpy()})
    assert torch.allclose(torch.from_numpy(found), logits(), atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("settings", [("norm=layer", "norm.impl=custom"), ("model=cnn", "norm=group")])
def test_other_networks_become_graphs_for_any_number_of_images(cli: Cli, settings: tuple[str, ...]) -> None:
    pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    assert cli(*TRAIN, *settings).code == 0
    answer = cli("export", "kept", "--format", "onnx", "-o", "net.onnx")
    assert answer.code == 0, answer.err
