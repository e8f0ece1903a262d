"""The catalogue of schemes: no torch until a layer is built, and flags that are true of the layers."""

import ast
import copy
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from bnlab import norms
from bnlab.norms import SCHEMES, Scheme
from bnlab.norms.scheme import CHANGES
from tests.norms.settings import CASES, DEFAULTS, SHAPES, UNDEFINED, case_id
from tests.norms.test_values import state_of


def test_order_and_impls() -> None:
    assert list(SCHEMES)[:6] == ["none", "batch", "layer", "group", "instance", "rms"]
    native = {name for name, scheme in SCHEMES.items() if "native" in scheme.impls}
    assert native == {"none", "batch", "layer", "group", "instance", "rms", "weight_norm"}
    assert all("custom" in scheme.impls for scheme in SCHEMES.values())


def test_importing_the_catalogue_does_not_import_torch() -> None:
    code = "import sys, bnlab.norms; assert bnlab.norms.SCHEMES and 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_building_imports_of_the_rest_of_bnlab_only_the_ground() -> None:
    code = (
        "import sys, bnlab.norms as n;"
        "[n.SCHEMES[s].build('custom', 4, 2, eps=1., affine=True) for s in ('layer', 'rms')];"
        "rooms = {m.split('.')[1] for m in sys.modules if m.startswith('bnlab.')};"
        "print(*sorted(rooms - {'norms', 'python'}))"
    )
    found = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert found.stdout.split() == ["declarations", "errors", "ranges"]


@pytest.mark.parametrize("impl", ["native", "custom"])
@pytest.mark.parametrize("ndim", SHAPES)
def test_none_is_the_identity(impl: str, ndim: int) -> None:
    layer = SCHEMES["none"].build(impl, 8, ndim)
    assert isinstance(layer, nn.Identity)


@pytest.mark.parametrize(("scheme", "impl", "ndim"), CASES, ids=case_id)
def test_flags_are_true_of_the_layer(scheme: Scheme, impl: str, ndim: int) -> None:
    layer = scheme.build(impl, 8, ndim, **DEFAULTS[scheme.name])
    assert ("bias" in state_of(layer)) == scheme.shift
    x = torch.randn(SHAPES[ndim], generator=torch.Generator().manual_seed(0))
    changed = x.clone()
    changed[1] *= 5
    same = copy.deepcopy(layer)
    others = [0, *range(2, len(x))]
    depends = not torch.allclose(layer(x)[others], same(changed)[others])
    assert depends == scheme.batch_statistics


@pytest.mark.parametrize("scheme", SCHEMES.values(), ids=case_id)
def test_every_scheme_can_be_explained(scheme: Scheme) -> None:
    assert scheme.when_to_use.endswith(".")
    assert len(scheme.invariances.split()) == 6
    if scheme.name != "none":
        assert "arXiv" in scheme.source
        assert scheme.source.rpartition(" ")[2] in explanation_of(scheme).splitlines()[0]


@pytest.mark.parametrize("scheme", [each for each in SCHEMES.values() if not each.of_weights], ids=case_id)
def test_the_settings_are_those_that_the_layers_take(scheme: Scheme) -> None:
    config = scheme.configured("custom", **DEFAULTS[scheme.name])
    assert config.settings() == DEFAULTS[scheme.name]
    ndim = 4 if scheme.spatial_only else 2
    layer = scheme.build(config.impl, 8, ndim, **config.settings())
    assert layer(torch.ones(SHAPES[ndim])).shape == SHAPES[ndim]


def explanation_of(scheme: Scheme) -> str:
    """The docstring of the file with the scheme's layers: the formula in full, its symbols and its conventions."""
    source = Path(norms.__file__).with_name(f"{scheme.name}.py").read_text(encoding="utf-8")
    return ast.get_docstring(ast.parse(source)) or ""


def test_spatial_only_means_not_defined_on_n_c() -> None:
    refused = {name for name, _, ndim in UNDEFINED if ndim == 2}
    assert refused == {name for name, scheme in SCHEMES.items() if scheme.spatial_only}


def stated(scheme: Scheme) -> tuple[str, str]:
    """What the docstring of a scheme's module has to say, as the catalogue knows it."""
    defaults = ". ".join(f"{where}: {values}" for where, values in scheme.defaults.items())
    answers = list(zip(CHANGES, scheme.invariances.split(), strict=True))
    same, other = ([change for change, answer in answers if answer == wanted] for wanted in "YN")
    kept = f"norm(W x) stays with: {', '.join(same) or 'nothing'}; changes with: {', '.join(other) or 'nothing'}."
    return f"Defaults elsewhere: {defaults or 'no other implementation'}.", f"Invariances, up to ε: {kept}"


@pytest.mark.parametrize("scheme", SCHEMES.values(), ids=case_id)
def test_the_docstring_has_the_catalogues_defaults_and_invariances(scheme: Scheme) -> None:
    explanation = " ".join(explanation_of(scheme).split())
    for text in stated(scheme):
        assert text in explanation
