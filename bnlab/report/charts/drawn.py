"""All charts of a report, and drawing them as PNG, SVG and PDF."""

from collections.abc import Sequence

import altair as alt
import pandas as pd
import vl_convert

from bnlab.report.charts import arms as chart_arms
from bnlab.report.charts import data, png
from bnlab.report.charts.heat import heat_map
from bnlab.report.charts.lines import against_setting, learning_curves, performance_profile, profile_over_data
from bnlab.report.charts.probes import of_probes
from bnlab.report.charts.rows import final, gap, time_to_target
from bnlab.report.charts.style import CURVES, PROBES, Drawing
from bnlab.report.comparison import Comparison, telling_keys
from bnlab.report.tables import latex

IN_COLUMN = "-column"


def draw(comparison: Comparison, curves: pd.DataFrame, probed: pd.DataFrame, target: float) -> list[Drawing]:
    """The charts for which the runs have data; each says which arms it leaves out.

    Args:
        comparison: from `compare`.
        curves: the metrics of `curves.read`.
        probed: the probes of `curves.read`.
        target: the value whose first reach is timed, in the metric's own unit.
    """
    arms = chart_arms.arms(comparison)
    keys = telling_keys(comparison)
    drawings = [learning_curves(arms, comparison, curves, metric) for metric in data.curve_metrics(comparison, curves)]
    drawings += [final(arms, comparison), performance_profile(arms, comparison), profile_over_data(arms, comparison)]
    drawings += [against_setting(arms, comparison, key) for key in data.numeric_keys(arms, keys)]
    drawings += [heat_map(comparison, *keys)] if len(keys) == 2 else []
    drawings += [gap(arms, comparison), time_to_target(arms, comparison, curves, target)]
    return [drawing for drawing in (*drawings, *of_probes(arms, comparison, probed)) if drawing is not None]


def images(drawings: Sequence[Drawing], folder: str) -> dict[str, str | bytes]:
    """The picture files by path: NAME.svg, .png (twice the resolution) and .pdf, and NAME-column.pdf for a column."""
    files: dict[str, str | bytes] = {}
    for drawing in drawn(drawings):
        picture = svg(drawing)
        files[f"{folder}/{drawing.name}.svg"] = picture
        files[f"{folder}/{drawing.name}.png"] = png.packed(vl_convert.svg_to_png(picture, scale=2))
        files[f"{folder}/{drawing.name}.pdf"] = vl_convert.svg_to_pdf(picture)
        files[f"{folder}/{drawing.name}{IN_COLUMN}.pdf"] = vl_convert.vegalite_to_pdf(
            drawing.in_column, vl_version=version()
        )
    return files


def svg(drawing: Drawing) -> str:
    """The chart as SVG, a picture that needs no script."""
    picture: str = vl_convert.vegalite_to_svg(drawing.specification, vl_version=version())
    return picture


def drawn(drawings: Sequence[Drawing]) -> list[Drawing]:
    """The charts that get files. Probes and all learning curves but the first are only in report.html."""
    curves = [drawing.name for drawing in drawings if drawing.name.startswith(CURVES)]
    return [each for each in drawings if each.name not in curves[1:] and not each.name.startswith(PROBES)]


def figures(drawings: Sequence[Drawing], folder: str) -> str:
    """LaTeX with a figure per chart in the width of a column; a comment says how to make it two columns wide."""
    head = (
        "% Needs \\usepackage{graphicx}. With \\pdfminorversion=7 above \\documentclass pdflatex does not warn\n"
        "% of the charts' version of PDF; it draws them in any case.\n"
    )
    return head + "\n".join(_figure(drawing, folder) for drawing in drawn(drawings))


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


def version() -> str:
    """The version of Vega-Lite that Altair writes, in the form that vl-convert needs: "v6.1"."""
    return ".".join(alt.SCHEMA_VERSION.split(".")[:2])
