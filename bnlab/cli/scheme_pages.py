"""The output of `bnlab norms`: the list of schemes, or the page of one scheme."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.table import Table

from bnlab.config import CONF
from bnlab.errors import unknown
from bnlab.norms import CHANGES, SCHEMES, Scheme

COLUMNS = ("norm=", "scheme", "norm.impl=", "paper")
"""The columns of the list; the last ones are left out where the terminal is too narrow."""

NO_SCHEMES = {
    "custom_class": {
        "A norm of your own (norm=custom_class)": [
            "y = CLASS(num_features, **kwargs)(x)",
            "norm.target=FILE.py:CLASS, or PACKAGE.MODULE:CLASS for what can be imported",
        ],
        "What is asked of the class": [
            "it is a torch.nn.Module",
            "num_features is its constructor's first argument; norm.kwargs gives the others that have no default",
            "its output has the shape of its input: (N, C) in model=mlp, (N, C, H, W) in model=cnn, C = num_features",
            "it ends: import, constructor and passes are tried out before anything is trained",
        ],
        "Example": [
            "bnlab train norm=custom_class norm.target=my_file.py:MyNorm 'norm.kwargs={eps: 0.001}'",
            "bnlab verify my_file.py:MyNorm --as batch  tells whether it computes what it should",
        ],
    },
    "mixed": {
        "A scheme for each hidden layer (norm=mixed)": [
            "y = the layer's own scheme of x, or x where that is none",
            "norm.per_layer=[SCHEME,...]: one for each hidden layer of model=mlp, from the first on",
        ],
        "Example": ["bnlab train norm=mixed 'norm.per_layer=[batch,none]' model.hidden=[128,64]"],
    },
}
"""The pages of choices of norm= that are not one scheme: lines by title; the first title is the page's."""


def list_schemes() -> None:
    """Prints a line for each scheme, with as many columns as fit the terminal."""
    console = _console()
    tables = [_table(COLUMNS[:count]) for count in range(len(COLUMNS), 0, -1)]
    unlimited = console.options.update_width(sys.maxsize)
    fitting = (table for table in tables if console.measure(table, options=unlimited).maximum <= console.width)
    console.print(next(fitting, tables[-1]))
    console.print("all about one, with its settings: bnlab norms NAME", soft_wrap=True)
    console.print("a norm of your own: bnlab norms custom_class", soft_wrap=True)
    console.print("another scheme in each layer: bnlab norms mixed", soft_wrap=True)


def _table(columns: Sequence[str]) -> Table:
    table = Table(*columns, box=box.SIMPLE, show_edge=False, pad_edge=False, padding=0)
    for column in table.columns:
        column.no_wrap = True
    for scheme in SCHEMES.values():
        facts = {
            "norm=": scheme.name,
            "scheme": scheme.title,
            "norm.impl=": ", ".join(scheme.impls),
            "paper": scheme.source.partition(", arXiv")[0],
        }
        table.add_row(*(facts[column] for column in columns))
    return table


def show_scheme(name: str) -> None:
    """Prints the page of a scheme, or of another choice of norm= (`NO_SCHEMES`).

    Raises:
        UserError: there is no such choice.
    """
    if name not in SCHEMES and name not in NO_SCHEMES:
        raise unknown("norm", name, [*SCHEMES, *NO_SCHEMES])
    console = _console()
    for title, lines in (sections(SCHEMES[name]) if name in SCHEMES else page(name)).items():
        console.print(title, style="bold")
        for line in lines:
            console.print(f"  {line}", soft_wrap=True)


def page(name: str) -> dict[str, list[str]]:
    """The page of a choice of norm= that is not one scheme: lines by title, as from `sections`."""
    (title, lines), *others = NO_SCHEMES[name].items()
    return {title: lines, "Parameters and bnlab's defaults": _shipped(name)} | dict(others)


def sections(scheme: Scheme) -> dict[str, list[str]]:
    """The page of a scheme: lines by title."""
    answers = dict(zip(CHANGES, scheme.invariances.split(), strict=True))
    return {
        f"{scheme.title} (norm={scheme.name})": [scheme.formula, f"statistics over {scheme.normalizes_over}"],
        "Parameters and bnlab's defaults": _shipped(scheme.name),
        "Defaults elsewhere": [f"{framework}: {values}" for framework, values in scheme.defaults.items()] or ["-"],
        "norm(W x) stays the same, up to ε, with": [key for key, answer in answers.items() if answer == "Y"] or ["-"],
        "and changes with": [key for key, answer in answers.items() if answer == "N"] or ["-"],
        "When to use it": [scheme.when_to_use],
        "Source": [f"{scheme.source}; its code: bnlab/norms/{scheme.name}.py"],
    }


def _shipped(name: str) -> list[str]:
    """`parameters` of the file of defaults, conf/norm/NAME.yaml."""
    return parameters((CONF / "norm" / f"{name}.yaml").read_text("utf-8"))


def parameters(shipped: str) -> list[str]:
    """The settings in a file of conf/norm/ with their comments: `norm.eps=1.0e-5  added to ...`.

    Args:
        shipped: the text of the file.
    """
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
