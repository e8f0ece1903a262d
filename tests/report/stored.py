"""Writes run folders in the store's format, by hand, so that the reader is not tested against the writer."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

CONFIG = """\
norm:
  name: {name}
  impl: native
{norm}model:
  name: mlp
  hidden: [128, 64]
  bias: null
data:
  name: mnist
  validation_size: 10000
  normalize: none
  drop_last: false
optimizer:
  name: adam
  lr: {lr}
epochs: {epochs}
"""
ENVIRONMENT = {"bnlab": "0.1.0", "torch": "2.14.1", "python": "3.11.7", "device": "cpu", "cpu": "X9", "threads": 2}


def run(
    root: Path, name: str, *, folder: str | None = None, norm: str = "", lr: float | str = 0.001, epochs: int = 2
) -> Path:
    """A run folder with its config; `norm` is more YAML lines of that group."""
    path = root / (folder or f"{name}-0a")
    path.mkdir(parents=True)
    text = CONFIG.format(name=json.dumps(name), norm=norm, lr=lr, epochs=epochs)
    (path / "config.yaml").write_text(text, encoding="utf-8")
    return path


def replicate(
    run: Path,
    seed: int,
    accuracy: float | None,
    *,
    loss: float = 0.1,
    state: str = "done",
    error: str | None = None,
    environment: Mapping[str, Any] = ENVIRONMENT,
    **more: Any,
) -> Path:
    """A replicate with its result, and more keys of it; without an accuracy it has no finals."""
    final = {} if accuracy is None else {"test_accuracy": accuracy, "test_loss": loss}
    result = {"schema": 1, "seed": seed, "state": state, "diverged_at_step": None, "error": error, "final": final}
    path = run / f"seed-{seed}"
    path.mkdir()
    text = json.dumps({**result, "seconds": 1.5, "environment": dict(environment), **more})
    (path / "result.json").write_text(text, encoding="utf-8")
    return path


def arm(
    root: Path, name: str, accuracies: list[float], *, more: Mapping[str, Any] | None = None, **keywords: Any
) -> Path:
    """A run with a done replicate for each accuracy, seeds 0, 1, ..., and more keys of their results."""
    path = run(root, name, **keywords)
    for seed, accuracy in enumerate(accuracies):
        replicate(path, seed, accuracy, loss=1 - accuracy, **(more or {}))
    return path


def curves(replicate: Path, end: float, *, epochs: int = 3, steps: int = 10, metrics: str | None = None) -> None:
    """metrics.csv and timing.csv of a replicate whose test accuracy ends at `end`; steps are those of an epoch."""
    rows, timing = ["epoch,step,split,loss,accuracy"], ["epoch,step,seconds,images_per_second,replicates"]
    for epoch in range(1, epochs + 1):
        accuracy = round(end - 0.1 * (epochs - epoch), 6)
        rows += [f"{epoch},{steps * epoch},{split},{1 - accuracy},{accuracy}" for split in ("train", "test")]
        timing.append(f"{epoch},{steps * epoch},{0.5 * epoch},640.0,4")
    (replicate / "metrics.csv").write_text("\n".join([*rows, ""]) if metrics is None else metrics, encoding="utf-8")
    (replicate / "timing.csv").write_text("\n".join([*timing, ""]), encoding="utf-8")


def answers(replicate: Path, accuracy: float, images: int = 1000) -> None:
    """answers.bin of a replicate that is right on the first of its test images."""
    bits = "".join("1" if index < round(accuracy * images) else "0" for index in range(images))
    packed = int(bits, 2).to_bytes(images // 8, "big")
    (replicate / "answers.bin").write_bytes(f"bnlab answers 1 {images}\n".encode() + packed)


def add_final(replicate: Path, **values: float) -> None:
    """More final metrics of a replicate."""
    path = replicate / "result.json"
    result = json.loads(path.read_text(encoding="utf-8"))
    result["final"] |= values
    path.write_text(json.dumps(result), encoding="utf-8")


def finish(replicate: Path, accuracy: float) -> None:
    """A running replicate's result becomes that of a done one."""
    path = replicate / "result.json"
    result = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps(result | {"state": "done", "final": {"test_accuracy": accuracy}}), encoding="utf-8")
