"""The article's Keras program, built from a configuration and trained by `Model.fit`.

Initial weights and batches are those of bnlab's own loop, seed by seed. Keras must have been loaded before, by
`bnlab.norms.keras_layers.load`, which sets its backend.
"""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
import torch
from torch import nn

from bnlab import models
from bnlab.config import AdamConfig, OptimizerConfig, RunConfig, SGDConfig
from bnlab.data import Part, Split, order
from bnlab.engine import EVALUATION_BATCH, Beginning, Checkpointer, Evaluation, Member, Observer, Plan, Score
from bnlab.machine import Interrupt
from bnlab.models import ACTIVATIONS
from bnlab.norms import keras_layers
from bnlab.seeds import batch_generator, weight_generator

ACTIVATES = tuple(type(make()) for make in ACTIVATIONS.values())


def train(
    model: Any,
    member: Member,
    split: Split,
    plan: Plan,
    observer: Observer,
    interrupt: Interrupt,
    checkpointer: Checkpointer,
) -> None:
    """Trains one replicate's model, from `build`, to the end of the plan, or until it has diverged.

    A resumed training starts at the end of the last epoch that was saved. The order of the next batches is part of what
    was saved, and Keras's means begin anew with each epoch, so every number is as if it had never stopped.

    Raises:
        KeyboardInterrupt: the user wants to stop; what was trained since the last epoch's end is lost.
    """
    with keras.device("cpu"):
        training = Training(model, Batches(split, plan, member.seed))
        state = checkpointer.load()
        if state is not None:
            training.load_state(state)
        observer.begin(Beginning([member], plan, training.step))
        watcher = Watcher(training, split, plan, observer, interrupt, checkpointer)
        done, epochs = training.step // plan.steps_per_epoch, math.ceil(plan.total_steps / plan.steps_per_epoch)
        model.fit(training.batches, epochs=epochs, initial_epoch=done, shuffle=False, verbose=0, callbacks=[watcher])


