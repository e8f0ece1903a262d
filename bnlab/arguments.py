"""Reads the arguments of `bnlab train` before Hydra does: what it would refuse in many lines, or take for something."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import yaml
from hydra._internal.utils import get_args_parser
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import ChoiceSweep, Glob, Override, OverrideType, QuotedString, Sweep
from hydra.errors import HydraException

from bnlab.config import CHOICES, CONF
from bnlab.errors import UserError, nearest, shown, unknown

GROUPS = (*CHOICES, "experiment")
LONGEST_KEY = 100


def ordered(arguments: Sequence[str]) -> list[str]:
    """Options first: argparse, which Hydra uses, takes no overrides on both sides of one."""
    takes_value = {
        name for action in get_args_parser()._actions if action.nargs is None for name in action.option_strings
    }
    options: list[str] = []
    overrides: list[str] = []
    left = iter(arguments)
    for argument in left:
        if argument == "--":
            overrides += left
        elif argument.startswith("-"):
            options += [argument, *([next(left, "")] if argument in takes_value else [])]
        else:
            overrides.append(argument)
    return [option for option in options if option] + overrides


def check(arguments: Sequence[str]) -> None:
    """Raises UserError for the first option or override that cannot be meant."""
    _check_options(arguments)
    parser = get_args_parser()
    parser.error = _refuse  # type: ignore[method-assign]  # argparse's own prints its usage and exits
    parsed = parser.parse_args(list(arguments))
    for override in parsed.overrides:
        _check_override(override, multirun=parsed.multirun)
        key, _, choice = override.partition("=")
        if parsed.config_dir and key in GROUPS:
            _check_file(Path(parsed.config_dir) / key / f"{choice}.yaml")


def for_hydra(arguments: Sequence[str]) -> list[str]:
    """In a sweep over a group, a setting of that group as a choice of one value.

    Hydra would set it before the sweep, in the group's default option, which may not have it.
    """
    parsed = get_args_parser().parse_args(list(arguments))
    overrides = {text: OverridesParser.create().parse_override(text) for text in parsed.overrides}
    swept = {o.key_or_group for o in overrides.values() if o.is_sweep_override()} & set(CHOICES)

    def rewritten(text: str) -> str:
        override = overrides.get(text)
        if override is None or override.type != OverrideType.CHANGE or override.is_sweep_override():
            return text
        key, _, value = text.partition("=")
        return f"{key}=choice({value})" if key.partition(".")[0] in swept and "." in key else text

    return [rewritten(text) for text in arguments]


def unknown_choice(group: str, choice: str) -> UserError:
    """The error for an option that a group does not have."""
    return unknown(group, choice, [path.stem for path in (CONF / group).glob("*.yaml")])


def _check_options(arguments: Sequence[str]) -> None:
    """Names the nearest option for one that Hydra does not have."""
    known = [name for action in get_args_parser()._actions for name in action.option_strings]
    for argument in arguments:
        name = argument.partition("=")[0]
        if name.startswith("--") and not any(option.startswith(name) for option in known):
            raise unknown("option", name, [option for option in known if option.startswith("--")])


def _refuse(message: str) -> NoReturn:
    raise UserError(f"{message}; see: bnlab train --help")


def _check_override(text: str, *, multirun: bool) -> None:
    override = _parsed(text)
    key, value = override.key_or_group, override.value()
    group, _, setting = key.partition(".")
    if group in CHOICES and setting == "name":
        raise UserError(f"{shown(text)}: a name is not set by itself; write {group}={shown(value)}")
    if override.is_delete() and key in GROUPS:
        raise UserError(f"{text}: the group {key} cannot be taken away; write {key}=NAME")
    if key in GROUPS:
        for choice in value.list if isinstance(value, ChoiceSweep) else [value]:
            _check_choice(key, choice)
    if override.is_sweep_override() and not multirun:
        raise UserError(f"{shown(text)} has several values; add -m to train with each of them: bnlab train -m ...")


def _parsed(text: str) -> Override:
    key, equals, _ = text.partition("=")
    if not equals and not text.startswith("~"):
        raise UserError(f"'{shown(text)}' sets nothing; write KEY=VALUE, e.g. epochs=3.{nearest(text, GROUPS)}")
    if not key or len(key) > LONGEST_KEY:
        raise UserError(f"'{shown(text)}' has no setting's name before '='; write KEY=VALUE, e.g. epochs=3")
    try:
        return OverridesParser.create().parse_override(text)
    except (HydraException, ValueError) as error:
        why = _reason(error)
        raise UserError(
            f"'{shown(text)}' cannot be read{why}; write KEY=VALUE, a value with other characters than letters, "
            "digits and -_./:%+@ in two pairs of quotes, e.g. \"label='été'\""
        ) from error


def _check_file(path: Path) -> None:
    """Raises UserError if a file of the user's own folder is there and is no YAML mapping."""
    if not path.is_file():
        return
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise UserError(f"{path} cannot be read as YAML: {shown(' '.join(str(error).split()))}") from error
    if not isinstance(content, dict | None):
        raise UserError(f"{path} holds {shown(content)}; a config file holds settings, e.g. 'epochs: 3'")


def _reason(error: Exception) -> str:
    """The parser's reason in brackets, if it has one in words."""
    cause = str(error.__cause__ or "")
    character = re.fullmatch(r"LexerNoViableAltException\((.*)\)", cause, flags=re.DOTALL)
    if character:
        return f" (at {shown(character[1])})"
    first = cause.partition("\n")[0]
    return f" ({shown(first)})" if first not in ("", "None") else ""


def _check_choice(group: str, choice: object) -> None:
    """Hydra would read a path below the group's folder, and merge a list or a mapping."""
    if isinstance(choice, Sweep | Glob):
        return
    text = choice.text if isinstance(choice, QuotedString) else str(choice)
    if not isinstance(choice, str | QuotedString) or not re.fullmatch(r"\s*[\w-]{1,100}\s*", text):
        raise unknown_choice(group, text)
