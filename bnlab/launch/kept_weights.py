"""The trained weights that `keep_checkpoint=true` keeps, and their evaluation on any data set."""

from __future__ import annotations

import copy
import dataclasses
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from bnlab.config import CHOICES, LENGTH, RunConfig, defaults, from_mapping, set_value
from bnlab.data import Shift, Split, changed
from bnlab.engine import EVALUATION_BATCH, Score, evaluate, evaluate_on_batch_statistics
from bnlab.errors import UserError, shown
from bnlab.launch.build import device_of, model_of, replicate, split_of
from bnlab.launch.capacity import check_memory
from bnlab.lifting import lift
from bnlab.machine.threads import DEFAULT_THREADS, use_threads
from bnlab.models import is_of_batch
from bnlab.runs import Replicate, Run
from bnlab.store import WEIGHTS, Result, faults, read_weights

RELATIVE, ABSOLUTE = 0.01, 0.002
"""How far a score may be from the stored one. Another device, number of threads or version rounds differently."""


@dataclass(frozen=True)
class Evaluated:
    """A seed's score on the test part of the data."""

    seed: int
    score: Score


@dataclass(frozen=True)
class Conditions:
    """The conditions of an evaluation.

    Attributes:
        shifts: changes of the test images, applied in this order.
        order: of the images: "stored", "shuffled" or "sorted" (by class).
        batch_size: images of a test batch; None: as in the evaluations of a training.
        statistics: those that the norms use: "running" or "batch".
    """

    shifts: Sequence[Shift] = ()
    order: str = "stored"
    batch_size: int | None = None
    statistics: str = "running"

    def __str__(self) -> str:
        size = "" if self.batch_size is None else f"in batches of {self.batch_size}"
        order = {"stored": "", "shuffled": "shuffled", "sorted": "sorted by class"}[self.order]
        statistics = "with batch statistics" if self.statistics == "batch" else ""
        return ", ".join(part for part in (*map(str, self.shifts), order, size, statistics) if part)


AS_IN_TRAINING = Conditions()


def conditions_of(shifts: Sequence[str], order: str, batch_size: int | None, statistics: str) -> Conditions:
    """The conditions, with shifts as typed (`contrast=0.5`). Raises UserError for an unknown shift."""
    return Conditions(tuple(map(Shift.parse, shifts)), order, batch_size, statistics)


def evaluate_run(
    run: Run, changes: Mapping[str, Any], conditions: Conditions = AS_IN_TRAINING
) -> tuple[RunConfig, list[Evaluated]]:
    """Evaluates every replicate's kept weights on the test images.

    The pixels are scaled as in the training, those of other datasets too.

    Args:
        run: the run whose weights to evaluate.
        changes: settings of data, device and threads that differ, by dotted key, e.g. data.name: kmnist.
        conditions: what is done to the images, how batches are composed, and which statistics the norms use.

    Returns:
        The run's configuration with the changes, and a score for each seed.

    Raises:
        UserError: no weights were kept; they were changed since, or score differently; or a change is not legal.
    """
    stored = _stored(run)
    _check_trust(run, stored["norm"], changes.get("norm.target"))
    trained, config = from_mapping(stored), from_mapping(_changed(stored, changes))
    check_memory(trained)
    device = device_of(config)
    kept = _kept(run)
    results = [_checked(one) for one in kept]
    split = _split(trained, config)
    split = dataclasses.replace(split, test=changed(split.test, conditions.shifts, conditions.order))
    _check_batch(trained, conditions, len(split.test))
    scores = []
    with use_threads(config.threads or DEFAULT_THREADS):
        for one, result in zip(kept, results, strict=True):
            model = replicate(trained, one.seed).model
            _load(model, one.path, result)
            score = _score(lift([model]).to(device), split, trained, conditions, device)
            if config.protocol()["data"] == trained.protocol()["data"] and conditions == AS_IN_TRAINING:
                _compare(one, score, result)
            scores.append(Evaluated(one.seed, score))
    return config, scores


@dataclass(frozen=True)
class Trained:
    """A trained plain model in evaluation mode, the configuration it was trained with, and its replicate."""

    model: nn.Module
    config: RunConfig
    replicate: Replicate


def trained_model(run: Run, target: str | None = None) -> Trained:
    """The trained model of a replicate.

    Args:
        run: a run with only this replicate, as `bnlab.runs.find` gives it for `RUN/seed-N`.
        target: for a run with norm=custom_class, its class, `my_file.py:MyNorm`: the user's consent to run that code.

    Raises:
        UserError: no weights were kept, they were changed since, or the class is not named.
    """
    stored = _stored(run)
    _check_trust(run, stored["norm"], target)
    config = from_mapping(stored)
    check_memory(config)
    (one,) = _kept(run)
    model = model_of(config, one.seed)
    _load(model, one.path, _checked(one))
    return Trained(model.eval(), config, one)


