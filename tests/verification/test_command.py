"""`bnlab verify` from the outside: exit codes, what is printed, bad input."""

import dataclasses
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bnlab.norms import SCHEMES
from bnlab.verification import command, listing, verdict
from bnlab.verification.checks.result import Verdict
from bnlab.verification.conventions import Declared
from bnlab.verification.reference import KNOWN
from bnlab.verification.reference.reference import REFERENCES, Reference
from tests.conftest import Answer, Cli, files_below

HEAD = "import torch\nfrom torch import nn\n\n"
MODULE = "class MyBN(nn.Module):\n    def __init__(self, num_features):\n        super().__init__()\n\n"
WRONG = f"""{HEAD}
class MyBN(nn.BatchNorm1d):
    def forward(self, x):
        return super().forward(x) + 1


class MyTanh(nn.Module):
    def __init__(self, features, slope=1):
        super().__init__()
        self.slope = nn.Parameter(torch.tensor([0.5]))
        self.gamma = nn.Parameter(torch.ones(features))

    def forward(self, x):
        return self.gamma * torch.tanh(self.slope * x)
"""


@pytest.fixture(autouse=True)
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    """In this process, which is quicker; tests/user_class/test_sandbox.py has what the other is for."""

    def verified(target: str, scheme: str, seconds: float, kwargs: dict[str, Any], declared: Declared) -> Verdict:
        return verdict.verify_target(target, scheme, kwargs, declared)

    monkeypatch.setattr(command, "verify_confined", verified)
    monkeypatch.setattr(listing, "verify_confined", verified)


def verify_file(cli: Cli, code: str, *arguments: str, name: str = "MyBN") -> Answer:
    """The answer for a class in my_bn.py, and no file beside it."""
    Path("my_bn.py").write_text(code, encoding="utf-8")
    answer = cli("verify", f"my_bn.py:{name}", *arguments)
    assert files_below(Path()) == {"my_bn.py"}
    return answer


def test_a_scheme_passes(cli: Cli, tmp_path: Path) -> None:
    answer = cli("verify", "batch")
    assert (answer.code, answer.err) == (0, "")
    assert re.search(r"forward, training +1e-12 +\S+e-16 +\S+e-16 +pass +\S+e-16 +\S+e-16 +pass", answer.out)
    assert answer.out.endswith("native: pass (28 pass, 1 n/a)\ncustom: pass (28 pass, 1 n/a)\n")
    assert files_below(tmp_path) == set()


def test_impl_chooses_one(cli: Cli) -> None:
    answer = cli("verify", "layer", "--impl", "custom")
    assert answer.code == 0
    assert "custom: " in answer.out
    assert "native" not in answer.out


def test_all_schemes_without_a_target(cli: Cli) -> None:
    answer = cli("verify")
    assert (answer.code, answer.err) == (0, "")
    assert all(SCHEMES[name].title in answer.out for name in SCHEMES)
    assert "fail" not in answer.out


def test_a_wrong_class_fails(cli: Cli) -> None:
    answer = verify_file(cli, WRONG)
    assert (answer.code, answer.err) == (1, "")
    assert re.search(r"forward, training +1e-12 +1.0e\+00 +\S+ +fail", answer.out)
    assert "→ 1 is added to the output: the papers, PyTorch and Keras have no such number." in answer.out


def test_json_has_it_all(cli: Cli) -> None:
    answer = verify_file(cli, WRONG, "--json", "--as", "layer")
    assert answer.code == 1
    (found,) = json.loads(answer.out)["verified"]
    assert (found["scheme"], found["layer"], found["passed"]) == ("layer", "MyBN", False)
    checks = {check["check"]: check for check in found["checks"]}
    assert set(checks["forward, training"]) == {"check", "status", "absolute", "relative", "tolerance", "note"}
    assert checks["forward, training"]["status"] == "fail"
    assert checks["forward, training"]["absolute"] > 0.1
    assert {"batch norm instead", "fixed numbers"} <= {diagnosis["mistake"] for diagnosis in found["diagnoses"]}


