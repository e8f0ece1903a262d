"""`bnlab verify`: checks a layer against a reference implementation."""

from __future__ import annotations

from typing import Annotated

import typer

from bnlab.cli.options import text
from bnlab.machine import status

OF_CLASS = "A class"
"""The heading, in the help, of the options that describe a user's class."""


def verify(
    target: Annotated[
        str | None, typer.Argument(metavar="SCHEME|FILE.py:CLASS|FILE.py|FOLDER", help="Default: all schemes.")
    ] = None,
    scheme: Annotated[
        str | None,
        typer.Option("--as", help="The scheme that a class is to compute; auto: by its name and numbers.", parser=text),
    ] = None,
    impl: Annotated[str | None, typer.Option(help="native, custom or keras. Default: native and custom.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="All schemes, and Keras's layers too.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")] = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print one Markdown table instead.")] = False,
    explain: Annotated[bool, typer.Option("--explain", help="Print the formula beside a wrong number.")] = False,
    kwargs: Annotated[
        str | None, typer.Option(rich_help_panel=OF_CLASS, help="Further arguments: '{bias: false}'.")
    ] = None,
    affine: Annotated[
        str | None, typer.Option(rich_help_panel=OF_CLASS, help="true or false: it has gamma and beta.")
    ] = None,
    momentum: Annotated[
        str | None, typer.Option(rich_help_panel=OF_CLASS, help="new or old: the value that momentum weighs.")
    ] = None,
    no_running_stats: Annotated[
        bool, typer.Option("--no-running-stats", rich_help_panel=OF_CLASS, help="It keeps no running statistics.")
    ] = False,
    layout: Annotated[
        str | None, typer.Option(rich_help_panel=OF_CLASS, help="channels-first or channels-last.")
    ] = None,
    time_limit: Annotated[
        float, typer.Option(rich_help_panel=OF_CLASS, help="Seconds for a class before it is stopped.")
    ] = 60,
) -> None:
    """Hold a normalization layer against a float64 reference, and say in words what is wrong with it.

    Three outcomes: pass; pass with conventions, which are told; fail. Exit code 1 when a check fails.

    Example: bnlab verify my_bn.py:MyBN
    """
    status.show("starting")
    from bnlab.verification import Declared, affine_of
    from bnlab.verification import verify as hold

    declared = Declared(affine_of(affine), momentum, not no_running_stats, layout)
    raise typer.Exit(
        hold(
            target,
            scheme,
            impl,
            everything=everything,
            as_json=as_json,
            markdown=markdown,
            seconds=time_limit,
            kwargs=kwargs,
            declared=declared,
            explain=explain,
        )
    )
