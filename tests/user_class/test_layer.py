"""A user's own class: found, loaded, built, tried out; and every way in which that goes wrong, in one line."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from bnlab.errors import UserError
from bnlab.user_class.layer import construct, load_class, try_out, try_pass

GOOD = """
import torch
from torch import nn

class Shift(nn.Module):
    def __init__(self, num_features, start=0.0):
        super().__init__()
        self.shift = nn.Parameter(torch.full((num_features,), start))

    def forward(self, x):
        return x + self.shift.view(-1, *(1,) * (x.ndim - 2))
"""


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])


def write(text: str, name: str = "mine.py") -> None:
    path = Path(name)
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)


def norm_with(forward: str = "return x", init: str = "super().__init__()", arguments: str = "num_features") -> None:
    """Writes mine.py with a class Norm."""
    lines = ["from torch import nn", "class Norm(nn.Module):", f"    def __init__(self, {arguments}):"]
    write("\n".join([*lines, f"        {init}", "    def forward(self, x):", f"        {forward}", ""]))


def refused(call: Any, *arguments: Any) -> str:
    with pytest.raises(UserError) as error:
        call(*arguments)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_a_class_of_a_file_is_built_with_its_arguments() -> None:
    write(GOOD)
    layer = construct("mine.py:Shift", 3, {"start": 2.0})
    assert torch.equal(layer(torch.zeros(4, 3)), torch.full((4, 3), 2.0))
    for shape in ((4, 3), (4, 3, 5), (4, 3, 5, 2)):
        try_pass("mine.py:Shift", layer, shape)


def test_a_class_of_a_module_of_the_working_directory() -> None:
    write("", "somewhere_here/__init__.py")
    write(GOOD, "somewhere_here/norms.py")
    assert load_class("somewhere_here.norms:Shift").__name__ == "Shift"


def test_an_edited_file_is_loaded_anew_and_an_unchanged_one_is_not() -> None:
    write(GOOD)
    first = load_class("mine.py:Shift")
    assert load_class("mine.py:Shift") is first
    write(GOOD.replace("start=0.0", "start=7.0"))
    assert construct("mine.py:Shift", 1, {})(torch.zeros(1, 1)).item() == 7.0


def test_a_file_may_import_its_neighbour() -> None:
    write("FACTOR = 3", "its_neighbour.py")
    write("import its_neighbour\n" + GOOD.replace("0.0", "float(its_neighbour.FACTOR)"))
    assert construct("mine.py:Shift", 1, {})(torch.zeros(1, 1)).item() == 3.0


@pytest.mark.parametrize("target", ["mine.py", "Shift", ":Shift", "mine.py:", "mine.py:Shift()", ""])
def test_a_target_without_a_class(target: str) -> None:
    expected = f"'{target}' names no class; write FILE.py:CLASS or PACKAGE.MODULE:CLASS, e.g. my_bn.py:MyBN"
    assert refused(load_class, target) == expected


def test_not_found_names_the_nearest() -> None:
    write(GOOD)
    assert refused(load_class, "mien.py:Shift") == (
        "there is no file mien.py; give an existing FILE.py:CLASS. Did you mean 'mine.py'?"
    )
    assert refused(load_class, "mine.py:Shfit") == (
        "mine.py has no class 'Shfit'; its torch.nn.Modules: Shift. Did you mean 'Shift'?"
    )
    assert refused(load_class, "torch.opitm:BatchNorm1d") == (
        "there is no Python module torch.opitm; give PACKAGE.MODULE:CLASS that can be imported here, or FILE.py:CLASS."
        " Did you mean 'torch.optim'?"
    )
    assert refused(load_class, "trch:BatchNorm1d").endswith("Did you mean 'torch'?")
    write("x = 1")
    assert refused(load_class, "mine.py:Norm") == "mine.py has no class 'Norm'; it has no torch.nn.Module."


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("def Norm(): pass", "of type function, no subclass of"),
        ("class Norm: pass", "a class that is no"),
        ("Norm = 3", "of type int, no subclass of"),
    ],
)
def test_no_module(line: str, what: str) -> None:
    write(line)
    expected = f"mine.py:Norm is {what} torch.nn.Module; derive it: class NAME(torch.nn.Module)"
    assert refused(load_class, "mine.py:Norm") == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("import torch\nclass Norm(:\n", "mine.py, line 2: SyntaxError: invalid syntax"),
        ("x = 1\ny = [", "mine.py, line 2: SyntaxError: '[' was never closed"),
        ("x = 1\n\nnonsense", "in line 3 of mine.py: NameError: name 'nonsense' is not defined"),
        ("import nowhere_at_all", "in line 1 of mine.py: ModuleNotFoundError: No module named 'nowhere_at_all'"),
        ("exit(3)", "in line 1 of mine.py: SystemExit: 3"),
        ("raise ValueError('two\\nlines')", "in line 1 of mine.py: ValueError: two lines"),
    ],
)
def test_a_file_that_cannot_be_imported(text: str, expected: str) -> None:
    write(text)
    assert re.sub("failed:? ", "", refused(load_class, "mine.py:Norm")) == f"importing mine.py {expected}"


def test_a_constructor_that_needs_other_arguments() -> None:
    norm_with(arguments="num_features, eps, *, momentum, axis=1")
    assert refused(construct, "mine.py:Norm", 8, {"axis": 0}) == (
        "Norm needs more than num_features: eps, momentum; give them: 'norm.kwargs={eps: VALUE,momentum: VALUE}'"
    )
    assert refused(construct, "mine.py:Norm", 8, {"epsilon": 1, "momentum": 1}) == (
        "Norm has no argument 'epsilon' for norm.kwargs; its arguments: eps, momentum, axis. Did you mean 'eps'?"
    )
    construct("mine.py:Norm", 8, {"eps": 1, "momentum": 1})
    norm_with(arguments="*, slope=1.0")
    construct("mine.py:Norm", 8, {"slope": 2.0})  # it has no need of the number of features
    # a lazy layer: its eps was 8
    assert refused(construct, "torch.nn:LazyBatchNorm1d", 8, {}) == (
        "LazyBatchNorm1d takes no number of features; its constructor has to be LazyBatchNorm1d(num_features, ...)"
    )
    norm_with()
    assert refused(construct, "mine.py:Norm", 8, {"eps": 1}) == (
        "Norm has no argument 'eps' for norm.kwargs; it has none but num_features."
    )


def test_a_constructor_that_raises() -> None:
    norm_with(init="1 / 0")
    assert refused(construct, "mine.py:Norm", 8, {}) == (
        "Norm(num_features=8) failed in line 4 of mine.py: ZeroDivisionError: division by zero"
    )


def test_a_constructor_without_arguments_is_given_none() -> None:
    write("from torch import nn\nclass Norm(nn.Module):\n    pass")
    assert type(construct("mine.py:Norm", 8, {})).__name__ == "Norm"


SIGNATURES: dict[str, tuple[str, dict[str, Any]]] = {
    "num_features, num_dims": ("num_features", {"num_dims": 2}),
    "num_groups, num_channels, eps=1e-5": ("num_channels", {"num_groups": 4}),
    "groups, channels": ("channels", {"groups": 4}),
    "axis, C": ("C", {"axis": 1}),
    "dim, num_features": ("num_features", {"dim": 1}),
    "num_features, dim=1": ("num_features", {"dim": 3}),
    "dim, eps=1e-6": ("dim", {}),
    "momentum=None, features=16": ("features", {"momentum": 1}),
    "eps, hidden_size": ("hidden_size", {"eps": 1}),
    "normalized_shape, eps=1e-5, elementwise_affine=True": ("normalized_shape", {"elementwise_affine": False}),
    "what, d_model": ("d_model", {"what": 1}),
    "whatever, more=2": ("whatever", {"more": 1}),
    "device=None, verbose=False, slope=1.0, width=8": ("width", {"slope": 2.0}),
    "*, planes": ("planes", {}),
    "virtual_batch_size, n": ("n", {"virtual_batch_size": 4}),
}


@pytest.mark.parametrize("signature", SIGNATURES)
def test_the_number_of_features_goes_where_its_name_says(signature: str) -> None:
    name, kwargs = SIGNATURES[signature]
    norm_with("return x * self.given", f"super().__init__(); self.given = {name}", signature)
    layer = construct("mine.py:Norm", 8, kwargs)
    assert layer(torch.ones(())).item() == 8
    if name not in ("num_features", "whatever", "n"):
        assert refused(construct, "mine.py:Norm", 8, kwargs | {name: 64}).startswith(
            f"Norm has no argument '{name}' for norm.kwargs: it is the number of features, which the network decides"
        )


def test_torchs_group_norm_takes_the_number_of_groups() -> None:
    layer: Any = construct("torch.nn:GroupNorm", 8, {"num_groups": 4})
    assert (layer.num_groups, layer.num_channels) == (4, 8)
    assert refused(construct, "torch.nn:GroupNorm", 8, {}) == (
        "GroupNorm needs more than num_channels: num_groups; give them: 'norm.kwargs={num_groups: VALUE}'"
    )


def test_what_takes_anything_gets_the_number_first() -> None:
    norm_with("return x * self.given", "super().__init__(); self.given = args[0] + kwargs['more']", "*args, **kwargs")
    assert construct("mine.py:Norm", 8, {"more": 2})(torch.ones(())).item() == 10
    norm_with("return x * self.given", "super().__init__(); self.given = n + more", "n, more, /")
    assert "more" in refused(construct, "mine.py:Norm", 8, {})


@pytest.mark.parametrize(
    ("forward", "expected"),
    [
        ("return x[:, 1:]", "Norm gave the shape (4, 7) for an input of shape (4, 8); a norm has to keep it"),
        ("return x.mean(0)", "Norm gave the shape (8,) for an input of shape (4, 8); a norm has to keep it"),
        ("return (x, x)", "Norm gave a tuple for an input of shape (4, 8); it has to be a tensor"),
        ("return", "Norm gave a NoneType for an input of shape (4, 8); it has to be a tensor"),
        ("return x.half()", "Norm gave a tensor of another kind (float16, strided, on cpu) for an input of shape (4,"),
        ("return x.double()", "Norm gave a tensor of another kind (float64, strided, on cpu) for an input of shape (4"),
        ("return x.long()", "Norm gave a tensor of another kind (int64, strided, on cpu) for an input of shape (4, 8)"),
        ("return x.to_sparse()", "Norm gave a tensor of another kind (float32, sparse_coo, on cpu) for an input of sh"),
        ("return x + 0j", "Norm gave a tensor of another kind (complex64, strided, on cpu) for an input of shape (4,"),
        ("return x if self.training else x.half()", "Norm gave a tensor of another kind (float16, strided, on cpu) in"),
        ("return x.nothing", "Norm on an input of shape (4, 8) failed in line 6 of mine.py: AttributeError: 'Tensor'"
         " object has no attribute 'nothing'"),
        ("y = x.exp(); y.add_(1); return y.sqrt()", "Norm on an input of shape (4, 8) failed: RuntimeError: one of"),
        ("return x if self.training else self.missing", "Norm in evaluation on an input of shape (4, 8) failed in line"
         " 6 of mine.py: AttributeError: 'Norm' object has no attribute 'missing'"),
        ("return x if self.training else x.grad.sum()", "Norm in evaluation on an input of shape (4, 8) failed in line"
         " 6 of mine.py: AttributeError: 'NoneType'"),
        ("return x if self.training else x.sum(0)", "Norm gave the shape (8,) in evaluation for an input of shape (4,"
         " 8); a norm has to keep it"),
        ("return x if self.training else None", "Norm gave a NoneType in evaluation for an input of shape (4, 8);"
         " it has to be a tensor"),
    ],
)  # fmt: skip
def test_a_pass_that_goes_wrong(forward: str, expected: str) -> None:
    norm_with(forward)
    assert refused(try_pass, "mine.py:Norm", construct("mine.py:Norm", 8, {}), (4, 8)).startswith(expected)


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (
            "self.w = P(torch.ones(1).expand(n))",
            "Norm's 'w' is a view of other numbers (expanded, sliced or transposed),",
        ),
        ("self.w = P(torch.ones(2 * n)[::2])", "Norm's 'w' is a view of other numbers"),
        ("self.register_buffer('w', torch.ones(1).expand(n))", "Norm's 'w' is a view of other numbers"),
        (
            "self.w = P(torch.ones(n) + 0j)",
            "Norm's 'w' cannot be trained (complex64, strided, on cpu); make it of real",
        ),
        ("self.w = P(torch.ones(n, device='meta'))", "Norm's 'w' cannot be trained (float32, strided, on meta); make"),
        (
            "self.w = nn.LazyLinear(n)",
            "Norm's 'w.weight' has no shape before it is called, and cannot be trained; give",
        ),
    ],
)
def test_parameters_that_cannot_be_trained_in_place(made: str, expected: str) -> None:
    """Cause: PyTorch's fused Adam writes past the end of an expanded parameter; the process then dies in malloc."""
    norm_with("return x", f"super().__init__(); import torch; P = nn.Parameter; {made}", "n")
    assert refused(try_out, "mine.py:Norm", {}, [[(4, 8)]]).startswith(expected)


def test_a_parameter_that_comes_too_late() -> None:
    norm_with("self.w = nn.Parameter(x.detach().mean(0)); return x * self.w")
    assert refused(try_out, "mine.py:Norm", {}, [[(4, 8)]]) == (
        "Norm makes 'w' when it is first called, too late to be trained; make it in __init__"
    )


@pytest.mark.parametrize("forward", ["return x.mul_(.5)", "x -= x.mean(0); return x"])
def test_a_layer_may_work_in_place(forward: str) -> None:
    norm_with(forward)
    try_pass("mine.py:Norm", construct("mine.py:Norm", 8, {}), (4, 8))