def test_markdown_is_one_table(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verdict, "SCHEMES", {name: SCHEMES[name] for name in ("batch", "rms")})
    monkeypatch.setattr("bnlab.verification.command.SCHEMES", {name: SCHEMES[name] for name in ("batch", "rms")})
    monkeypatch.setattr("bnlab.norms.keras_layers.is_installed", lambda: False)
    answer = cli("verify", "--all", "--markdown")
    assert (answer.code, answer.err) == (0, "")
    header, rule, *rows = [line for line in answer.out.splitlines() if line.startswith("|")]
    assert [cell.strip() for cell in header.strip("|").split("|")] == ["norm", "check", "tolerance", "native", "custom"]
    assert set(rule) <= set("|-:")
    cells = {(row.split("|")[1].strip(), row.split("|")[2].strip()): row for row in rows}
    assert re.fullmatch(r"\| batch .*\| 1e-12 +\| \S+e-1[67] +\| \S+e-1[67] +\|", cells["batch", "forward, training"])
    assert re.search(r"\| n/a +\| \S+e-1[67] +\|$", cells["rms", "shape (N, C, L)"])
    assert ("rms", "gradient of beta") not in cells
    assert "- keras is not verified: it is not installed (pip install 'bnlab[keras]')" in answer.out


def test_a_scheme_without_a_reference_is_named(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    schemes = {"none": SCHEMES["none"], "tanh": dataclasses.replace(SCHEMES["none"], name="tanh")}
    monkeypatch.setattr(verdict, "SCHEMES", schemes)
    monkeypatch.setattr("bnlab.verification.command.SCHEMES", schemes)
    answer = cli("verify")
    assert (answer.code, answer.err) == (0, "")
    assert "No normalization" in answer.out
    assert answer.out.endswith(
        "tanh is not verified: it has no reference in bnlab/verification/reference/reference.py\n"
    )
    answer = cli("verify", "tanh")
    line = "error: norm 'tanh' cannot be verified: it has no reference in bnlab/verification/reference/reference.py\n"
    assert (answer.code, answer.out, answer.err) == (2, "", line)


def test_one_entry_takes_up_a_new_scheme(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SCHEMES, "tanh", dataclasses.replace(SCHEMES["none"], name="tanh"))
    reference = Reference(
        forward=lambda x, parameters, *_: parameters["gamma"] * np.tanh(parameters["slope"] * x),
        settings={},
        initial={"slope": np.array([0.5]), "gamma": 1.0},
    )
    monkeypatch.setitem(REFERENCES, "tanh", reference)
    answer = verify_file(cli, WRONG, "--as", "tanh", name="MyTanh")
    assert answer.code == 0, answer.out
    assert re.search(r"gradient of other parameters +1e-12 +\S+e-1\d +\S+e-1\d +pass", answer.out)
    answer = verify_file(cli, WRONG.replace("torch.tanh", "torch.sigmoid"), "--as", "tanh", name="MyTanh")
    assert answer.code == 1
    assert "beyond that, the numbers are first wrong in 'forward, training'" in answer.out


BAD = [
    ("pass", "my_bn.py has no class 'MyBN'; it has no torch.nn.Module."),
    (
        f"{HEAD}class MyBM(nn.Module): pass",
        "my_bn.py has no class 'MyBN'; its torch.nn.Modules: MyBM. Did you mean 'MyBM'?",
    ),
    ("class MyBN: pass", "my_bn.py:MyBN is a class that is no torch.nn.Module; derive it: class NAME(torch.nn.Module)"),
    (
        "MyBN = 3",
        "my_bn.py:MyBN is of type int, no subclass of torch.nn.Module; derive it: class NAME(torch.nn.Module)",
    ),
    ("a = 1\0", "importing my_bn.py failed: my_bn.py: SyntaxError: source code string cannot contain null bytes"),
    ("\ndef f(:", "importing my_bn.py failed: my_bn.py, line 2: SyntaxError: invalid syntax"),
    ("\nraise ValueError('no\\nway')", "importing my_bn.py failed in line 2 of my_bn.py: ValueError: no way"),
    ("import sys; sys.exit(0)", "importing my_bn.py failed in line 1 of my_bn.py: SystemExit: 0"),
    (
        "import nosuchlib",
        ("importing my_bn.py failed in line 1 of my_bn.py: ModuleNotFoundError: No module named 'nosuchlib'"),
    ),
    (
        HEAD + MODULE.replace("num_features", "num_features, kind, size"),
        "MyBN needs more than num_features: kind, size; give them: --kwargs '{kind: VALUE,size: VALUE}'",
    ),
    (
        f"{HEAD}class MyBN(nn.Module):\n    def __init__(self): super().__init__()",
        (
            "MyBN cannot be verified: for (N, C) and (N, C, L) and (N, C, H, W), NotImplementedError: Module [MyBN] is"
            ' missing the required "forward" function'
        ),
    ),
    (
        HEAD + MODULE.replace("super()", "raise RuntimeError('no'); super()"),
        "MyBN(num_features=6) cannot be built: RuntimeError: no",
    ),
]

FAULTS = {
    "return x.sum(1)": "for every input its output has shape (8,) for an input of shape (8, 6).",
    "return x.detach().numpy()": "for every input it raises TypeError: its output is of type ndarray, not a tensor.",
    "raise SystemExit": "for every input it raises SystemExit (line 8 of my_bn.py).",
    "return x / x.mean(-1)": "it runs only on inputs whose axes all have one length",
}


@pytest.mark.parametrize("code", FAULTS)
def test_a_class_that_takes_no_input_by_its_own_fault_fails(cli: Cli, code: str) -> None:
    answer = verify_file(cli, f"{HEAD}{MODULE}    def forward(self, x): {code}")
    assert answer.code == 1
    assert "\nMyBN: fail (" in answer.out
    assert f"  → {FAULTS[code]}" in answer.out


def test_a_class_that_asks_for_more_than_an_input_is_not_at_fault(cli: Cli) -> None:
    answer = verify_file(cli, f"{HEAD}{MODULE}    def forward(self, x, style): return x + style")
    assert answer.code == 2
    assert "MyBN cannot be verified: for (N, C), TypeError: MyBN.forward() missing 1 required" in answer.err


@pytest.mark.parametrize(("code", "text"), BAD, ids=[text[:40] for _, text in BAD])
def test_a_class_that_cannot_be_verified_is_one_line(cli: Cli, code: str, text: str) -> None:
    answer = verify_file(cli, code)
    assert (answer.code, answer.out, answer.err) == (2, "", f"error: {text}\n")


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["batc"], f"unknown norm 'batc'; allowed: {', '.join(sorted(SCHEMES))}. Did you mean 'batch'?"),
        (["batch", "--impl", "kers"], "unknown impl 'kers'; allowed: custom, keras, native. Did you mean 'keras'?"),
        (["my_bn.py:X", "--as", "bach"], f"unknown norm 'bach'; allowed: {', '.join(sorted(['auto', *KNOWN]))}."),
        (["none.py:X"], "there is no file none.py; give an existing FILE.py:CLASS."),
        (["sys:X"], "the Python module sys has no source file; give one of .py, or FILE.py:CLASS"),
        (
            ["nopkg.mod:A"],
            "there is no Python module nopkg.mod; give PACKAGE.MODULE:CLASS that can be imported here, or",
        ),
        (
            ["none.such:X"],
            (
                "there is no Python module none.such; "
                "give PACKAGE.MODULE:CLASS that can be imported here, or FILE.py:CLASS."
            ),
        ),
        (  # its device was 6
            ["torch.nn:LazyBatchNorm1d"],
            "LazyBatchNorm1d takes no number of features; its constructor has to be LazyBatchNorm1d(num_features, ...)",
        ),
        (  # its momentum was 6
            ["torch.nn:LazyBatchNorm1d", "--as", "rms"],
            "LazyBatchNorm1d takes no number of features; its constructor has to be LazyBatchNorm1d(num_features, ...)",
        ),
        (["my_bn.py"], "there is no file or folder my_bn.py; give an existing FILE.py, FILE.py:CLASS or folder"),
        (["sub/"], "there is no file or folder sub/; give an existing FILE.py, FILE.py:CLASS or folder"),
        (["a.py:B", "--affine", "no"], "--affine no is of the wrong type; allowed: true, false"),
        (["a.py:B", "--momentum", "odl"], "unknown momentum 'odl'; allowed: new, old. Did you mean 'old'?"),
        (["a.py:B", "--layout", "last"], "unknown layout 'last'; allowed: channels-first, channels-last."),
        (["batch", "--no-running-stats"], "--affine, --momentum, --no-running-stats and --layout are of a class, and"),
        (["--all", "batch"], "--all is every scheme and impl; leave out 'batch', or --all"),
        (["--all", "--impl", "custom"], "--all is every scheme and impl; leave out '--impl custom', or --all"),
        (["--json", "--markdown"], "--json and --markdown exclude each other; choose one"),
        (["a.py:B", "--time-limit", "0"], "--time-limit 0 is out of range; it has to be above 0, and at most 1e+06"),
        (
            ["a.py:B", "--time-limit", "nan"],
            "--time-limit nan is out of range; it has to be above 0, and at most 1e+06",
        ),
        (["a.py:B", "--impl", "custom"], "--impl custom is of bnlab's own layers; leave it out for the class a.py:B"),
        (["a.py:B", "--all"], "--all is every scheme and impl; leave out 'a.py:B', or --all"),
        (["batch", "--kwargs", "{a: 1}"], "--kwargs {a: 1} are of a class, and no class is given; write FILE.py:CLASS"),
        (["batch", "--as", "layer"], "--as layer says what a class is to compute, and no class is given; write"),
        (["--as", "layer"], "--as layer says what a class is to compute, and no class is given; write"),
        ([""], f"unknown norm ''; allowed: {', '.join(sorted(SCHEMES))}."),
    ],
)
def test_bad_arguments_are_one_line(cli: Cli, tmp_path: Path, arguments: list[str], text: str) -> None:
    answer = cli("verify", *arguments)
    assert (answer.code, answer.out) == (2, "")
    assert answer.err.startswith(f"error: {text}")
    assert answer.err.count("\n") == 1
    assert files_below(tmp_path) == set()


