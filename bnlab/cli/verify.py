"""`bnlab verify`: holds a layer against a reference."""

from __future__ import annotations

from typing import Annotated

import typer


def verify(
    target: Annotated[str | None, typer.Argument(metavar="SCHEME|FILE.py:CLASS", help="Default: all schemes.")] = None,
    scheme: Annotated[str | None, typer.Option("--as", help="What a class is to compute. Default: batch.")] = None,
    impl: Annotated[str | None, typer.Option(help="native, custom or keras. Default: native and custom.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="All schemes, and Keras's layers too.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")] = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print one Markdown table instead.")] = False,
    kwargs: Annotated[str | None, typer.Option(help="Further arguments of a class: '{bias: false}'.")] = None,
    time_limit: Annotated[float, typer.Option(help="Seconds for a class before it is stopped.")] = 60,
) -> None:
    """Hold a normalization layer against a float64 reference, and say in words what is wrong with it.

    Exit code 1 when a check fails.

    Example: bnlab verify my_bn.py:MyBN --as batch
    """
    from bnlab.verification import verify as hold

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
        )
    )
