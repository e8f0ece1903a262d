"""What the probes measure, in plain loops over one plain model in float64, from the formulas in their files."""

from __future__ import annotations

import copy
import itertools
import math
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from bnlab.data import Scaling

Array = NDArray[np.float64]
Found = dict[tuple[str, str, str], float]
Step = tuple[Tensor, Tensor]
"""Images and labels of a batch."""


def layer_of(parameter: str) -> str:
    """The path of a parameter's layer."""
    return parameter.split(".parametrizations")[0] if ".parametrizations" in parameter else parameter.rpartition(".")[0]


def by_layer(model: nn.Module) -> dict[str, list[str]]:
    names: dict[str, list[str]] = {}
    for name, _ in model.named_parameters():
        names.setdefault(layer_of(name), []).append(name)
    return names


def pixels(images: Tensor) -> Tensor:
    return Scaling().to_float(images, torch.float64)


def gradients(model: nn.Module, weights: Mapping[str, Tensor], batch: Step) -> tuple[float, dict[str, Array]]:
    """The mean loss with such weights, and its gradients by the parameters' names; the model stays as it is."""
    other = copy.deepcopy(model)
    other.load_state_dict({**other.state_dict(), **weights})
    images, labels = batch
    loss = F.cross_entropy(other(pixels(images)), labels)
    loss.backward()
    named = other.named_parameters()
    return loss.item(), {name: np.zeros(p.shape) if p.grad is None else p.grad.numpy() for name, p in named}


def length(arrays: Iterator[Array] | Sequence[Array]) -> float:
    return math.sqrt(sum(float((array * array).sum()) for array in arrays))


def of_gradients(model: nn.Module, before: Mapping[str, Tensor], after: Mapping[str, Tensor], batch: Step) -> Found:
    _, g = gradients(model, before, batch)
    groups = by_layer(model)
    groups["model"] = list(itertools.chain.from_iterable(groups.values()))
    found: Found = {}
    for layer, names in groups.items():
        update = length([after[name].numpy() - before[name].numpy() for name in names])
        weight = length([before[name].numpy() for name in names])
        found["gradients", layer, "gradient_norm"] = length([g[name] for name in names])
        found["gradients", layer, "weight_norm"] = weight
        found["gradients", layer, "update_norm"] = update
        found["gradients", layer, "effective_lr"] = update / weight if weight else math.nan
    return found


def of_shift(model: nn.Module, before: Mapping[str, Tensor], after: Mapping[str, Tensor], batch: Step) -> Found:
    groups = by_layer(model)
    _, g = gradients(model, before, batch)
    found: Found = {}
    mixed = dict(before)
    for layer, names in groups.items():
        _, other = gradients(model, mixed, batch)
        product = sum(float((g[name] * other[name]).sum()) for name in names)
        lengths = length([g[name] for name in names]), length([other[name] for name in names])
        found["shift", layer, "gradient_norm"] = lengths[0]
        found["shift", layer, "distance"] = length([g[name] - other[name] for name in names])
        found["shift", layer, "cosine"] = product / (lengths[0] * lengths[1]) if lengths[0] * lengths[1] else math.nan
        mixed |= {name: after[name] for name in names}
    return found


def of_landscape(model: nn.Module, before: Mapping[str, Tensor], batch: Step, lr: float) -> Found:
    loss, g = gradients(model, before, batch)
    of_all, weights = length(list(g.values())), length([before[name].numpy() for name in g])
    found: Found = {("landscape", "model", "loss"): loss}
    for prefix, rate in (("", lr), ("relative_", 0.01 * weights / of_all)):
        losses, distances, smoothness = [], [], []
        for point in range(7):
            eta = rate * 0.5 * 8 ** (point / 6)
            moved = {name: before[name] - eta * torch.from_numpy(g[name]) for name in g}
            other_loss, other = gradients(model, moved, batch)
            losses.append(other_loss)
            distances.append(length([g[name] - other[name] for name in g]))
            smoothness.append(distances[-1] / (eta * of_all))
        found["landscape", "model", f"{prefix}loss_min"] = min(losses)
        found["landscape", "model", f"{prefix}loss_max"] = max(losses)
        found["landscape", "model", f"{prefix}gradient_distance_min"] = min(distances)
        found["landscape", "model", f"{prefix}gradient_distance_max"] = max(distances)
        found["landscape", "model", f"{prefix}smoothness"] = max(smoothness)
    return found


