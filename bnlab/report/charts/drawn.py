"""All charts of a report, and their files."""

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future

import pandas as pd

from bnlab.report import rendering
from bnlab.report.charts import arms as chart_arms
from bnlab.report.charts import data
from bnlab.report.charts.heat import heat_map
from bnlab.report.charts.lines import against_setting, learning_curves, performance_profile, profile_over_data
from bnlab.report.charts.probes import of_probes
from bnlab.report.charts.rows import final, gap, time_to_target
from bnlab.report.charts.style import CURVES, PROBES, VEGA_LITE, Drawing
from bnlab.report.comparison import Comparison, telling_keys
from bnlab.report.rendering import Pictures, Renderer
from bnlab.report.tables import latex

IN_COLUMN = "-column"


def draw(comparison: Comparison, curves: pd.DataFrame, probed: pd.DataFrame, target: float) -> Iterator[Drawing]:
    """The charts for which the runs have data, one after another; each says which arms it leaves out.

    Args:
        comparison: from `compare`.
        curves: the metrics of `curves.read`.
        probed: the probes of `curves.read`.
        target: the value whose first reach is timed, in the metric's own unit.
    """
    return (drawing for drawing in _every(comparison, curves, probed, target) if drawing is not None)


def _every(
    comparison: Comparison, curves: pd.DataFrame, probed: pd.DataFrame, target: float
) -> Iterator[Drawing | None]:
    arms = chart_arms.arms(comparison)
    keys = telling_keys(comparison)
    for metric in data.curve_metrics(comparison, curves):
        yield learning_curves(arms, comparison, curves, metric)
    yield final(arms, comparison)
    yield performance_profile(arms, comparison)
    yield profile_over_data(arms, comparison)
    for key in data.numeric_keys(arms, keys):
        yield against_setting(arms, comparison, key)
    if len(keys) == 2:
        yield heat_map(comparison, *keys)
    yield gap(arms, comparison)
    yield time_to_target(arms, comparison, curves, target)
    yield from of_probes(arms, comparison, probed)


def rendered(drawings: Iterator[Drawing], renderer: Renderer) -> tuple[list[Drawing], dict[str, Future[Pictures]]]:
    """The charts, and by name the pictures of those that get files: each is rendered while the next ones are made."""
    made, to_files = itertools.tee(drawings)
    pictures = {each.name: renderer.pictures(each.specification, each.in_column) for each in with_files(to_files)}
    return list(made), pictures


def images(pending: Mapping[str, Future[Pictures]], folder: str) -> dict[str, str | bytes]:
    """The picture files by path: NAME.svg, .png (twice the resolution) and .pdf, and NAME-column.pdf for a column.

    Args:
        pending: from `rendered`.
        folder: the files' folder.
    """
    files: dict[str, str | bytes] = {}
    for name, future in pending.items():
        pictures = future.result()
        files[f"{folder}/{name}.svg"] = pictures.svg
        files[f"{folder}/{name}.png"] = pictures.png
        files[f"{folder}/{name}.pdf"] = pictures.pdf
        files[f"{folder}/{name}{IN_COLUMN}.pdf"] = pictures.column_pdf
    return files


def svg(drawing: Drawing) -> str:
    """The chart as SVG, a picture that needs no script."""
    return rendering.svg(drawing.specification, VEGA_LITE)


def with_files(drawings: Iterable[Drawing]) -> Iterator[Drawing]:
    """The charts that get files. Probes and all learning curves but the first are only in report.html."""
    curves = 0
    for each in drawings:
        curves += each.name.startswith(CURVES)
        later = each.name.startswith(CURVES) and curves > 1
        if not later and not each.name.startswith(PROBES):
            yield each


def figures(drawings: Sequence[Drawing], folder: str) -> str:
    """LaTeX with a figure per chart in the width of a column; a comment says how to make it two columns wide."""
    head = (
        "% Needs \\usepackage{graphicx}. With \\pdfminorversion=7 above \\documentclass pdflatex does not warn\n"
        "% of the charts' version of PDF; it draws them in any case.\n"
    )
    return head + "\n".join(_figure(drawing, folder) for drawing in with_files(drawings))


def _figure(drawing: Drawing, folder: str) -> str:
    path, said = f"{folder}/{drawing.name}", f"; {drawing.subtitle}" if drawing.subtitle else ""
    return (
        f"% Over both columns: figure* and \\includegraphics[width=\\textwidth]{{{path}.pdf}}\n"
        "\\begin{figure}\n\\centering\n"
        f"\\includegraphics[width=\\columnwidth]{{{path}{IN_COLUMN}.pdf}}\n"
        f"\\caption{{{latex.text(drawing.title + said)}.}}\n"
        f"\\label{{fig:{drawing.name}}}\n"
        "\\end{figure}\n"
    )
