"""Every scheme and impl through every check."""

import functools
import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from bnlab.norms import SCHEMES, weight_norm
from bnlab.norms.keras_layers import SCHEMES as OF_KERAS
from bnlab.verification.checks import measures
from bnlab.verification.checks.checks import CHECKS, Report, run
from bnlab.verification.checks.result import COARSE, EXACT, FAIL, PASS, WARN
from bnlab.verification.checks.subject import KERAS_DEVIATES, accepted, of_scheme
from bnlab.verification.conventions import CONVENTIONS
from bnlab.verification.mistakes.mistakes import DEFECTS, MISTAKES
from bnlab.verification.reference.layers import ReferenceNew
from bnlab.verification.show import known_to_markdown
from tests import forks
from tests.conftest import environment

CASES = [(name, impl) for name in SCHEMES for impl in SCHEMES[name].impls if impl != "keras"]


@functools.cache
def verified(scheme: str, impl: str) -> Report:
    subject = of_scheme(scheme, impl)
    return run(subject, accepted(subject))


@pytest.mark.parametrize(("scheme", "impl"), CASES)
def test_is_right(scheme: str, impl: str) -> None:
    report = verified(scheme, impl)
    assert {result.check for result in report.results} > {check.name for check in CHECKS}
    assert [result for result in report.results if result.status in (FAIL, WARN)] == []
    assert (report.exact, report.defects) == (EXACT, ())
    compared = [result for result in report.results if result.relative is not None]
    assert len(compared) >= 14
    assert all(result.relative <= 1e-12 for result in compared if result.tolerance == EXACT)  # type: ignore[operator]


@pytest.mark.parametrize("scheme", ["batch", "layer"])
def test_custom_is_no_worse_than_native_far_from_zero(scheme: str) -> None:
    errors = {
        impl: next(result.absolute for result in verified(scheme, impl).results if result.check.startswith("offset"))
        for impl in ("native", "custom")
    }
    assert errors["custom"] is not None
    assert errors["native"] is not None
    assert errors["custom"] <= errors["native"]


class OneLengthForAll(nn.Module):
    """Weight normalization by ‖V‖ of the whole matrix, where each row has its own length."""

    def forward(self, g: Tensor, v: Tensor) -> Tensor:
        w: Tensor = v * (g / torch.linalg.vector_norm(v))
        return w

    def right_inverse(self, w: Tensor) -> tuple[Tensor, Tensor]:
        return torch.linalg.vector_norm(w, dim=tuple(range(1, w.ndim)), keepdim=True), w


@pytest.mark.parametrize("ndim", [2, 3, 4])
def test_the_invariances_of_a_scheme_of_weights_are_the_layers(ndim: int) -> None:
    subject = of_scheme("weight_norm", "native")
    kept = {change: value.item() for change, value in measures.invariances(subject.new, ndim).items()}
    assert list(kept.values()) == [1, 0, 1, 0, 0, 0]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(weight_norm, "WeightNorm", OneLengthForAll)
        wrong = measures.invariances(of_scheme("weight_norm", "custom").new, ndim)
    assert [value.item() for value in wrong.values()] == [1, 0, 0, 0, 0, 0]


@pytest.mark.parametrize(("scheme", "impl"), [case for case in CASES if SCHEMES[case[0]].of_weights])
def test_a_scheme_of_weights_has_its_row_of_table_1(scheme: str, impl: str) -> None:
    (result,) = [r for r in verified(scheme, impl).results if r.check.startswith("invariances")]
    assert (result.status, result.absolute) == (PASS, 0)


def test_the_shipped_table_has_every_row() -> None:
    shipped = (Path(__file__).parents[2] / "docs" / "verify.md").read_text(encoding="utf-8")
    table = shipped.partition("## ")[0]
    rows = [line.split("|")[1:3] for line in table.splitlines() if line.startswith("| ")][1:]
    applies = {(name, r.check) for name, impl in CASES for r in verified(name, impl).results if r.status != "n/a"}
    assert {(name.strip(), check.strip()) for name, check in rows} == applies, (
        "write it anew: bnlab verify --all --markdown > docs/verify.md"
    )
    assert "**fail**" not in shipped
    assert shipped.endswith(f"\n{known_to_markdown()}"), "write it anew: bnlab verify --all --markdown > docs/verify.md"


def test_the_tables_of_what_is_known_have_it_all() -> None:
    tables = known_to_markdown()
    cells = [line.split("|")[1].strip() for line in tables.splitlines() if line.startswith("| ")]
    assert {*CONVENTIONS, *DEFECTS, *(mistake.name for mistake in MISTAKES)} <= set(cells)


def test_what_does_not_apply_says_why() -> None:
    notes = {result.check: result.note for result in verified("instance", "custom").results if result.status == "n/a"}
    assert notes["running mean after 3 batches"] == "keeps no running statistics"
    assert notes["shape (N, C)"].startswith("refused: the scheme is for inputs with spatial axes")
    notes = {result.check: result.note for result in verified("rms", "native").results if result.status == "n/a"}
    assert notes["gradient of beta"] == "has no beta"
    assert "torch.nn.RMSNorm has a gamma for each position" in notes["shape (N, C, L)"]


def test_a_batch_of_one() -> None:
    by_scheme = {name: verified(name, "custom").results for name in ("batch", "layer")}
    notes = {name: next(r for r in results if r.check == "batch of 1") for name, results in by_scheme.items()}
    assert notes["batch"].note.startswith("refused: ValueError: Expected more than 1 value per channel")
    assert notes["layer"].relative is not None
    assert notes["layer"].relative < EXACT


@pytest.fixture(scope="module")
def of_keras() -> dict[str, Any]:
    """What `bnlab verify --impl keras --json` says of each scheme, in a process of its own: Keras changes logging."""
    if importlib.util.find_spec("keras") is None:
        pytest.skip("needs bnlab[keras]")
    done = forks.bnlab(["verify", "--impl", "keras", "--json"], Path(), environment(KERAS_BACKEND="torch"))
    assert done.returncode == 0, done.stderr
    found: list[dict[str, Any]] = json.loads(done.stdout)["verified"]
    return {verified["scheme"]: {check["check"]: check for check in verified["checks"]} for verified in found}


@pytest.mark.parametrize("scheme", OF_KERAS)
def test_keras_is_right_by_its_convention(scheme: str, of_keras: dict[str, Any]) -> None:
    checks = of_keras[scheme]
    assert checks["forward, training"]["tolerance"] == COARSE
    assert {name for name, check in checks.items() if check["status"] in (FAIL, WARN)} <= {
        check.name for check in CHECKS if check.name.startswith(tuple(KERAS_DEVIATES))
    }
    assert (checks["float32"]["status"], checks["float32"]["tolerance"]) == (PASS, 1e-6)


def test_keras_stores_the_biased_variance(of_keras: dict[str, Any]) -> None:
    reference = of_scheme("batch", "keras").reference
    factor = measures.stored_variance(ReferenceNew(reference), 2)["factor"]
    assert factor == pytest.approx(1, abs=1e-12)
    assert of_keras["batch"]["stored over biased variance"]["status"] == PASS
    native = measures.stored_variance(of_scheme("batch", "native").new, 2)["factor"]
    assert native == pytest.approx(8 / 7, abs=1e-12)
