"""Shows verdicts: a table for each scheme with a column for each layer, JSON, or Markdown; and the diagnoses."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Sequence
from itertools import groupby
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text
from tabulate import tabulate

from bnlab.machine import as_wide_as_needed, in_pieces, say
from bnlab.store import environment
from bnlab.verification.checks import COARSE, FAIL, NOT_APPLICABLE, PASS, WARN, Result, Verdict
from bnlab.verification.conventions import CONVENTIONS
from bnlab.verification.listing import Found
from bnlab.verification.mistakes import sentences
from bnlab.verification.reference import KNOWN

LEAST_CHECK = 20
"""Least width of the column with the checks' names, in characters."""
STYLES = {PASS: "green", FAIL: "bold red", WARN: "yellow", NOT_APPLICABLE: "dim"}


def print_tables(verdicts: Sequence[Verdict], console: Console, *, explain: bool = False) -> None:
    """Prints a table for each scheme, and below it the outcomes and what is wrong."""
    for scheme, group in groupby(verdicts, key=lambda verdict: verdict.scheme):
        of_scheme = list(group)
        say(f"{KNOWN[scheme].title}: {KNOWN[scheme].formula}", console)
        for verdict in of_scheme:
            for line in filter(None, (verdict.called, *_remarks(verdict))):
                say(f"{verdict.name}: {line}", console)
        table = as_wide_as_needed(_table(of_scheme), console)
        if console.is_terminal and (table.width or 0) > console.width:
            table = as_wide_as_needed(_narrow_table(of_scheme, console.width), console)
        console.print(table, soft_wrap=True)
        for verdict in of_scheme:
            for line in _findings(verdict, explain=explain):
                say(line, console)


def print_list(found: Sequence[Found], console: Console) -> None:
    """Prints a line for each class, and below it its conventions and diagnoses; at the end the counts of outcomes."""
    for each in found:
        say(f"{each.target}: {each.outcome}, {each.why or summary(each.verdict)}", console)
        for line in [] if each.verdict is None else _said(each.verdict):
            say(line, console)
    counts = Counter(each.outcome for each in found)
    say(", ".join(f"{count} {outcome}" for outcome, count in counts.items()), console)


def summary(verdict: Verdict | None) -> str:
    """What a layer computes, in one line, e.g. `layer normalization, eps outside, no beta`."""
    if verdict is None:
        return ""
    wrong = [diagnosis.mistake for diagnosis in verdict.diagnoses]
    unknown = [each for each in wrong if each in ("unknown", "raises")]
    known = [each for each in wrong if each not in unknown]
    rest = [{"unknown": "something unknown", "raises": "an exception"}[each] for each in unknown]
    return ", ".join([KNOWN[verdict.scheme].title.lower(), *known, *rest, *verdict.conventions])


def list_to_markdown(found: Sequence[Found]) -> str:
    """A Markdown table with a row for each class."""
    rows = [[_file(each), _class(each), each.outcome, each.why or summary(each.verdict)] for each in found]
    return (
        tabulate(rows, ["file", "class", "outcome", "what it computes"], tablefmt="github", disable_numparse=True)
        + "\n"
    )


def list_to_json(found: Sequence[Found]) -> str:
    plain = [
        {"file": _file(each), "class": _class(each), "outcome": each.outcome, "why": each.why}
        | ({} if each.verdict is None else _plain(each.verdict) | {"summary": summary(each.verdict)})
        for each in found
    ]
    return json.dumps({"verified": plain}, indent=2)


def _file(found: Found) -> str:
    return found.target.rpartition(":")[0] or found.target


def _class(found: Found) -> str:
    return found.target.rpartition(":")[2] if ":" in found.target else ""


def _table(verdicts: Sequence[Verdict]) -> Table:
    table = Table("check", box=box.SIMPLE_HEAD)
    table.add_column("tolerance", justify="right")
    for verdict in verdicts:
        table.add_column("absolute", justify="right")
        table.add_column("relative", justify="right")
        table.add_column(verdict.name)
    for results in zip(*(verdict.results for verdict in verdicts), strict=True):
        cells = [cell for result in results for cell in _cells(result)]
        table.add_row(results[0].check, _tolerance(results), *cells)
    return table


