"""`bnlab norms`: the list of schemes, and all about one of them."""

from __future__ import annotations

import re

from rich.console import Console
from rich.table import Table

from bnlab.config import CONF, settings_of
from bnlab.errors import unknown
from bnlab.norms import SCHEMES, Scheme
from bnlab.norms.scheme import CHANGES


def list_schemes() -> None:
    """Prints a row for each scheme."""
    table = Table("norm=", "formula", "statistics over", "settings", "norm.impl=", "source")
    for scheme in SCHEMES.values():
        settings = ", ".join(settings_of("norm", scheme.name))
        cells = (scheme.formula, scheme.normalizes_over, settings, ", ".join(scheme.impls), scheme.source)
        table.add_row(scheme.name, *cells)
    _console().print(table)


def show_scheme(name: str) -> None:
    """Prints all about one scheme.

    Raises:
        UserError: there is no such scheme.
    """
    if name not in SCHEMES:
        raise unknown("norm", name, SCHEMES)
    console = _console()
    for title, lines in sections(SCHEMES[name]).items():
        console.print(title, style="bold")
        for line in lines:
            console.print(f"  {line}", soft_wrap=True)


def sections(scheme: Scheme) -> dict[str, list[str]]:
    """The titles and the lines below them."""
    answers = dict(zip(CHANGES, scheme.invariances.split(), strict=True))
    return {
        f"{scheme.title} (norm={scheme.name})": [scheme.formula, f"statistics over {scheme.normalizes_over}"],
        "Parameters and bnlab's defaults": parameters((CONF / "norm" / f"{scheme.name}.yaml").read_text("utf-8")),
        "Defaults elsewhere": [f"{framework}: {values}" for framework, values in scheme.defaults.items()] or ["-"],
        "norm(W x) stays the same, up to ε, with": [key for key, answer in answers.items() if answer == "Y"] or ["-"],
        "and changes with": [key for key, answer in answers.items() if answer == "N"] or ["-"],
        "When to use it": [scheme.when_to_use],
        "Source": [f"{scheme.source}; its code: bnlab/norms/{scheme.name}.py"],
    }


def parameters(shipped: str) -> list[str]:
    """The settings of a shipped file with what its comments say: `norm.eps=1.0e-5  added to ...`."""
    found: list[str] = []
    for line in shipped.splitlines():
        setting = re.fullmatch(r"(\w+): *(\S+) *(?:# (.*))?", line)
        more = re.fullmatch(r" +# (.*)", line)
        if setting and setting[1] != "name":
            found.append(f"norm.{setting[1]}={setting[2]}" + (f"  {setting[3]}" if setting[3] else ""))
        elif more:
            found[-1] += f" {more[1].strip()}"
    return found


def _console() -> Console:
    return Console(highlight=False, markup=False)