def _kept(run: Run) -> list[Replicate]:
    kept = [one for one in run.replicates if (one.path / WEIGHTS).exists()]
    if not kept:
        raise UserError(
            f"{run.name} has no weights; train with keep_checkpoint=true (and rerun=true for a run that is done)"
        )
    return kept


def _check_batch(trained: RunConfig, conditions: Conditions, images: int) -> None:
    smallest = 2 if conditions.statistics == "batch" and is_of_batch(trained.norm.of_activations()) else 1
    size = conditions.batch_size
    if size is not None and not smallest <= size <= images:
        needs = ", since a batch's statistics need two values" if smallest == 2 else ""
        raise UserError(
            f"--batch-size {size} is out of range; it has to be {smallest} to {images}, the test images{needs}"
        )


def _score(stack: nn.Module, split: Split, trained: RunConfig, conditions: Conditions, device: torch.device) -> Score:
    if conditions.statistics == "batch":
        size = conditions.batch_size or min(trained.data.batch_size, len(split.test))
        return evaluate_on_batch_statistics(stack, split, size, device)
    return evaluate(stack, split, split.test, device, batch_size=conditions.batch_size or EVALUATION_BATCH)


def _checked(one: Replicate) -> Result:
    """The result of a replicate. Raises UserError if one of its files was changed since it was stored."""
    wrong = one.reason if one.result is None else next(faults(one.path, one.result), None)
    if one.result is None or wrong:
        raise UserError(f"{shown(one.path)} is not what was stored: {wrong}; train anew with rerun=true")
    return one.result


def _compare(one: Replicate, score: Score, result: Result) -> None:
    """Raises UserError if the weights' score on the test data of their training is not the stored one."""
    measured = {"test_accuracy": score.accuracy(0), "test_loss": score.loss(0)}
    for name, value in measured.items():
        stored = result.final.get(name, value)
        if not math.isclose(value, stored, rel_tol=RELATIVE, abs_tol=ABSOLUTE):
            raise UserError(
                f"{shown(one.path / WEIGHTS)}: its {name} is {value:.6g}, and {stored:.6g} was stored; these are other "
                "weights, or other data; train anew with rerun=true"
            )


def _stored(run: Run) -> dict[str, Any]:
    """The run's stored settings as plain values. Paths are not taken from there, but from the user."""
    if run.config is None:
        raise UserError(f"{run.name} cannot be evaluated: {run.reason}")
    protocol = {key: value for key, value in run.config.tree.items() if key in (*CHOICES, *LENGTH)}
    for section in ("norm", "data"):
        if not isinstance(protocol.get(section), dict):
            raise UserError(f"{run.name} cannot be evaluated: its config.yaml has no section {section}")
    settings: dict[str, Any] = defaults() | protocol
    settings["data"] = protocol["data"] | {"root": None, "download": False}
    return settings


def _check_trust(run: Run, norm: Mapping[str, Any], named: str | None) -> None:
    """Raises UserError for a run that needs code which the user has not named: its folder may be from a stranger."""
    target = norm.get("target")
    if target is not None and named != target:
        raise UserError(f"{run.name} needs code to be run: add norm.target={shown(target)} if you trust it")


def _changed(trained: dict[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    changed = copy.deepcopy(trained)
    for key, value in changes.items():
        set_value(changed, key, value)
    return changed


def _split(trained: RunConfig, config: RunConfig) -> Split:
    """The data of `config`, scaled as in training."""
    before, split = split_of(trained.data), split_of(config.data)
    if split.classes != before.classes:
        raise UserError(
            f"data={config.data.name} has {split.classes} classes, and the run was trained on {before.classes}; "
            "evaluate it on data with as many"
        )
    return dataclasses.replace(split, scaling=before.scaling)


def _load(model: nn.Module, folder: Path, result: Result) -> None:
    try:
        file = io.BytesIO(read_weights(folder, result))
        model.load_state_dict(torch.load(file, map_location="cpu", weights_only=True))
    except Exception as error:  # torch.load raises many kinds for a file that is none of its own, even IndexError
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise UserError(
            f"{shown(folder / WEIGHTS)} does not hold this run's weights ({reason}); train anew with rerun=true"
        ) from error
