"""`bnlab norms NAME`."""

import pytest
from rich.cells import cell_len

from bnlab.cli.scheme_pages import parameters, sections
from bnlab.config import settings_of
from bnlab.norms import SCHEMES
from bnlab.norms.scheme import CHANGES
from tests.conftest import Cli


@pytest.mark.parametrize("name", SCHEMES)
def test_every_scheme_has_every_section(name: str, cli: Cli) -> None:
    answer = cli("norms", name)
    assert (answer.code, answer.err) == (0, "")
    scheme = SCHEMES[name]
    assert all(text in answer.out for text in (scheme.title, scheme.formula, scheme.source, scheme.when_to_use))
    for title, lines in sections(scheme).items():
        assert f"{title}\n" in answer.out
        assert lines
        assert all(f"  {line}\n" in answer.out for line in lines)


@pytest.mark.parametrize("name", SCHEMES)
def test_every_setting_is_explained(name: str) -> None:
    lines = dict(line.removeprefix("norm.").split("=", 1) for line in sections(SCHEMES[name])[SHIPPED])
    assert set(lines) == {"impl", *settings_of("norm", name)}
    assert all("  " in text for text in lines.values()) or name == "none"


SHIPPED = "Parameters and bnlab's defaults"


def test_batch_says_what_the_frameworks_do(cli: Cli) -> None:
    out = cli("norms", "batch").out
    assert "  norm.momentum=0.1  weight of the new batch in the running statistics; null: cumulative average\n" in out
    assert "  PyTorch: eps 1e-5; momentum 0.1, the weight of the new batch; the variance is stored unbiased\n" in out
    assert "  Keras 3: epsilon 1e-3; momentum 0.99, the weight of the old value, here 0.01; stored biased\n" in out
    kept = "weight matrix rescaled", "one weight vector rescaled", "data rescaled", "data recentred"
    assert "with\n" + "".join(f"  {change}\n" for change in kept) + "and" in out


def test_a_comment_may_go_on_in_the_next_line() -> None:
    shipped = "# A title\nname: x\nimpl: custom\neps: 1.0e-5  # added\n             # under the root\n"
    assert parameters(shipped) == ["norm.impl=custom", "norm.eps=1.0e-5  added under the root"]


def test_an_unknown_scheme(cli: Cli) -> None:
    answer = cli("norms", "btch")
    text = (
        f"unknown norm 'btch'; allowed: {', '.join(sorted([*SCHEMES, 'custom_class', 'mixed']))}. Did you mean 'batch'?"
    )
    assert (answer.code, answer.out, answer.err) == (2, "", f"error: {text}\n")


def test_every_scheme_answers_every_change() -> None:
    assert all(len(scheme.invariances.split()) == len(CHANGES) for scheme in SCHEMES.values())


@pytest.mark.parametrize("columns", ["60", "80", "90", "120", "200"])
def test_the_list_has_a_line_for_each_scheme_and_cuts_nothing(
    columns: str, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    answer = cli("norms")
    assert (answer.code, answer.err) == (0, "")
    assert "…" not in answer.out
    lines = [line for line in answer.out.splitlines() if line.strip()]
    assert max(map(cell_len, lines)) <= int(columns)
    heads, _, *rows, page, own, mixed = lines
    assert [row.split()[0] for row in rows] == list(SCHEMES)
    assert ("norm.impl=" in heads, "paper" in heads) == (int(columns) >= 90, int(columns) >= 120)
    assert page == "all about one, with its settings: bnlab norms NAME"
    assert own == "a norm of your own: bnlab norms custom_class"
    assert mixed == "another scheme in each layer: bnlab norms mixed"


def test_the_page_of_an_own_class(cli: Cli) -> None:
    answer = cli("norms", "custom_class")
    assert (answer.code, answer.err) == (0, "")
    assert answer.out.startswith("A norm of your own (norm=custom_class)\n  y = CLASS(num_features, **kwargs)(x)\n")
    assert "  norm.target=FILE.py:CLASS, or PACKAGE.MODULE:CLASS for what can be imported\n" in answer.out
    assert "What is asked of the class\n  it is a torch.nn.Module\n" in answer.out
    assert "  norm.kwargs=null  further arguments of its constructor\n" in answer.out
    assert "  bnlab train norm=custom_class norm.target=my_file.py:MyNorm 'norm.kwargs={eps: 0.001}'\n" in answer.out


def test_the_page_of_several_schemes_in_one_network(cli: Cli) -> None:
    answer = cli("norms", "mixed")
    assert (answer.code, answer.err) == (0, "")
    assert answer.out.startswith("A scheme for each hidden layer (norm=mixed)\n")
    assert "  norm.per_layer=???  the scheme of each hidden layer, from the first on; " in answer.out