def _narrow_table(verdicts: Sequence[Verdict], width: int) -> Table:
    """A table of at most `width` characters, without tolerances and absolute errors; a pipe and --json have all."""
    names = [verdict.name for verdict in verdicts]
    rows: list[tuple[str, list[Text]]] = []
    for results in zip(*(verdict.results for verdict in verdicts), strict=True):
        cells = [Text(f"{relative} ").append_text(status) for _, relative, status in map(_cells, results)]
        rows.append((results[0].check, cells))
    columns = zip(names, *(cells for _, cells in rows), strict=True)
    room = width - sum(max(map(len, column)) for column in columns) - 2 * (len(names) + 1) - 1
    table = Table("check", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for name in names:
        table.add_column(name, justify="right")
    for check, cells in rows:
        table.add_row(in_pieces(check, max(room, LEAST_CHECK)), *cells)
    return table


def _cells(result: Result) -> tuple[str, str, Text]:
    return _number(result.absolute), _number(result.relative), Text(result.status, STYLES[result.status])


def _tolerance(results: Sequence[Result]) -> str:
    return " ".join(dict.fromkeys(f"{result.tolerance:g}" for result in results if result.tolerance is not None))


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.1e}" if math.isfinite(value) and value else f"{value:g}"


def _remarks(verdict: Verdict) -> list[str]:
    remarks = list(verdict.remarks)
    if verdict.exact == COARSE:
        remarks.append(f"works in float32 whatever it is given, so held to {verdict.exact:g}")
    return remarks


def _findings(verdict: Verdict, *, explain: bool) -> list[str]:
    """The outcome, notes on single checks, the conventions and the diagnoses, as lines of text."""
    name, results = verdict.name, verdict.results
    counts = {status: sum(result.status == status for result in results) for status in STYLES}
    said = ", ".join(f"{count} {status}" for status, count in counts.items() if count)
    checks: dict[tuple[str, str], list[str]] = {}  # checks with the same note share a line
    for result in filter(_worth_saying, results):
        checks.setdefault((result.status, result.note), []).append(result.check)
    notes = [f"  {'; '.join(names)}: {status}, {note}" for (status, note), names in checks.items()]
    shapes = {result.check.removeprefix("shape "): result for result in results if result.check.startswith("shape ")}
    taken = [shape for shape, result in shapes.items() if result.status != NOT_APPLICABLE]
    if any(result.note.startswith("refused: ") for result in shapes.values()):
        notes.insert(0, f"  takes {' and '.join(taken)} only")
    return [f"{name}: {verdict.outcome} ({said})", *notes, *_said(verdict, explain=explain)]


def _said(verdict: Verdict, *, explain: bool = False) -> list[str]:
    """The conventions, each diagnosis with its line and the corrected one, and which scheme the class computes."""
    lines = [f"  · convention: {CONVENTIONS[name].text}" for name in verdict.conventions]
    for diagnosis in verdict.diagnoses:
        lines.append(f"  → {diagnosis.text}")
        lines += [f"      {line}" for line in (diagnosis.line, diagnosis.mended) if line]
        lines += [f"      {diagnosis.formula}"] if explain and diagnosis.formula else []
    return lines + ([f"  → {verdict.instead}"] if verdict.instead else [])


def _worth_saying(result: Result) -> bool:
    """Whether a check's note is shown: a note that follows from the scheme, e.g. `has no beta`, is not."""
    refused = result.status == NOT_APPLICABLE and not result.note.startswith(("has no", "keeps no", "refused: "))
    return bool(result.note) and (refused or result.status in (WARN, FAIL))


def to_json(verdicts: Sequence[Verdict], skipped: Sequence[str]) -> str:
    """The verdicts as JSON, without the arrays; an error that is not a finite number is null."""
    return json.dumps({"verified": [_plain(verdict) for verdict in verdicts], "skipped": list(skipped)}, indent=2)


