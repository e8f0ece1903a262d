"""Digests of all that bnlab writes and prints, to prove that a change of the code changes no behaviour.

    python -m tests.same_outputs --keep before.json       # before the change: some 6 minutes
    python -m tests.same_outputs --against before.json    # after it: exit code 1, and the names of what differs

A fixed list of commands runs in an empty folder: every scheme, impl and model, stacked and alone, all optimizers and
schedules, a training that is interrupted and goes on, Keras, evaluations, reports, lists, errors. Everything is
digested except what tells the time. Digests hold for one machine with its versions: they are made, compared and thrown
away. `--short` is a quarter of a minute, `--folder` keeps what was written for a look at the differences.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bnlab.norms import SCHEMES

OWN_NORM = """\
import torch
from torch import nn


class Scale(nn.Module):
    def __init__(self, num_features, start=1.0):
        super().__init__()
        self.gamma = nn.Parameter(torch.full((num_features,), start))

    def forward(self, x):
        return x * self.gamma.view(1, -1, *(1,) * (x.ndim - 2))
"""
SMALL = ("data.limit=400", "data.batch_size=16", "model.hidden=[16,8]", "threads=1")
RECORDED = (*SMALL, "steps=400")
"""As many steps as a recording is worth."""
SMALL_VIT = ("model=vit", "model.width=16", "model.heads=2", "model.depth=1")
SMALL_RNN = ("model=rnn", "model.hidden=16", "optimizer.clip_norm=1")
FEW = ("data.limit=64", "data.batch_size=16", "steps=6", "threads=1", "seeds=2")
SMALL_CNN = ("model=cnn", "model.channels=[8,16]", "data.limit=64", "data.batch_size=16", "steps=6", "threads=1")


@dataclass(frozen=True)
class Command:
    """A command of bnlab's.

    Attributes:
        code: with which it has to exit, else nothing would be proved.
        interrupted: it gets a Ctrl-C once it has kept a checkpoint, and is repeated.
    """

    arguments: tuple[str, ...]
    code: int = 0
    interrupted: bool = False

    @property
    def name(self) -> str:
        return f"bnlab {' '.join(self.arguments)}"


def of(*arguments: str, code: int = 0, interrupted: bool = False) -> Command:
    return Command(arguments, code, interrupted)


def schemes_with(impl: str, *, on_images: bool) -> str:
    """Native and Keras's RMS norm take vectors only, instance norm images only."""
    left_out = {"rms"} if on_images and impl != "custom" else set()
    left_out |= {name for name, scheme in SCHEMES.items() if scheme.spatial_only and not on_images}
    return ",".join(name for name, scheme in SCHEMES.items() if impl in scheme.impls and name not in left_out)


def trainings() -> Iterator[Command]:
    """Every scheme, impl and model, and each thing that changes the way of a training."""
    for impl in ("native", "custom", "keras"):
        sweep = ("train", "-m", f"norm={schemes_with(impl, on_images=False)}", f"norm.impl={impl}", *RECORDED)
        yield of(*sweep, "seeds=2", f"label={impl}")
        if impl != "keras":
            yield of(*sweep, "stack.max_replicates=1", f"label={impl}-alone")
        yield of("train", "-m", f"norm={schemes_with(impl, on_images=True)}", f"norm.impl={impl}", *SMALL_CNN)
    yield of("train", "-m", "norm=none,batch", "seeds=3", *RECORDED, "threads=2", "label=shards")
    optimizers = ("optimizer=sgd,adamw", "schedule=constant,cosine,step", "optimizer.weight_decay=0.01")
    yield of("train", "-m", *optimizers, *RECORDED)
    yield of("train", "-m", "optimizer=sgd", "optimizer.momentum=0.9", "optimizer.nesterov=true,false", *RECORDED)
    yield of("train", "-m", "model.norm_position=pre,post", "model.activation=relu,gelu", "seeds=2", *SMALL, "steps=9")
    yield of("train", "-m", "norm=weight_norm", "norm.then=none,batch", "seeds=2", *SMALL, "steps=9", "label=then")
    yield of(
        "train", "norm=custom_class", "norm.target=own_norm.py:Scale", "norm.kwargs={start: 2.0}", *SMALL, "steps=9"
    )
    yield of("train", "-m", f"norm={schemes_with('custom', on_images=True)}", "norm.impl=custom", *SMALL_VIT, *FEW)
    yield of("train", "-m", f"norm={schemes_with('custom', on_images=False)}", "norm.impl=custom", *SMALL_RNN, *FEW)
    yield of("train", "-m", "model=rnn", "model.cell=tanh,gru", "model.sequence=rows,permuted_rows", *FEW)
    deep = ("model.width=16", "model.depth=4", "model.residual=true", "model.dropout=0.2", "model.norm_at=[1,2]")
    yield of(
        "train",
        *deep,
        "optimizer=rmsprop",
        "schedule.warmup_steps=4",
        "data.accumulate=2",
        *FEW,
        "label=deep",
        "keep_checkpoint=true",
    )
    yield of("train", "-m", "optimizer.lr=3e38", "norm=none,batch", *RECORDED, "label=diverging")
    yield of("train", *SMALL, "epochs=40", "seeds=2", "checkpoint_every=0", "label=interrupted", interrupted=True)
    yield of("train", "engine=keras", *SMALL, "epochs=2")
    yield of("train", "experiment=article_pytorch", "data.limit=200", "epochs=1", "eval_every=3", "threads=1")


