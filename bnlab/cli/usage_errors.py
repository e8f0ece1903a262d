"""Messages in one line for wrong arguments, instead of the box of several lines that Typer prints."""

from __future__ import annotations

import itertools
import sys
from typing import Any

from bnlab.errors import shown


def in_one_line(error: Any) -> str:
    """The message for an error of Typer's, in one line; the whole help if no command was given.

    Args:
        error: an instance of Click's UsageError.
    """
    if type(error).__name__ == "NoArgsIsHelpError":
        return str(error.ctx.get_help())
    message = " ".join(error.format_message().split())
    typed = _typed(getattr(error, "param", None))
    if typed is not None:
        message = message.replace("Invalid value for ", f"{typed} is no value of ")
    if message.startswith(("Missing command", "No such command")):
        message = f"{message} Allowed: {', '.join(error.ctx.command.commands)}"
    command = error.ctx.command_path if error.ctx is not None else " ".join(["bnlab", *sys.argv[1:2]])
    return f"error: {message}{'' if message.endswith(('?', '.')) else '.'} See: {command} --help"


def _typed(option: Any) -> str | None:
    """The value that was typed for an option, in quotes; None if not found. Typer's message lacks it."""
    names = getattr(option, "opts", [])
    for argument, following in itertools.pairwise([*sys.argv, ""]):
        name, equals, value = argument.partition("=")
        if name in names:
            return f"'{shown(value if equals else following)}'"
    return None
