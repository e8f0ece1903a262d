"""Tables in LaTeX that fit a column of a paper, with all text escaped that LaTeX would take for markup."""

import re
from collections.abc import Sequence

from bnlab.report.comparison import without_breaks
from bnlab.report.tables import fitting
from bnlab.report.tables.contents import BEST, Table

COLUMN = 225.0
"""Points; a column of article.cls in two columns has 229.5, those of other classes have more."""

BETWEEN, NARROWEST = 6.0, 40.0
"""Points between two columns, and the least width of a column whose labels are broken into lines."""

BOLD = 1.16
WIDTHS = {
    3.0: "!',.:;[]`il -fj",
    4.0: "()I_rstcez",
    4.5: '"$*/0123456789?J\\^agkoqvxy{}~',
    5.5: "SbdhnpuLZ",
    6.5: "EFPABCDHNRTUVXYw",
    7.5: "&+<=>@GKOQ±#%m",
}
"""By width in points, rounded up: the characters of Computer Modern at 8 pt, as measured by pdfTeX."""

WIDTH_OF = {character: width for width, characters in WIDTHS.items() for character in characters}
WIDEST = 9.0
UNDERSCORE, BREAK = r"\_", r"\hspace{0pt}"

ESCAPED = str.maketrans(
    {
        "\\": r"\textbackslash{}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "<": r"\textless{}",
        ">": r"\textgreater{}",
        "±": r"$\pm$",
        # At the start of a row LaTeX would read a bracket as the argument of the \\ before it.
        "[": "{[}",
        "]": "{]}",
        **{sign: f"\\{sign}" for sign in "&%$#_{}"},
    }
)


def table(whole: Table) -> str:
    """A table environment with booktabs rules and a label to refer to, tab:NAME, in the width of a column.

    Constant columns are moved to the caption. If the table is too wide, spare columns are left out, which a comment
    names, and labels are broken into lines. The best arm is bold if its lead is established.
    """
    weight = BOLD if any(whole.best) else 1.0

    def column_width(texts: Sequence[str]) -> float:
        head, *cells = map(without_breaks, texts)
        return weight * max(map(width, [*fitting.folded(head, cells), *cells])) + BETWEEN

    shown, out = fitting.fitted(fitting.told_once(whole), column_width, COLUMN + BETWEEN)
    names = [str(name) for name in shown.cells.columns]
    widths = {name: column_width([name, *shown.cells[name]]) for name in names}
    over = sum(widths.values()) - BETWEEN - COLUMN
    labels = [name for name in names if name in shown.labels]
    room = (sum(widths[name] for name in labels) - over) / max(len(labels), 1) - BETWEEN
    broken = {name: max(room, NARROWEST) for name in labels if over > 0 and widths[name] > room + BETWEEN}
    alignment = "".join(_alignment(name, shown) for name in names)
    cells = shown.cells.to_numpy().tolist()
    best = shown.best or (False,) * len(cells)
    rows = [_row(row, names, shown, broken, bold=mark) for row, mark in zip(cells, best, strict=True)]
    left_out = [f"% No room in a column for: {'; '.join(out)}. They are in {shown.name}.csv."] if out else []
    lines = [
        *(r"% Needs \usepackage{booktabs}.", *left_out, r"\begin{table}", r"\centering\footnotesize"),
        r"\setlength{\tabcolsep}{3pt}",
        f"\\caption{{{text(shown.title)}.}}",
        f"\\label{{tab:{shown.name}}}",
        f"\\begin{{tabular}}{{@{{}}{alignment}@{{}}}}",
        r"\toprule",
        " & ".join(_head(name, shown) for name in names) + r" \\",
        r"\midrule",
        *(" & ".join(row) + r" \\" for row in rows),
        r"\bottomrule",
        r"\end{tabular}",
        r"\end{table}",
    ]
    return "\n".join(lines) + "\n"


def text(said: str) -> str:
    """Text escaped for LaTeX."""
    return without_breaks(said).translate(ESCAPED)


def number(said: str) -> str:
    """Numbers escaped for LaTeX, with minus signs instead of hyphens."""
    return re.sub(r"-(?=\d)", "$-$", text(said))


def width(said: str) -> float:
    """An upper bound on the width of a text in Computer Modern at 8 pt, in points."""
    return sum(WIDTH_OF.get(character, WIDEST) for character in without_breaks(said))


def _alignment(name: str, shown: Table) -> str:
    return "l" if name in shown.labels else "r"


def _head(name: str, shown: Table) -> str:
    lines = [text(line) for line in fitting.folded(without_breaks(name), list(map(without_breaks, shown.cells[name])))]
    side = "l" if name in shown.labels else "r"
    both = r" \\ ".join(lines)
    return both if len(lines) == 1 else f"\\shortstack[{side}]{{{both}}}"


def _row(row: Sequence[str], names: Sequence[str], shown: Table, broken: dict[str, float], *, bold: bool) -> list[str]:
    cells = []
    for name, cell in zip(names, row, strict=True):
        said = text(cell.removesuffix(BEST)) if name in shown.labels else number(cell)
        said = f"\\textbf{{{said}}}" if bold else said
        cells.append(_breakable(said, broken[name]) if name in broken else said)
    return cells


def _breakable(said: str, points: float) -> str:
    """A text in a box of this width, where TeX may break lines, also after an underscore or with a hyphen.

    Spaces of width zero allow these breaks. It is a box because a paragraph column would end rows with an empty line.
    """
    text = said.replace(UNDERSCORE, UNDERSCORE + BREAK)
    return f"\\parbox[t]{{{points:.0f}pt}}{{\\raggedright{BREAK}{text}\\strut}}"
