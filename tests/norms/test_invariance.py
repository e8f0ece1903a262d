"""Table 1 of Ba, Kiros & Hinton 2016: what leaves the output of norm(W x) as it was (exact up to eps).

RMSNorm's row is from Zhang & Sennrich 2019, table 1.
"""

import pytest
import torch
from torch import Tensor

from bnlab.norms import SCHEMES
from tests.norms.settings import DEFAULTS

CHANGES = ("matrix scaled", "matrix shifted", "one row scaled", "data scaled", "data shifted", "one sample scaled")
UNCHANGED = {
    "batch": "Y N Y Y Y N",
    "layer": "Y Y N Y N Y",
    "rms": "Y N N Y N Y",
}
ROWS = [
    (scheme, change, answer == "Y", impl)
    for scheme, answers in UNCHANGED.items()
    for change, answer in zip(CHANGES, answers.split(), strict=True)
    for impl in SCHEMES[scheme].impls
]


def change_inputs(change: str, weight: Tensor, data: Tensor) -> tuple[Tensor, Tensor]:
    """W (C, D) and the data (N, D) after the change; the data move along one direction, the matrix by one row."""
    weight, data = weight.clone(), data.clone()
    direction = torch.linspace(-1, 2, weight.shape[1], dtype=weight.dtype)
    match change:
        case "matrix scaled":
            weight *= 3
        case "matrix shifted":
            weight += direction
        case "one row scaled":
            weight[2] *= 3
        case "data scaled":
            data *= 3
        case "data shifted":
            data += direction
        case "one sample scaled":
            data[2] *= 3
    return weight, data


@pytest.mark.parametrize(("scheme", "change", "unchanged", "impl"), ROWS)
def test_table_1(scheme: str, change: str, unchanged: bool, impl: str) -> None:
    generator = torch.Generator().manual_seed(0)
    weight = torch.randn(8, 5, generator=generator, dtype=torch.float64)
    data = torch.randn(16, 5, generator=generator, dtype=torch.float64)
    norm = SCHEMES[scheme].build(impl, 8, 2, **(DEFAULTS[scheme] | {"eps": 1e-14})).double()
    new_weight, new_data = change_inputs(change, weight, data)
    difference = (norm(new_data @ new_weight.T) - norm(data @ weight.T)).abs().max().item()
    assert difference < 1e-9 if unchanged else difference > 0.01