def test_keras_that_is_not_installed(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verdict, "keras_installed", lambda: False)
    answer = cli("verify", "batch", "--impl", "keras")
    assert (answer.code, answer.err) == (2, "error: norm.impl=keras needs Keras: pip install 'bnlab[keras]'\n")


def test_keras_has_not_every_scheme(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verdict, "keras_installed", lambda: True)
    answer = cli("verify", "none", "--impl", "keras")
    assert (answer.code, answer.err) == (2, "error: norm 'none' has no keras layer\n")


def test_what_a_constructor_does_not_take_is_said(cli: Cli) -> None:
    code = f"""{HEAD}
class MyBN(nn.BatchNorm1d):
    def __init__(self, n):
        super().__init__(n, eps=1e-6)
"""
    answer = verify_file(cli, code)
    assert answer.code == 0, answer.out
    assert "MyBN: its constructor takes no eps: 1e-06 is read from the layer\n" in answer.out
    assert "MyBN: its constructor takes no momentum: 0.1 is read from the layer\n" in answer.out
    assert "MyBN: MyBN(n=6)\n" in answer.out


KEPT = f"""{HEAD}
class MyBN(nn.BatchNorm1d):
    def __init__(self, n):
        super().__init__(n)
        self.momentum = MOMENTUM

    def forward(self, x):
        old, self.momentum = self.momentum, 1 - self.momentum
        y = super().forward(x)
        self.momentum = old
        return y
"""


