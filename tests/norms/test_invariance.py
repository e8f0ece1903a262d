"""Table 1 of Ba, Kiros & Hinton 2016: what leaves the output of norm(W x) as it was (exact up to eps).

RMSNorm's row is from Zhang & Sennrich 2019, table 1. What the catalogue says of the other schemes is measured too.
"""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from bnlab.norms import CHANGES, SCHEMES, Scheme
from tests.norms.settings import DEFAULTS, case_id

PUBLISHED = {"batch": "Y N Y Y Y N", "weight_norm": "Y N Y N N N", "layer": "Y Y N Y N Y", "rms": "Y N N Y N Y"}
SETTINGS: dict[str, dict[str, Any]] = {
    "batch_renorm": {"schedule_scale": 1.0},
    "ghost_batch": {"virtual_batch_size": 8},
}
WITH_SPACE = ("instance", "frn")
"""On (N, C) the first is not defined, and the second has an eps that is not small."""

ROWS = [
    (scheme, change, answer == "Y", impl)
    for scheme in SCHEMES.values()
    for change, answer in zip(CHANGES, scheme.invariances.split(), strict=True)
    for impl in scheme.impls
    if impl != "keras"  # works in float32
]


def change_inputs(change: str, weight: Tensor, data: Tensor) -> tuple[Tensor, Tensor]:
    """W (C, D) and the data (N, D, L) after the change; the data move along one direction, the matrix by one row."""
    weight, data = weight.clone(), data.clone()
    direction = torch.linspace(-1, 2, weight.shape[1], dtype=weight.dtype)
    match change:
        case "weight matrix rescaled":
            weight *= 3
        case "weight matrix recentred":
            weight += direction
        case "one weight vector rescaled":
            weight[2] *= 3
        case "data rescaled":
            data *= 3
        case "data recentred":
            data += direction[:, None]
        case "one sample rescaled":
            data[2] *= 3
    return weight, data


def output(scheme: Scheme, impl: str, weight: Tensor, start: Tensor, data: Tensor) -> Tensor:
    """norm(W x), shape (N, C) or (N, C, L), of a new layer; of weights that were `start` when the scheme came on."""
    settings = DEFAULTS[scheme.name] | SETTINGS.get(scheme.name, {})
    settings |= {"eps": 1e-14} if "eps" in settings else {}
    if scheme.of_weights:
        linear: Any = nn.Linear(5, 8, bias=False).double()
        linear.weight.data.copy_(start)
        scheme.reparametrize(impl, linear, **settings)
        list(linear.parameters())[-1].data.copy_(weight)  # what is learned last is the weight, or its direction
        weight = linear.weight
    product = torch.einsum("cd,ndl->ncl", weight, data)
    if scheme.name not in WITH_SPACE:
        product = product[..., 0]
    return product if scheme.of_weights else scheme.build(impl, 8, product.ndim, **settings).double()(product)


@pytest.mark.parametrize(("scheme", "change", "unchanged", "impl"), ROWS, ids=case_id)
def test_invariance(scheme: Scheme, change: str, unchanged: bool, impl: str) -> None:
    generator = torch.Generator().manual_seed(0)
    weight = torch.randn(8, 5, generator=generator, dtype=torch.float64)
    data = torch.randn(16, 5, 6, generator=generator, dtype=torch.float64)
    new_weight, new_data = change_inputs(change, weight, data)
    before, after = output(scheme, impl, weight, weight, data), output(scheme, impl, new_weight, weight, new_data)
    difference = (after - before).abs().max().item()
    assert difference < 1e-9 if unchanged else difference > 0.01


@pytest.mark.parametrize("scheme", PUBLISHED)
def test_the_catalogue_says_what_was_published(scheme: str) -> None:
    assert SCHEMES[scheme].invariances == PUBLISHED[scheme]
