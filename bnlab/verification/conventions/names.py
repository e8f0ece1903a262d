"""Finds the scheme that a class should compute, by the class's name."""

from __future__ import annotations

import re

NAMES = {
    "batch_renorm": r"re_?norm",
    "ghost_batch": r"ghost|gbn_",
    "precise_batch": r"precise",
    "switchable": r"switchable|switch_?norm|_sn_(?!linear|conv|dense)",
    "spectral_norm": r"spectral|_sn_(linear|conv|dense)",
    "weight_norm": r"weight_?norm|_wn_(linear|conv|dense)",
    "weight_standardization": r"weight_?standard|_ws_(linear|conv)",
    "evonorm_s0": r"evo_?norm(?!.*_b_)",
    "iter_norm": r"iter(ative)?_?norm",
    "scale_norm": r"scale_?norm",
    "frn": r"filter_?response|_frn_",
    "derf": r"_derf_|dynamic_?erf",
    "dyt": r"_dyt_|_dy_t_|dynamic_?tanh",
    "instance": r"instance|_in_norm_|_in_(d_)?$",
    "group": r"group|_gn_",
    "rms": r"rms|^_t_layer_norm_$",
    "layer": r"layer_?norm|_ln_",
    "batch": r"batch|_bn_",
    "none": r"^_no_?norm|^_identity_?norm",
}
"""For each scheme a pattern for class names; the first match counts. Words of a name are between underscores."""


def named(class_name: str) -> str | None:
    """The scheme that a class is named after; None if its name matches none."""
    words = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", class_name)
    text = f"_{'_'.join(words).lower()}_"
    joined = re.sub(r"(?<=\w)_(norm|normalization)", r"\1", text)
    return next((scheme for scheme, said in NAMES.items() if re.search(said, text) or re.search(said, joined)), None)


def looks_like_norm(class_name: str) -> bool:
    """Whether a class has the name of a norm."""
    return named(class_name) is not None or bool(re.search(r"norm|standardi[sz]", class_name, re.IGNORECASE))