@pytest.mark.parametrize("momentum", [0.9, 0.6])
def test_a_momentum_of_its_own_may_be_the_weight_of_the_old_value(cli: Cli, momentum: float) -> None:
    answer = verify_file(cli, KEPT.replace("MOMENTUM", str(momentum)))
    assert answer.code == 0, answer.out
    assert "MyBN: pass with conventions (" in answer.out
    assert (
        "  · convention: its momentum m is the weight of the old value: running ← m running + (1 − m) batch"
        in answer.out
    )


def test_a_small_momentum_of_its_own_that_is_the_weight_of_the_old_value_is_a_mistake(cli: Cli) -> None:
    answer = verify_file(cli, KEPT.replace("MOMENTUM", "0.1"))
    assert answer.code == 1
    assert "→ momentum acts as 1 − m, the weight of the old value" in answer.out


def test_a_momentum_of_its_own_that_is_neither_weight_is_not_explained_away(cli: Cli) -> None:
    answer = verify_file(cli, KEPT.replace("1 - self.momentum", "0.2").replace("MOMENTUM", "0.9"))
    assert answer.code == 1
    assert "MyBN: its constructor takes no momentum: 0.9 is read from the layer\n" in answer.out
    assert "convention: " not in answer.out


RAISING = f"""{HEAD}
class MyBN(nn.BatchNorm1d):
    def forward(self, x):
        if not self.training:
            raise RuntimeError("not yet.")
        return super().forward(x)
"""