def _plain(verdict: Verdict) -> dict[str, Any]:
    return {
        "scheme": verdict.scheme,
        "layer": verdict.name,
        "called": verdict.called,
        "outcome": verdict.outcome,
        "passed": not verdict.failed,
        "conventions": [{"name": name, "text": CONVENTIONS[name].text} for name in verdict.conventions],
        "instead": verdict.instead,
        "settings": dict(verdict.settings),
        "remarks": list(verdict.remarks),
        "checks": [
            {
                "check": result.check,
                "status": result.status,
                "absolute": _finite(result.absolute),
                "relative": _finite(result.relative),
                "tolerance": result.tolerance,
                "note": result.note,
            }
            for result in verdict.results
        ],
        "diagnoses": [vars(diagnosis) for diagnosis in verdict.diagnoses],
    }


def _finite(value: float | None) -> float | None:
    return value if value is None or math.isfinite(value) else None


def to_markdown(verdicts: Sequence[Verdict], skipped: Sequence[str]) -> str:
    """The equivalence table of largest relative errors: a row for each scheme and check, a column for each impl."""
    impls = list(dict.fromkeys(verdict.name for verdict in verdicts))
    rows = []
    for scheme, group in groupby(verdicts, key=lambda verdict: verdict.scheme):
        by_impl = {verdict.name: verdict.results for verdict in group}
        for results in zip(*by_impl.values(), strict=True):
            cells = dict(zip(by_impl, map(_cell, results), strict=True))
            if set(cells.values()) != {NOT_APPLICABLE}:
                rows.append([scheme, results[0].check, _tolerance(results), *(cells.get(impl, "-") for impl in impls)])
    found = environment.describe("cpu", threads=1)
    where = ", ".join(f"{key} {found[key]}" for key in ("bnlab", "torch", "python"))
    notes = [*_markdown_notes(verdicts), *skipped]
    table = tabulate(rows, ["norm", "check", "tolerance", *impls], tablefmt="github", disable_numparse=True)
    legend = (
        "Largest error of each check against the float64 reference, relative to the largest expected value. `n/a`: not"
        f" defined for this layer; `-`: no such layer. {where}."
    )
    return "\n".join([table, "", legend, "", *(f"- {note}" for note in notes)]).rstrip() + "\n"


def known_to_markdown() -> str:
    """Two Markdown tables: the accepted conventions, and the known mistakes."""
    followed = [
        [each.name, each.text, each.made_by, each.accepted, each.declare.replace("|", "\\|")]
        for each in CONVENTIONS.values()
    ]
    heads = ["convention", "what the layer does", "as", "accepted", "option"]
    conventions = tabulate(followed, heads, tablefmt="github", disable_numparse=True)
    made = [[name, text, ", ".join(schemes)] for name, text, schemes in sentences()]
    mistakes = tabulate(made, ["mistake", "what is said", "schemes"], tablefmt="github", disable_numparse=True)
    return (
        "## Conventions that are accepted\n\n"
        "A layer that follows one passes with it: it is held to a reference that follows it too.\n\n"
        f"{conventions}\n\n"
        "## Mistakes that are known\n\n"
        "One is named where the reference with it gives the layer's numbers, or where it shows in how the layer keeps"
        " its tensors. Several at once are named too.\n\n"
        f"{mistakes}\n"
    )


def _cell(result: Result) -> str:
    if result.status == NOT_APPLICABLE:
        return NOT_APPLICABLE
    number = _number(result.relative)
    return number or PASS if result.status == PASS else f"**{result.status}** {number}".rstrip()


def _markdown_notes(verdicts: Sequence[Verdict]) -> list[str]:
    notes = []
    for verdict in verdicts:
        notes += [f"{verdict.scheme}: {verdict.called}"] if verdict.called else []
        conventions = [f"convention: {CONVENTIONS[name].text}" for name in verdict.conventions]
        lines = [*_remarks(verdict), *conventions, *(diagnosis.text for diagnosis in verdict.diagnoses)]
        lines += [f"{result.check}: {result.note}" for result in verdict.results if result.status == WARN]
        notes += [f"{verdict.scheme} {verdict.name}: {line}" for line in lines]
    return list(dict.fromkeys(notes))
