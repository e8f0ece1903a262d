"""Finds which of a module's tensors are γ, β and the running statistics, whatever their names.

A role is the reference's name of a parameter or statistic, such as `weight` for γ.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any

import torch
from torch import Tensor, nn

from bnlab.verification.reference.reference import Reference, per_layer

Role = tuple[nn.Module, str]
"""The module that has the tensor, and the attribute's name there."""

NAMES = {
    "weight": r"weights?|gammas?|γ|g|scales?|gains?|w|mults?|a_2|alphas?",
    "bias": r"bias(es)?|betas?|β|b|shifts?|offsets?|adds?|b_2",
    "running_mean": r".*(mean|avg|average).*|((running|moving|run|ema|pop|global)_?)?(mu|μ|m)(_hat|_ema)?|rm|mu_.*",
    "running_var": r".*(var|sigma|σ|std|sd).*|((running|moving|run|ema|pop|global)_?)?(v|s)(_hat|_ema)?|rv",
    "running_std": r".*(std|sigma|σ|sd|var).*",
    "running_whitening": r".*(wm|whiten|decorr).*|.*(projection|sigma|cov).*",
    "threshold": r"threshold|thresh|tau|τ|t",
    "learned_eps": r"learned_eps|eps_l|eps(ilon)?(_learned|_param|_?p)?",
    "mean_logits": r"mean_(weight_)?(logits?|weights?|w|lambda)|(w|weights?|lambda)_?means?",
    "var_logits": r"var_(weight_)?(logits?|weights?|w|lambda)|(w|weights?|lambda)_?vars?",
    "alpha": r"alpha|α|a",
    "v": r"v|v1",
    "original0": r"(weight_)?g|original0",
    "original1": r"(weight_)?v|original1|weight|w",
    "original": r"weight(_(bar|orig|raw))?|original|w",
    "shift": r"shift|s",
    "gain": r"(weight_)?(gains?|g|gammas?|scales?)",
}
"""For each role, a pattern of other names that a layer may use."""

STATISTICS = ("running_mean", "running_var", "running_std", "running_whitening")


def find_roles(module: nn.Module, reference: Reference, channels: int) -> dict[str, Role]:
    """The module's tensors for the reference's roles; each has as many values as the reference's.

    A tensor is recognized by its name, or else by its initial values, all ones or all zeros. With ghosts, a statistic
    may have several values per channel.

    Args:
        module: the module, with its initial values.
        reference: says which roles there are.
        channels: C.
    """
    tensors = _tensors(module)
    starts = per_layer({**reference.initial, **reference.statistics}, channels)
    ghosts = reference.recipe is not None and bool(reference.recipe.ghosts)
    roles: dict[str, Role] = {}

    def fits(tensor: Tensor, role: str) -> bool:
        size, learned = starts[role].size, _is_learned(tensor)
        several = ghosts and tensor.numel() > 0 and tensor.numel() % size == 0
        return (tensor.numel() == size or several) if role in STATISTICS and not learned else tensor.numel() == size

    for role in starts:
        own = [name for name in tensors if fits(tensors[name][2], role) and tensors[name][:2] not in roles.values()]
        names = [name for name in own if role not in STATISTICS or not _is_learned(tensors[name][2])]
        exact = [name for name in names if _is_named(name, re.escape(role))]
        others = [name for name in names if not any(_is_named(name, re.escape(other)) for other in starts)]
        alike = [name for name in others if _is_named(name, NAMES.get(role, re.escape(role)))]
        if found := exact or alike:
            roles[role] = tensors[found[0]][:2]
    for role, start in starts.items():
        for name, (owner, attribute, tensor) in tensors.items():
            if role != "learned_eps" and _is_named(name, NAMES["learned_eps"]):
                continue
            if any(_is_named(name, re.escape(other)) for other in starts if other != role):
                continue
            free = role not in roles and (owner, attribute) not in roles.values()
            right_kind = _is_learned(tensor) == (role in reference.initial)
            values = tensor.detach().double().numpy().reshape(-1)
            if free and right_kind and fits(tensor, role) and (values == start.reshape(-1)[0]).all():
                roles[role] = (owner, attribute)
    return roles | _by_elimination(module, reference, roles, {role: starts[role].size for role in reference.initial})


def _by_elimination(
    module: nn.Module, reference: Reference, roles: dict[str, Role], sizes: dict[str, int]
) -> dict[str, Role]:
    """The parameters without a role, each for the one role left of its size, where there is one of each."""
    left = [role for role in reference.initial if role not in roles and role != "learned_eps"]
    tensors = _tensors(module).items()
    free = [(name, *each) for name, each in tensors if _is_learned(each[2]) and each[:2] not in roles.values()]
    if reference.of_weights:  # γ's names may be those of a weight's length
        free = [each for each in free if not _is_named(each[0], NAMES["bias"])]
    found: dict[str, Role] = {}
    for role in left:
        fitting = [each for each in free if each[3].numel() == sizes[role]]
        alone = len(fitting) == 1 and [sizes[other] for other in left].count(sizes[role]) == 1
        if alone and (reference.of_weights or not any(_is_named(fitting[0][0], each) for each in NAMES.values())):
            found[role] = fitting[0][1:3]
    return found


def _is_learned(tensor: Tensor) -> bool:
    return isinstance(tensor, nn.Parameter) and tensor.requires_grad


def named_tensors(module: nn.Module, *, learned: bool = True) -> dict[str, Tensor]:
    """For each role for which some tensor of the module has a fitting name, that tensor, whatever its shape.

    Args:
        module: the module.
        learned: whether to look at parameters only.
    """
    tensors = {name: tensor for name, (_, _, tensor) in _tensors(module).items()}
    tensors = {name: each for name, each in tensors.items() if isinstance(each, nn.Parameter) or not learned}
    fitting = {role: [name for name in tensors if _is_named(name, pattern)] for role, pattern in NAMES.items()}
    return {role: tensors[names[0]] for role, names in fitting.items() if names}


def kept_tensors(module: nn.Module, roles: Collection[Role]) -> list[Tensor]:
    """The tensors without one of these roles that are no parameters: buffers, attributes, and in lists and dicts."""
    own = [(owner, name, tensor) for owner, name, tensor in _tensors(module).values() if not _is_learned(tensor)]
    found = [tensor for owner, name, tensor in own if (owner, name) not in roles]
    held = [each for part in module.modules() for value in vars(part).values() for _, each in held_in(value)]
    return found + [each for each in held if isinstance(each, Tensor) and not isinstance(each, nn.Parameter)]


def held_in(value: object) -> list[tuple[Any, Any]]:
    """Keys and values of a dict, or indices and values of a list; empty for anything else."""
    if isinstance(value, dict):
        return list(value.items())
    return list(enumerate(value)) if isinstance(value, list) else []


def unused_parameters(module: nn.Module, roles: Collection[Role]) -> list[Tensor]:
    """The learned tensors that have no role."""
    tensors = _tensors(module).values()
    return [tensor for owner, name, tensor in tensors if _is_learned(tensor) and (owner, name) not in roles]


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