def test_what_several_checks_say_is_said_once(cli: Cli) -> None:
    answer = verify_file(cli, RAISING)
    assert answer.code == 1
    assert answer.out.count(": fail, raises RuntimeError: not yet. (line 8 of my_bn.py)\n") == 1
    assert "  forward, evaluation; train/eval switch; " in answer.out
    assert "→ in 'forward, evaluation' it raises RuntimeError: not yet. (line 8 of my_bn.py).\n" in answer.out


IMAGES = f"""{HEAD}
class MyBN(nn.BatchNorm2d):
    def forward(self, x):
        if x.dim() != 4:
            raise ValueError("images only")
        return super().forward(x)
"""


def test_a_class_of_images_is_judged_there_without_complaints(cli: Cli) -> None:
    answer = verify_file(cli, IMAGES)
    assert answer.code == 0, answer.out
    assert "  takes (N, C, H, W) only\n" in answer.out
    assert "images only" not in answer.out


def test_a_class_that_takes_nothing_says_so_of_every_shape_once(cli: Cli) -> None:
    answer = verify_file(cli, IMAGES.replace("4", "5"))
    shapes = "(N, C) and (N, C, L) and (N, C, H, W)"
    line = f"error: MyBN cannot be verified: for {shapes}, ValueError: images only (line 8 of my_bn.py)\n"
    assert (answer.code, answer.err) == (2, line)


KEPT_AS_TENSORS = f"""{HEAD}
class MyBN(nn.BatchNorm1d):
    def __init__(self, n, eps=1e-5, momentum=0.1):
        super().__init__(n)
        del self.eps
        self.register_buffer("eps", torch.tensor(eps))

    def forward(self, x):
        y = (x - x.mean(0)) / torch.sqrt(x.var(0, unbiased=False) + self.eps)
        return self.weight * y + self.bias
"""


def test_a_setting_that_is_kept_in_float32_is_taken_as_it_is(cli: Cli) -> None:
    answer = verify_file(cli, KEPT_AS_TENSORS, "--no-running-stats")
    assert answer.code == 0, answer.out
    assert "works in float32" not in answer.out


OF_GROUPS = f"""{HEAD}
class MyGN(nn.Module):
    def __init__(self, num_features):
        super().__init__()
        self.inner = nn.GroupNorm(GROUPS, num_features)

    def forward(self, x):
        return self.inner(x)
"""


def test_what_can_be_no_number_of_features_is_left_as_it_is(cli: Cli) -> None:
    code = """
class MyBN(nn.BatchNorm1d):
    def __init__(self, device=None, verbose=False, slope=1.0, width=8, eps=1e-5, momentum=0.1):
        super().__init__(width, eps, momentum, device=device)
"""
    answer = verify_file(cli, f"{HEAD}{code}")
    assert (answer.code, answer.out.splitlines()[1]) == (0, "MyBN: MyBN(width=6, eps=0.001, momentum=0.3)")


