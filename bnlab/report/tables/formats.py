"""Tables as Markdown and JSON, with all text escaped that these would take for markup."""

import json
import math
import re
from collections.abc import Sequence
from typing import Any

from tabulate import tabulate

from bnlab.report.comparison import without_breaks
from bnlab.report.tables.contents import Table


def markdown(table: Table) -> str:
    """The table as a pipe table of Markdown."""
    rows = [[markdown_text(cell) for cell in row] for row in table.cells.to_numpy().tolist()]
    heads = [markdown_text(str(name)) for name in table.cells.columns]
    # Numbers are formatted already: tabulate must not parse and rewrite them.
    return tabulate(rows, heads, tablefmt="pipe", colalign=_alignment(table) if rows else None, disable_numparse=True)


def markdown_text(text: str) -> str:
    """Text escaped for Markdown, so that it starts no new cell, tag, image or emphasis."""
    escaped = re.sub(r"([\\`*|]|!(?=\[))", r"\\\1", without_breaks(text))
    return escaped.replace("&", "&amp;").replace("<", "&lt;")


def as_json(tables: Sequence[Table], **more: Any) -> str:
    """JSON with the further entries `more`, and the numbers of the tables by name, a row per line; NaN becomes null."""
    rows = {table.name: map(_json, table.data.to_dict("records")) for table in tables}
    lists = [f"{_json(name)}: [\n" + ",\n".join(lines) + "\n]" for name, lines in rows.items()]
    entries = [f"{_json(name)}: {_json(value)}" for name, value in more.items()]
    return "{\n" + ",\n".join([*entries, '"tables": {\n' + ",\n".join(lists) + "\n}"]) + "\n}\n"


def json_lines(**entries: Any) -> str:
    """A JSON object with a line for each entry, and for each item of a list; NaN becomes null."""
    lines = []
    for name, value in entries.items():
        text = "[\n" + ",\n".join(map(_json, value)) + "\n]" if isinstance(value, list) else _json(value)
        lines.append(f"{_json(name)}: {text}")
    return "{\n" + ",\n".join(lines) + "\n}\n"


def _json(value: Any) -> str:
    return json.dumps(_plain(value), allow_nan=False)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]
    if hasattr(value, "item"):
        return _plain(value.item())
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _alignment(table: Table) -> list[str]:
    return ["left" if name in table.labels else "right" for name in table.cells.columns]