def questions() -> Iterator[Command]:
    """What reads the runs, and what only prints."""
    yield of("evaluate", "deep", "threads=1")
    yield of("report", "--by", "norm.name,norm.impl,model.name", "-o", "all")
    yield of("report", "runs/native-[!a]*", "--by", "norm.name", "--baseline", "norm.name=none", "-o", "native")
    yield of("report", "runs", "--metric", "validation_loss", "--margin", "0.1", "--target", "0.5")
    yield of("report", "--by", "optimizer.name", "-o", "optimizers")
    yield of("runs")
    yield of("runs", "--where", "norm.name=batch,layer")
    yield of("runs", "show", "interrupted")
    yield of("runs", "export", "runs.csv")
    yield of("verify", "--all", "--json")
    yield of("verify", "own_norm.py:Scale", "--as", "batch", code=1)
    yield from short_questions()


def short_questions() -> Iterator[Command]:
    yield of("norms")
    yield of("norms", "batch")
    yield of("norms", "custom_class")
    for command in ((), ("train",), ("report",), ("evaluate",), ("norms",), ("verify",), ("runs",), ("bench",)):
        yield of(*command, "--help")
    for wrong in ("norm=bach", "norm.eps=0", "epoch=3", "norm=none,batch", "norm=layer norm.momentum=.1"):
        yield of("train", *wrong.split(), code=2)
    yield of("train", "--cfg", "job", "norm=group")
    yield of("report", "--by", "nrom.name", code=2)
    yield of("trian", code=2)


def short() -> Iterator[Command]:
    small = (*SMALL, "steps=5", "data.limit=40", "keep_checkpoint=true")
    yield of("train", "-m", "norm=none,batch", "seeds=2", *small)
    yield of("report", "--by", "norm.name")
    yield of("train", "norm=bach", code=2)


def digests(commands: Sequence[Command], folder: Path) -> dict[str, str]:
    """Runs the commands in the folder; a digest for what each prints, and for each file that is there at the end."""
    (folder / "own_norm.py").write_text(OWN_NORM, encoding="utf-8")
    found = {}
    for command in commands:
        if sys.stderr.isatty():
            sys.stderr.write(f"{command.name[:150]}\n")
        found[command.name] = digest(_without_times(_printed(command, folder), folder))
        stop_clocks(folder / "runs")
    written = (path for path in folder.rglob("*") if path.is_file())
    for path in sorted(path for path in written if path.name not in LEFT_OUT and path.suffix != ".pdf"):
        found[str(path.relative_to(folder))] = digest(_content(path, folder))
    return found


SEALED = ("run", "digests", "digest")
"""What a result says about its own content: without these it may be changed."""

LEFT_OUT = {"run.log", ".lock", ".looks.jsonl", ".index.jsonl"}
"""What holds times; and PDFs, whose parts have names drawn at random; the same charts are there as PNG and SVG."""


def digest(content: str | bytes) -> str:
    return hashlib.sha256(content.encode() if isinstance(content, str) else content).hexdigest()[:16]


