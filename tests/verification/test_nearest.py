"""The scheme that a class is held to, where none is given: by its name, or by its numbers."""

from __future__ import annotations

import pytest
from torch import nn

from bnlab.verification.conventions import looks_like_norm, named
from bnlab.verification.verdict import verify_class
from tests.verification.textbook import BatchNorm, GroupNorm, LayerNorm, RMSNorm

NAMES = {
    "MyBN": "batch",
    "BatchNorm2d": "batch",
    "BN": "batch",
    "batch_norm_manual": "batch",
    "LayerNormalization": "layer",
    "LN": "layer",
    "GN": "group",
    "GroupNorm32": "group",
    "InstanceNorm": "instance",
    "LlamaRMSNorm": "rms",
    "SimpleRMS": "rms",
    "T5LayerNorm": "rms",
    "FRN": "frn",
    "FilterResponseNorm2d": "frn",
    "SwitchNorm1d": "switchable",
    "BatchRenorm1D": "batch_renorm",
    "GhostBatchNorm": "ghost_batch",
    "GBN": "ghost_batch",
    "DyT": "dyt",
    "DynamicTanh": "dyt",
}


@pytest.mark.parametrize("name", NAMES)
def test_a_name_says_the_scheme(name: str) -> None:
    assert named(name) == NAMES[name]


@pytest.mark.parametrize("name", ["Linear", "Inner", "Main", "MyModule", "Blinker", "Strings", "Normal2d"])
def test_other_names_say_none(name: str) -> None:
    assert named(name) is None


def test_what_looks_like_a_norm() -> None:
    assert [name for name in ("MyNorm", "Standardize", "BN1", "Net", "Linear") if looks_like_norm(name)] == [
        "MyNorm",
        "Standardize",
        "BN1",
    ]


def unnamed(base: type[nn.Module]) -> type[nn.Module]:
    return type("Mine", (base,), {})


@pytest.mark.parametrize(
    ("base", "scheme"),
    [
        (BatchNorm, "batch"),
        (LayerNorm, "layer"),
        (RMSNorm, "rms"),
        (GroupNorm, "group"),
        (nn.InstanceNorm2d, "instance"),
    ],
)
def test_numbers_say_the_scheme(base: type[nn.Module], scheme: str) -> None:
    verdict = verify_class(unnamed(base))
    assert (verdict.scheme, verdict.failed) == (scheme, False)
    assert "which it computes; --as SCHEME asks for another" in verdict.remarks[0]


def test_the_scheme_that_is_computed_instead_is_told() -> None:
    verdict = verify_class(RMSNorm, "layer")
    assert verdict.failed
    assert verdict.instead == "it computes root mean square normalization: --as rms holds it to that"


def test_a_name_weighs_more_than_numbers() -> None:
    verdict = verify_class(type("MyLayerNorm", (BatchNorm,), {}))
    assert (verdict.scheme, verdict.failed) == ("layer", True)
    assert verdict.instead == "it computes batch normalization: --as batch holds it to that"
