"""Which of a module's tensors are γ, β and the running statistics, whatever their names."""

from __future__ import annotations

import re

import numpy as np
import torch
from torch import Tensor, nn

from bnlab.verification.reference.reference import Reference, per_layer

Role = tuple[nn.Module, str]
"""The module that has the tensor, and the attribute."""

NAMES = {
    "weight": r"weights?|gammas?|γ|g|scales?|gains?|w|mults?|a_2",
    "bias": r"bias(es)?|betas?|β|b|shifts?|offsets?|adds?|b_2",
    "running_mean": r".*(mean|avg).*|((running|moving)_?)?(mu|μ)",
    "running_var": r".*(var|sigma|σ|std|sd).*",
}


def find_roles(module: nn.Module, reference: Reference, channels: int) -> dict[str, Role]:
    """The tensors that have the reference's names, and as many values as there.

    A name decides; a tensor with another name is known by its first values, all ones or all zeros.
    """
    tensors = _tensors(module)
    starts = per_layer({**reference.initial, **reference.statistics}, channels)
    roles: dict[str, Role] = {}
    for role, start in starts.items():
        pattern = NAMES.get(role, re.escape(role))
        for name, (owner, attribute, tensor) in tensors.items():
            if (owner, attribute) in roles.values() or tensor.numel() != start.size:
                continue
            if _is_named(attribute, pattern):
                roles[role] = tensors[name][:2]
                break
    for role, start in starts.items():
        for owner, attribute, tensor in tensors.values():
            free = role not in roles and (owner, attribute) not in roles.values()
            right_kind = isinstance(tensor, nn.Parameter) == (role in reference.initial)
            if free and right_kind and np.array_equal(tensor.detach().double().numpy().reshape(-1), start.reshape(-1)):
                roles[role] = (owner, attribute)
    return roles


def named_tensors(module: nn.Module) -> set[str]:
    """The roles of NAMES that some parameter of the module has the name of, whatever its shape."""
    attributes = [name for name, (_, _, tensor) in _tensors(module).items() if isinstance(tensor, nn.Parameter)]
    return {role for role, pattern in NAMES.items() if any(_is_named(name, pattern) for name in attributes)}


def _is_named(name: str, pattern: str) -> bool:
    return bool(re.fullmatch(pattern, name.rpartition(".")[2].rpartition("/")[2].lower().strip("_")))


def _tensors(module: nn.Module) -> dict[str, tuple[nn.Module, str, Tensor]]:
    """Parameters, buffers and plain attributes of the module and its parts, by their full names."""
    found: dict[str, tuple[nn.Module, str, Tensor]] = {}
    for prefix, part in module.named_modules():
        own = {**part._parameters, **part._buffers, **vars(part)}
        for attribute, value in own.items():
            if isinstance(value, torch.Tensor) and value.is_floating_point():
                found[f"{prefix}.{attribute}"] = (part, attribute, value)
    return found