def stop_clocks(runs: Path) -> None:
    """Puts fixed times and no commit into all results, so that what is made of them holds none.

    The runs' indexes, which hold the results as they were stored, are removed.
    """
    for path in runs.glob("*/.index.jsonl"):
        path.unlink()
    for path in runs.glob("*/seed-*/result.json"):
        result = json.loads(path.read_text(encoding="utf-8"))
        result = {key: value for key, value in result.items() if key not in SEALED}
        result["environment"] |= {"commit": None, "dirty": None}
        path.write_text(json.dumps(result | {"seconds": 1.5, "resumed_at_steps": []}, indent=2), encoding="utf-8")
    for path in runs.glob("*/seed-*/timing.csv"):
        lines = path.read_text(encoding="utf-8").splitlines()
        fixed = [re.sub(r"^([^,]*,[^,]*),[^,]*,[^,]*,", r"\1,1.5,1000,", line) for line in lines[1:]]
        path.write_text("\n".join([lines[0], *fixed, ""]), encoding="utf-8")


def _printed(command: Command, folder: Path) -> str:
    line = [sys.executable, "-m", "bnlab"]
    for argument in command.arguments:
        found = sorted(folder.glob(argument)) if argument.startswith("runs/") else []
        line += [str(path.relative_to(folder)) for path in found] or [argument]
    changes = {"COLUMNS": "160", "OMP_NUM_THREADS": "2", "KERAS_BACKEND": "torch"}
    environment = {name: value for name, value in os.environ.items() if name != "HYDRA_FULL_ERROR"} | changes
    if command.interrupted:
        _interrupt(line, folder, environment)
    done = subprocess.run(line, cwd=folder, env=environment, capture_output=True, text=True, timeout=600)
    if done.returncode != command.code:
        raise RuntimeError(f"{command.name} ended with {done.returncode}: {done.stdout}{done.stderr}")
    return f"{done.stdout}\n{done.stderr}"


def _interrupt(line: Sequence[str], folder: Path, environment: dict[str, str]) -> None:
    """Begins the command, and ends it once it has kept a checkpoint."""
    with subprocess.Popen(line, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        while process.poll() is None and not list(folder.glob("runs/.stacks/*/*.pt")):
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        process.communicate()
    if process.returncode != 130:
        raise RuntimeError(f"{line} ended with {process.returncode} before it was interrupted")


def _content(path: Path, folder: Path) -> str | bytes:
    content = path.read_bytes()
    try:
        return _without_times(content.decode(), folder)
    except UnicodeDecodeError:
        return content


PROGRESS = r" +[\d.e+-]+(?: +[\d.]+){2,3} +[\d,]+ +\d.*"
"""A row for an evaluation: epoch, accuracies, images/s, and what is left."""


def _without_times(text: str, folder: Path) -> str:
    """Lines of progress hold rates, and are left out; so are ages, and the folder's own name."""
    text = "\n".join(line for line in text.splitlines() if not re.fullmatch(PROGRESS, line))
    text = re.sub(r" in [\d.]+ .*, [\d.]+ .* of it training steps", " in TIME", text)
    return re.sub(r"  \d+ (s|min|h) +", "  AGE  ", text).replace(str(folder), "FOLDER")


def differences(before: dict[str, str], after: dict[str, str]) -> list[str]:
    """The names of what has another digest, or is there only once."""
    return sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.same_outputs")
    parser.add_argument("--keep", type=Path, help="write the digests to this file")
    parser.add_argument("--against", type=Path, help="compare them with those of this file")
    parser.add_argument("--folder", type=Path, help="run here and keep what is written; default: a temporary folder")
    parser.add_argument("--short", action="store_true", help="a few commands only")
    given = parser.parse_args()
    commands = list(short()) if given.short else [*trainings(), *questions()]
    with tempfile.TemporaryDirectory() as temporary:
        folder = (given.folder or Path(temporary)).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        found = digests(commands, folder)
    if given.keep is not None:
        given.keep.write_text(json.dumps(found, indent=1), encoding="utf-8")
    print(f"{len(found)} outputs, together {digest(json.dumps(found))}")
    if given.against is not None:
        changed = differences(json.loads(given.against.read_text(encoding="utf-8")), found)
        for name in changed:
            print(f"differs: {name}")
        sys.exit(1 if changed else 0)


if __name__ == "__main__":
    main()