def passing(model: nn.Module, layers: Sequence[str], images: Tensor) -> dict[str, tuple[nn.Module, Array, Array]]:
    """Of one pass in training mode each layer with what enters it and what leaves it; the model stays as it is."""
    other, kept = copy.deepcopy(model), {}
    for layer in layers:

        def keep(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor, layer: str = layer) -> None:
            kept[layer] = module, inputs[0].detach().numpy().copy(), output.detach().numpy().copy()

        other.get_submodule(layer).register_forward_hook(keep)
    with torch.no_grad():
        other(pixels(images))
    return kept


def of_activations(model: nn.Module, norms: Sequence[str], activations: Sequence[str], batch: Step) -> Found:
    found: Found = {}
    kept = passing(model, [*norms, *activations], batch[0])
    for layer in norms:
        for side, x in zip(("input", "output"), kept[layer][1:], strict=True):
            rows = [row.ravel() for row in np.moveaxis(x, 1, -1)] if x.ndim == 4 else [row.ravel() for row in x]
            values = np.concatenate(rows)
            mean = values.sum() / len(values)
            found["activations", layer, f"{side}_mean"] = mean
            found["activations", layer, f"{side}_sd"] = math.sqrt(((values - mean) ** 2).sum() / len(values))
            cosines = [
                float(a @ b) / math.sqrt(float(a @ a) * float(b @ b))
                for a, b in itertools.permutations([row for row in rows if row.any()], 2)
            ]
            found["activations", layer, f"{side}_cosine"] = sum(cosines) / len(cosines) if cosines else math.nan
            singular = np.linalg.svd(np.stack(rows[:32]), compute_uv=False)
            found["activations", layer, f"{side}_stable_rank"] = (singular**2).sum() / singular[0] ** 2
    for layer in activations:
        module, x, y = kept[layer]
        x, y = (np.moveaxis(x, 1, -1), np.moveaxis(y, 1, -1)) if x.ndim == 4 else (x, y)
        for percent in (15, 50, 85):
            found["activations", layer, f"unit_{percent}"] = float(np.percentile(x[..., 0], percent))
            found["activations", layer, f"all_{percent}"] = float(np.percentile(x, percent))
        if isinstance(module, nn.ReLU):
            units = y.reshape(-1, y.shape[-1]).T
            found["activations", layer, "dead"] = sum(not unit.any() for unit in units) / len(units)
        low, high = {nn.Sigmoid: (0.0, 1.0), nn.Tanh: (-1.0, 1.0)}.get(type(module), (math.nan, math.nan))
        if not math.isnan(low):
            outer = 0.05 * (high - low)
            found["activations", layer, "saturated"] = float(((y < low + outer) | (y > high - outer)).mean())
    return found


def of_running(model: nn.Module, images: Tensor, batch_size: int) -> Found:
    found: Found = {}
    names = {name.rpartition(".")[0] for name, _ in model.named_buffers() if name.endswith("running_mean")}
    for layer in sorted(names):
        seen = []
        for start in range(0, len(images) - batch_size + 1, batch_size):
            x = passing(model, [layer], images[start : start + batch_size])[layer][1]
            seen.append(np.moveaxis(x, 1, -1).reshape(-1, x.shape[1]))
        rows = np.concatenate(seen)
        module = model.get_submodule(layer)
        mean, variance = (getattr(module, f"running_{name}").numpy() for name in ("mean", "var"))
        of_mean, of_sd, count = 0.0, 0.0, 0
        for channel in range(rows.shape[1]):
            sd = math.sqrt(((rows[:, channel] - rows[:, channel].mean()) ** 2).mean())
            if sd > 0:
                count += 1
                of_mean += ((mean[channel] - rows[:, channel].mean()) / sd) ** 2
                of_sd += ((math.sqrt(variance[channel]) - sd) / sd) ** 2
        if count:
            found["running", layer, "mean_distance"] = math.sqrt(of_mean / count)
            found["running", layer, "sd_distance"] = math.sqrt(of_sd / count)
    return found
