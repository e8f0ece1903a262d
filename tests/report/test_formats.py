"""Tables as Markdown, LaTeX and JSON: what a label could break, and what the numbers are."""

import json
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from bnlab.report import tables
from bnlab.report.tables import formats, latex
from bnlab.report.verdicts import verdicts

from . import stored
from .test_compare import compare

NASTY = "</td><script>alert(1)</script> \"q\" 'a' a|b & 50% $x_1^2$ #{~} \\n *b* `c`"


def nasty(root: Path) -> tables.Table:
    stored.arm(root, NASTY, [0.9, 0.91], folder="a")
    stored.arm(root, "b", [0.8, 0.81], folder="b")
    return tables.summary(compare(root))


def test_markdown_shows_a_label_as_it_is(tmp_path: Path) -> None:
    row = formats.markdown(nasty(tmp_path)).splitlines()[2]
    assert "<" not in row
    assert "&lt;/td>&lt;script>alert(1)" in row
    assert "a\\|b &amp; 50%" in row
    assert "\\*b\\* \\`c\\`" in row


def test_latex_shows_a_label_as_it_is(tmp_path: Path) -> None:
    text = latex.table(nasty(tmp_path))
    assert all(rule in text for rule in (r"\toprule", r"\midrule", r"\bottomrule"))
    row = next(line for line in text.splitlines() if "script" in line)
    row = row.replace(latex.BREAK, "")
    assert r"\& 50\% \$x\_1\textasciicircum{}2\$ \#\{" in row
    # The only cell border is the table's own.
    assert row.replace(r"\&", "").count("&") == 1
    assert r"\caption{test accuracy (\%), best first; intervals each alone, over seeds, on these images; in" in text


def test_latex_text() -> None:
    assert latex.text("a_b & 5% <x> \\ ~^{}#$") == (
        r"a\_b \& 5\% \textless{}x\textgreater{} \textbackslash{} \textasciitilde{}\textasciicircum{}\{\}\#\$"
    )


def test_latex_cells_break_no_row_and_have_minus_signs(tmp_path: Path) -> None:
    """A cell that begins with a bracket was read as the space after the row before."""
    for index, hidden in enumerate(("[128, 64]", "[64, 32]")):
        run = stored.arm(tmp_path, "batch", [0.9 + index / 100, 0.91], folder=f"r{index}")
        (run / "config.yaml").write_text((run / "config.yaml").read_text().replace("[128, 64]", hidden))
    comparison = compare(tmp_path, by=("model.hidden",), baseline="model.hidden=[64, 32]")
    text = latex.table(tables.summary(comparison))
    rows = [line for line in text.splitlines() if line.endswith(r"\\")]
    assert [row.partition(" &")[0] for row in rows[1:]] == ["{[}64,32{]}", "{[}128,64{]}"]
    assert "& $-$0.50 &" in rows[2]
    assert text.index(r"\centering") < text.index(r"\caption") < text.index(r"\label{tab:summary}")


def test_line_breaks_in_names_break_no_row(tmp_path: Path) -> None:
    stored.arm(tmp_path, "a\nb", [0.9], folder="a")
    stored.arm(tmp_path, "c", [0.8], folder="c")
    table = tables.summary(compare(tmp_path))
    assert len(formats.markdown(table).splitlines()) == 4
    assert r'"a\textbackslash{}nb" & 90.00 \\' in latex.table(table)


def test_json_holds_numbers_and_null_for_none(tmp_path: Path) -> None:
    stored.arm(tmp_path, "batch", [0.9])
    comparison = compare(tmp_path)
    loaded = json.loads(formats.as_json([tables.summary(comparison)], verdicts=["x"]))
    (row,) = loaded["tables"]["summary"]
    assert (row["n"], row["mean"], row["sd"], row["best"]) == (1, 0.9, None, False)
    assert loaded["verdicts"] == ["x"]


def test_the_best_arm_is_marked_only_if_its_lead_is_real(tmp_path: Path) -> None:
    base = [0.970, 0.971, 0.972, 0.973, 0.974, 0.975]
    stored.arm(tmp_path, "none", base)
    stored.arm(tmp_path, "batch", [value + 0.01 + 0.001 * i for i, value in enumerate(base)])
    assert tables.summary(compare(tmp_path)).cells["scheme"].tolist() == ["batch (best)", "none"]
    stored.arm(tmp_path, "rms", [value + 0.0101 + 0.001 * i * (-1) ** i for i, value in enumerate(base)])
    assert not compare(tmp_path).summary["best"].any()


def test_two_keys_are_crossed_with_numbers_in_order(tmp_path: Path) -> None:
    for lr in (0.1, 0.01, 2):
        stored.arm(tmp_path, "batch", [0.9, 0.92], folder=f"b{lr}", lr=lr)
    stored.arm(tmp_path, "none", [0.8], folder="n", lr=0.1)
    crossed = tables.pivot(compare(tmp_path, by=("norm.name", "optimizer.lr")))
    assert crossed is not None
    assert crossed.cells.columns.tolist() == ["scheme", "lr 0.01", "lr 0.1", "lr 2"]
    # t(.975, 1) = 12.7062, sd / sqrt(2) = 1 point.
    assert crossed.cells.to_numpy().tolist() == [
        ["batch", "91.00 ± 12.71", "91.00 ± 12.71", "91.00 ± 12.71"],
        ["none", "-", "80.00", "-"],
    ]
    assert tables.pivot(compare(tmp_path, by=("norm.name", "run"))) is not None
    assert tables.pivot(compare(tmp_path, by=("norm.name",))) is None


def test_tables_write_a_setting_as_the_names_of_arms_do(tmp_path: Path) -> None:
    """Cause: a learning rate of 30 was "30.0" in the table and "30" in the sentence above it."""
    for lr in (30.0, 100000.0):
        for name in ("batch", "none"):
            stored.arm(tmp_path, name, [0.9], folder=f"{name}{lr}", lr=lr)
    comparison = compare(tmp_path, by=("norm.name", "optimizer.lr"))
    assert set(tables.summary(comparison).cells["learning rate"]) == {"30", "1e+05"}
    crossed = tables.pivot(comparison)
    assert crossed is not None
    assert crossed.cells.columns.tolist() == ["scheme", "lr 30", "lr 1e+05"]


@pytest.mark.parametrize(("p", "text"), [(0.0004, "< .001"), (0.0312, "0.031"), (float("nan"), "-")])
def test_p_text(p: float, text: str) -> None:
    assert tables.p_text(p) == text


def test_markdown_of_a_stranger_loads_nothing(tmp_path: Path) -> None:
    """Cause: a scheme called ![x](http://...) was an image in summary.md, which tells a server who reads it."""
    nasty = ("![x](http://a.example/x.png)", "<img src='http://a.example'>", "[x](http://a.example)", "![x][y]")
    for index, name in enumerate(nasty):
        stored.arm(tmp_path, name, [0.9, 0.91 + index / 100], folder=f"r{index}")
    comparison = compare(tmp_path, by=("norm.name",))
    said = [str(verdict) for verdict in verdicts(comparison)]
    text = tables.render.markdown(comparison, [tables.summary(comparison)], said, [nasty[0]])
    tokens = MarkdownIt("commonmark").enable("table").parse(text)
    kinds = {each.type for token in tokens for each in [token, *(token.children or [])]}
    assert "td_open" in kinds
    assert not kinds & {"image", "html_inline", "html_block"}