CALLED = f"""{HEAD}
class MyLN(nn.Module):
    def __init__(self, axis, hidden_size, eps=1e-5):
        super().__init__()
        assert axis == 1
        self.inner = nn.LayerNorm(hidden_size, eps)

    def forward(self, x):
        return self.inner(x)
"""


def test_arguments_of_its_own_are_given_on_the_command_line(cli: Cli) -> None:
    answer = verify_file(cli, CALLED, "--as", "layer", "--kwargs", "{axis: 1}", name="MyLN")
    assert (answer.code, answer.out.splitlines()[1]) == (0, "MyLN: MyLN(hidden_size=6, eps=0.001, axis=1)")
    answer = verify_file(cli, CALLED, "--as", "layer", "--kwargs", "{axis: 1, eps: 1e-4}", name="MyLN")
    assert (answer.code, answer.out.splitlines()[1]) == (0, "MyLN: MyLN(hidden_size=6, eps=0.0001, axis=1)")


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ("{bias: false}", "MyLN has no argument 'bias' for --kwargs; its arguments: axis, eps."),
        (
            "{axis: 1, hidden_size: 8}",
            "MyLN has no argument 'hidden_size' for --kwargs: it is the number of features, which the",
        ),
        ("{axis: 1, eps: null}", "--kwargs eps=None is of the wrong type; it is a setting of the scheme, a number"),
        ("[1]", "--kwargs [1] is of the wrong type; it has to be a mapping, e.g. '{bias: false}'"),
        ("3", "--kwargs 3 is of the wrong type; it has to be a mapping, e.g. '{bias: false}'"),
        ("{a: ", "--kwargs {a:  is of the wrong type; it has to be a mapping, e.g. '{bias: false}'"),
    ],
)
def test_bad_arguments_of_a_class_are_one_line(cli: Cli, given: str, text: str) -> None:
    answer = verify_file(cli, CALLED, "--as", "layer", "--kwargs", given, name="MyLN")
    assert (answer.code, answer.out, answer.err.count("\n")) == (2, "", 1)
    assert answer.err.startswith(f"error: {text}")


def test_a_number_of_groups_that_the_constructor_does_not_take_is_found(cli: Cli) -> None:
    answer = verify_file(cli, OF_GROUPS.replace("GROUPS", "3"), "--as", "group", name="MyGN")
    assert answer.code == 0, answer.out
    assert "MyGN: its constructor takes no num_groups: 3 is assumed\n" in answer.out
    kept = OF_GROUPS.replace("self.inner", "self.num_groups = GROUPS\n        self.inner", 1).replace("GROUPS", "2")
    answer = verify_file(cli, kept, "--as", "group", name="MyGN")
    assert answer.code == 0, answer.out
    assert "MyGN: its constructor takes no num_groups: 2 is read from the layer\n" in answer.out


def test_a_number_of_groups_that_does_not_fit_is_said(cli: Cli) -> None:
    answer = verify_file(cli, OF_GROUPS.replace("GROUPS", "5"), "--as", "group", name="MyGN")
    rest = "a number of groups that __init__ does not take has to divide the 6 or 96 channels of the checks"
    assert answer.code == 2
    assert answer.err.startswith("error: MyGN(num_features=6) cannot be built: ValueError: num_channels ")
    assert answer.err.endswith(f"; {rest}\n")
    by_hand = "x.reshape(len(x), 5, -1)"
    answer = verify_file(
        cli, OF_GROUPS.replace("GROUPS", "2").replace("self.inner(x)", by_hand), "--as", "group", name="MyGN"
    )
    assert answer.code == 2
    assert answer.err == (
        "error: MyGN(num_features=6) cannot be run: RuntimeError: shape '[8, 5, -1]' is invalid for input of size 288"
        " (line 11 of my_bn.py); "
        f"{rest}\n"
    )


def test_one_group_without_a_setting_is_layer_norm(cli: Cli) -> None:
    answer = verify_file(cli, OF_GROUPS.replace("GROUPS", "1"), "--as", "group", name="MyGN")
    assert answer.code == 1
    assert "→ one group of all channels is normalized, which is LayerNorm" in answer.out
