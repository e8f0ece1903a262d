"""`bnlab norms`: lists the schemes, or shows one."""

from __future__ import annotations

from typing import Annotated

import typer


def norms(
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="All about this scheme. Default: list all.")
    ] = None,
) -> None:
    """List the normalization schemes, or show one: formula, parameters, defaults, invariances, when to use, source.

    Example: bnlab norms batch
    """
    from bnlab.cli import scheme_pages

    if name is None:
        scheme_pages.list_schemes()
    else:
        scheme_pages.show_scheme(name)
