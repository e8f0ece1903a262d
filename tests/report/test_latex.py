"""Tables and figures for a paper: what fits a column, what is bold, and that pdflatex takes all of it."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from bnlab.report import tables
from bnlab.report.tables import latex

from . import stored
from .test_compare import compare
from .test_formats import NASTY
from .test_report import make

PDFLATEX = shutil.which("pdflatex")
DOCUMENT = r"""\documentclass[twocolumn]{article}
\usepackage{booktabs,graphicx}
\begin{document}
INPUTS
\begin{figure*}\includegraphics[width=\textwidth]{charts/final-test_accuracy.pdf}\end{figure*}
\end{document}
"""


def many(root: Path, *names: str) -> Path:
    """A sweep whose tables are wide: long names, two settings, twelve evaluations."""
    for level, name in enumerate(names):
        for lr in (0.001, 0.0123):
            base = 0.9 + level / 100
            run = stored.arm(root, name, [base, base + 0.01, base + 0.021], folder=f"r{level}-{lr}", lr=lr)
            for seed in range(3):
                stored.curves(run / f"seed-{seed}", base, epochs=12)
                stored.answers(run / f"seed-{seed}", base + (0, 0.01, 0.021)[seed])
    return root


def test_the_best_arm_is_bold_where_its_lead_is_real(tmp_path: Path) -> None:
    base = [0.970, 0.971, 0.972, 0.973, 0.974, 0.975]
    stored.arm(tmp_path, "none", base)
    stored.arm(tmp_path, "batch", [value + 0.01 + 0.001 * i for i, value in enumerate(base)])
    text = latex.table(tables.summary(compare(tmp_path)))
    assert r"\textbf{batch} & \textbf{98.50}" in text
    assert text.count(r"\textbf") == text.splitlines()[text.splitlines().index(r"\midrule") + 1].count(r"\textbf")
    assert "(best)" not in text
    stored.arm(tmp_path, "rms", [value + 0.0101 + 0.001 * i * (-1) ** i for i, value in enumerate(base)])
    assert r"\textbf" not in latex.table(tables.summary(compare(tmp_path)))


def test_what_a_column_has_no_room_for_is_named(tmp_path: Path) -> None:
    """Cause: five of six tables stood out of a paper's column by 101 to 420 points."""
    root = many(tmp_path, "batch", "weight_standardization", "none")
    table = tables.summary(
        compare(root, by=("norm.name", "optimizer.lr"), baseline="norm.name=none,optimizer.lr=0.001")
    )
    text = latex.table(table)
    assert "in every row: n 3, sd 1.05." in text
    assert (
        "% No room in a column for: over seeds and images; 95 % interval; corrected p. They are in summary.csv." in text
    )


def test_labels_are_broken_where_nothing_else_can_go(tmp_path: Path) -> None:
    root = many(tmp_path, "weight_standardization", "weight_standardization_of_mine")
    table = tables.comparisons(compare(root, by=("norm.name", "optimizer.lr")))
    assert table is not None
    text = latex.table(table)
    assert text.count(r"\raggedright") == 2 * len(table.cells)
    # Cause: no room for these was found, and the table stood out of the column by 42 points.
    assert "; together, over seeds and images." in text.splitlines()[1]


@pytest.mark.slow
@pytest.mark.skipif(PDFLATEX is None, reason="no pdflatex is installed")
@pytest.mark.parametrize(
    "names",
    [("batch", "layer", "none"), ("weight_standardization", "batch_renorm", "MyNormalization"), ("none", NASTY)],
)
@pytest.mark.parametrize("baseline", [None, "norm.name=batch,optimizer.lr=0.001"])
def test_pdflatex_sets_all_of_it_within_a_column(tmp_path: Path, names: tuple[str, ...], baseline: str | None) -> None:
    assert PDFLATEX is not None
    folder = tmp_path / "out"
    base = baseline and baseline.replace("batch", names[0])
    made, _ = make(many(tmp_path / "runs", *names), by=("norm.name", "optimizer.lr"), baseline=base, output=folder)
    inputs = [f"\\input{{{file.stem}}}" for file in made.files if file.suffix == ".tex"]
    assert len(inputs) >= 7
    (folder / "paper.tex").write_text(DOCUMENT.replace("INPUTS", "\n".join(inputs)), encoding="utf-8")
    command = [PDFLATEX, "-interaction=nonstopmode", "-halt-on-error", "paper.tex"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, errors="replace", timeout=120)
    assert done.returncode == 0, done.stdout[-2000:]
    # A name that is one word of thirty letters stands out wherever it is broken.
    assert NASTY in names or re.findall(r"Overfull \\hbox.*", done.stdout) == []