def build(config: RunConfig, split: Split, seed: int) -> Any:
    """The compiled Sequential model: bnlab's own network, layer by layer, with its initial weights.

    Raises:
        UserError: Keras's norm does not have the settings.
    """
    image = split.train.images[0].shape
    norm = dataclasses.replace(config.norm, impl="custom")
    plain = models.build(config.model, norm, image, split.classes, weight_generator(seed))
    with keras.device("cpu"):
        model = keras.Sequential([keras.Input((math.prod(image),))])
        for number, module in enumerate(plain.layers):
            if isinstance(module, nn.Linear):
                model.add(keras.layers.Dense(module.out_features, use_bias=module.bias is not None))
                model.layers[-1].set_weights([value.detach().numpy().T for value in module.parameters()])
            elif isinstance(module, ACTIVATES):
                model.add(keras.layers.Activation(config.model.activation))
            elif not isinstance(module, (nn.Flatten, nn.Identity)):
                model.add(_norm(config, f"norm_{number}"))
        model.add(keras.layers.Activation("softmax"))
        optimizer = _optimizer(config.optimizer)
        model.compile(optimizer=optimizer, loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def member(model: Any, run: str, seed: int) -> Member:
    """The identity of the model's replicate, for observers."""
    return Member(run, seed, sum(math.prod(weight.shape) for weight in model.trainable_weights))


def _norm(config: RunConfig, name: str) -> Any:
    try:
        return keras_layers.layer(keras, config.norm.name, 2, name=name, **config.norm.settings())
    except ValueError as error:
        raise config.norm.refused(error) from error


def _optimizer(config: OptimizerConfig) -> Any:
    if isinstance(config, AdamConfig):
        beta_1, beta_2 = config.betas
        return keras.optimizers.Adam(config.lr, beta_1=beta_1, beta_2=beta_2, epsilon=config.eps)
    assert isinstance(config, SGDConfig)
    return keras.optimizers.SGD(config.lr, momentum=config.momentum, nesterov=config.nesterov)


def _arrays(split: Split, part: Part) -> tuple[Any, Any]:
    """Pixels (N, H W) as scaled floats, and labels (N,)."""
    return split.scaling.to_float(part.images).flatten(1).numpy(), part.labels.numpy()


class Batches(keras.utils.PyDataset):  # type: ignore[misc]  # Keras has no types
    """The batches of an epoch, in the order that the seed gives; `next_epoch` draws the order of the next one."""

    def __init__(self, split: Split, plan: Plan, seed: int) -> None:
        super().__init__()
        self._pixels, self._labels = _arrays(split, split.train)
        self._plan, self._generator = plan, batch_generator(seed)
        self.next_epoch()

    def next_epoch(self) -> None:
        self._drawn_from = self._generator.get_state()
        self._order = order(len(self._labels), self._generator).numpy()

    def state(self) -> torch.Tensor:
        """The generator's state before this epoch's order was drawn."""
        return self._drawn_from

    def load_state(self, drawn_from: torch.Tensor) -> None:
        """Goes to the beginning of the epoch with this state."""
        self._generator.set_state(drawn_from)
        self.next_epoch()

    def __len__(self) -> int:
        return self._plan.steps_per_epoch

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        size = self._plan.batch_size
        rows = self._order[index * size : (index + 1) * size]
        return self._pixels[rows], self._labels[rows]

    def images(self, steps: int) -> int:
        """The number of images in the first `steps` batches of an epoch."""
        return min(steps * self._plan.batch_size, len(self._labels))


class Training:
    """The state of a training: the model with its optimizer, the batches, and the steps done."""

    def __init__(self, model: Any, batches: Batches) -> None:
        model.optimizer.build(model.trainable_variables)
        self.batches, self.step, self.seconds = batches, 0, 0.0
        self._variables = [*model.weights, *model.optimizer.variables]

    def state(self) -> dict[str, Any]:
        """What a checkpoint needs, at the end of an epoch: copies of tensors, and plain values."""
        return {
            "variables": [_copy(variable.value) for variable in self._variables],
            "batches": self.batches.state(),
            "step": self.step,
            "seconds": self.seconds,
        }

    def load_state(self, state: Mapping[str, Any]) -> None:
        for variable, value in zip(self._variables, state["variables"], strict=True):
            variable.assign(value.numpy())
        self.batches.load_state(state["batches"])
        self.step, self.seconds = state["step"], state["seconds"]


def _copy(value: Any) -> torch.Tensor:
    """A copy of a variable's value on any backend, as a tensor. Keras's own conversion warns for PyTorch's."""
    return value.detach().clone() if torch.is_tensor(value) else torch.tensor(keras.ops.convert_to_numpy(value))


class Watcher(keras.callbacks.Callback):  # type: ignore[misc]  # Keras has no types
    """Tells the observer what bnlab's own loop would tell it, and ends the training after the plan's last step.

    The checkpointer is offered the state at the end of each epoch, and at an interrupt that of the last epoch's end.
    """

    def __init__(
        self,
        training: Training,
        split: Split,
        plan: Plan,
        observer: Observer,
        interrupt: Interrupt,
        checkpointer: Checkpointer,
    ) -> None:
        super().__init__()
        held_out = {"validation": split.validation, "test": split.test}
        self._parts = {name: _arrays(split, part) for name, part in held_out.items() if part is not None}
        self._training, self._plan, self._observer = training, plan, observer
        self._interrupt, self._checkpointer = interrupt, checkpointer
        self._diverged = False

    def on_epoch_begin(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        self._last = self._training.state()
        self._began = time.perf_counter()

    def on_train_batch_end(self, batch: int, logs: Mapping[str, Any]) -> None:
        self._training.step += 1
        step = self._training.step
        loss = float(logs["loss"])  # the mean of the epoch so far, which stays not finite once a batch's is not
        if not math.isfinite(loss):
            self._tell_divergence()
            return
        self._observer.trained(step, torch.tensor([[loss]]))
        if step == self._plan.total_steps:
            self.model.stop_training = True
        elif self._interrupt.requested and step % self._plan.steps_per_epoch:
            self._checkpointer.offer(self._last["step"], lambda: self._last, evaluated=False)

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any]) -> None:
        if self._diverged:
            return
        training, step = self._training, self._training.step
        lap = time.perf_counter() - self._began
        training.seconds += lap
        images = training.batches.images(step - self._last["step"])
        scores = {"train": _score(logs, images)}
        for name, (pixels, labels) in self._parts.items():
            held_out = self.model.evaluate(pixels, labels, EVALUATION_BATCH, verbose=0, return_dict=True)
            scores[name] = _score(held_out, len(labels))
        if step == self._plan.total_steps:
            scores["test"].is_right = self._is_right(*self._parts["test"])
        if not all(np.isfinite(score.loss(0)) for score in scores.values()):
            self._tell_divergence()
            return
        evaluation = Evaluation(self._plan.epoch(step), step, scores, training.seconds, images / lap)
        self._observer.evaluated(evaluation)
        training.batches.next_epoch()
        if step < self._plan.total_steps:
            self._checkpointer.offer(step, training.state, evaluated=True)

    def _is_right(self, pixels: Any, labels: Any) -> torch.Tensor:
        """Whether each image is answered correctly, bool (1, N)."""
        starts = range(0, len(labels), EVALUATION_BATCH)
        batches = [pixels[start : start + EVALUATION_BATCH] for start in starts]
        answers = [_copy(self.model(batch, training=False)).cpu().argmax(1) for batch in batches]
        return (torch.cat(answers) == torch.from_numpy(labels)).unsqueeze(0)

    def _tell_divergence(self) -> None:
        self._diverged = self.model.stop_training = True
        self._observer.diverged(0, self._training.step)


def _score(logs: Mapping[str, Any], images: int) -> Score:
    """Keras's means, in float32, as sums over the images."""
    loss, correct = float(logs["loss"]) * images, round(float(logs["accuracy"]) * images)
    return Score(torch.tensor([loss], dtype=torch.float64), torch.tensor([correct], dtype=torch.float64), images)
