"""Checks the arguments of `bnlab train` before Hydra sees them, which would give long errors or misread some."""

from __future__ import annotations

import argparse
import itertools
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, NoReturn

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import (
    ChoiceSweep,
    Glob,
    IntervalSweep,
    Override,
    OverrideType,
    QuotedString,
    RangeSweep,
    Sweep,
)
from hydra.errors import HydraException

from bnlab.config import CHOICES, SECTIONS, RunConfig, did_you_mean, keys_named
from bnlab.errors import UserError, nearest, shown, unknown, written
from bnlab.hydra_bridge import config_files
from bnlab.hydra_bridge.effect import check_shadowed
from bnlab.hydra_bridge.fresh_seeds import quoted
from bnlab.hydra_bridge.parser import hydra_parser

GROUPS = (*CHOICES, "experiment")
SETTINGS = {field.name: str(field.type) for field in fields(RunConfig)}
"""The settings of a run and the types that they have."""

NO_FILES = "bnlab keeps its own folders, and Hydra writes none; set runs_dir=FOLDER"
NO_CHDIR = "bnlab stays in the folder that it is started in; set runs_dir=FOLDER for another place of the results"
NO_LOGGING = "bnlab logs nothing by Hydra: progress is on stderr, and each replicate has a log in its folder"
KEPT = {
    "hydra.output_subdir": ("null", NO_FILES),
    "hydra.run.dir": (".", NO_FILES),
    "hydra.sweep.dir": ("'${runs_dir}/.hydra'", NO_FILES),  # what launchers such as submitit need for themselves
    "hydra.sweep.subdir": (".", NO_FILES),
    "hydra.job.chdir": ("false", NO_CHDIR),
    "hydra/job_logging": ("disabled", NO_LOGGING),
    "hydra/hydra_logging": ("disabled", NO_LOGGING),
}
"""Settings of Hydra that a user may not change: their fixed values, and the reason."""
ADDED = "+tags="
"""Accepted for `tags=`, since some are used to writing it. Hydra refuses it, as the setting exists."""
LONGEST_KEY = 100
LONGEST_OVERRIDE = 10_000
"""In characters. Hydra's parser takes time quadratic in the length of a list: minutes for 100,000 characters."""
SETTABLE = re.compile(r"data(\.(?!normalize$).*)?|device|threads|norm\.target")
"""The settings that may be given for an evaluation."""
MOST_JOBS = 10_000
"""The largest number of jobs in a sweep, seeds not counted."""


def ordered(arguments: Sequence[str]) -> list[str]:
    """The arguments with options first, since argparse, which Hydra uses, takes no overrides on both sides of one."""
    actions = {name: action for action in hydra_parser()._actions for name in action.option_strings}
    options: list[str] = []
    overrides: list[str] = []
    left = list(arguments)
    while left:
        argument = left.pop(0)
        action = actions.get(argument)
        if argument == "--":
            overrides += left
            break
        if not argument.startswith("-"):
            overrides.append(argument)
        elif action is not None and action.nargs is None:
            options += [argument, *left[:1]]
            del left[:1]
        elif action is not None and action.nargs == "?":  # add the value, or argparse takes the first override for it
            given = bool(left) and left[0] in (action.choices or ())
            options += [argument, left.pop(0) if given else str(action.const)]
        else:
            options.append(argument)
    return [option for option in options if option] + overrides


def check(arguments: Sequence[str]) -> None:
    """Raises UserError for the first option or override that is not legal."""
    _check_options(arguments)
    known = _known(arguments)
    config_files.check_folders(known.config_path, known.config_dir)
    folders = config_folders(arguments)
    if known.config_dir is not None:
        check_shadowed(Path(known.config_dir))
    config_files.check_primary(known.config_name, folders)
    _check_package(known)
    _check_commas(known.overrides)
    for override in known.overrides:
        _check_override(override, folders)
        key, _, choice = override.partition("=")
        if known.config_dir and key in GROUPS:
            config_files.check_file(folders[0] / key / f"{choice}.yaml")


def config_folders(arguments: Sequence[str]) -> list[Path]:
    """The folders with config files: the user's own, if there is one, and the shipped one."""
    known = _known(arguments)
    return config_files.folders_of(known.config_path, known.config_dir)


def prints_settings(arguments: Sequence[str]) -> bool:
    """Whether the command only prints settings (--help, --cfg job) and trains nothing."""
    known = _known(arguments)
    return bool(known.help or known.cfg == "job")


def unknown_choice(group: str, choice: str, folders: Sequence[Path]) -> UserError:
    """The error for a choice that a group does not have."""
    return unknown(group, choice, {path.stem for folder in folders for path in (folder / group).glob("*.yaml")})


def _known(arguments: Sequence[str]) -> argparse.Namespace:
    """The arguments as Hydra's own parser reads them."""
    parser = hydra_parser()
    parser.error = _refuse  # type: ignore[method-assign]  # argparse's own prints its usage and exits
    return parser.parse_args(list(arguments))


def for_hydra(arguments: Sequence[str]) -> list[str]:
    """The arguments as Hydra needs them.

    In a sweep over a group, such as norm=none,batch norm.eps=1e-3, Hydra would set norm.eps in the group's default
    choice, which may not have it. As a sweep over one value, norm.eps=choice(1e-3), it is set in each job.
    """
    arguments = [quoted(text.removeprefix("+") if text.startswith(ADDED) else text) for text in arguments]
    overrides = {text: OverridesParser.create().parse_override(text) for text in _known(arguments).overrides}
    swept = {o.key_or_group for o in overrides.values() if o.is_sweep_override()} & set(CHOICES)

    def rewritten(text: str) -> str:
        override = overrides.get(text)
        if override is None or override.type != OverrideType.CHANGE or override.is_sweep_override():
            return text
        key, _, value = text.partition("=")
        return f"{key}=choice({value})" if key.partition(".")[0] in swept and "." in key else text

    return list(map(rewritten, arguments))


def _check_options(arguments: Sequence[str]) -> None:
    """Raises UserError for an option that Hydra does not have, with the nearest one."""
    known = [name for action in hydra_parser()._actions for name in action.option_strings]
    allowed = [*(option for option in known if option.startswith("--")), "--quiet"]
    for argument in arguments:
        name, _, value = argument.partition("=")
        if not name.startswith("--") or any(option.startswith(name) for option in known):
            continue
        setting = name.removeprefix("--").replace("-", "_")
        keys = keys_named(setting)
        if keys:
            example = shown(value or ("true" if SETTINGS.get(setting) == "bool" else "VALUE"))
            written = " or ".join(f"{key}={example}" for key in keys)
            raise UserError(f"{shown(argument)}: settings have no dashes; write {written}")
        raise unknown("option", name, allowed)


def _check_package(known: argparse.Namespace) -> None:
    """Raises UserError for an unknown --package, at which Hydra would end with another exit code."""
    if known.package is None:
        return
    if known.cfg is None:
        raise UserError(
            f"--package={shown(known.package)} changes nothing: it is of --cfg; write --cfg job --package ..."
        )
    parts = {*CHOICES, *SECTIONS, "hydra"}
    if known.package not in parts:
        raise unknown("--package", known.package, parts)


def _refuse(message: str) -> NoReturn:
    raise UserError(f"{shown(message, longest=400)}; see: bnlab train --help")


def _check_commas(overrides: Sequence[str]) -> None:
    """Raises UserError for a list with a space: the shell makes two arguments of `norm=none, batch`."""
    for before, after in itertools.pairwise(overrides):
        if before.endswith(",") or after.startswith(","):
            raise UserError(
                f"'{shown(f'{before} {after}')}' are two arguments; write it without the space: {shown(before + after)}"
            )


def _check_override(text: str, folders: Sequence[Path]) -> None:
    override = parsed(text)
    key, value = override.key_or_group, override.value()
    group, _, setting = key.partition(".")
    if key in KEPT:
        raise UserError(f"{shown(text)}: {KEPT[key][1]}")
    if group in CHOICES and setting == "name":
        raise UserError(f"{shown(text)}: a name is not set by itself; write {group}={shown(written(value))}")
    if key == "study":
        raise UserError(f"{shown(text)}: a study is a command of its own; write bnlab study {shown(written(value))}")
    if key == "tracker" and override.is_sweep_override():
        raise UserError(f"{shown(text)}: several trackers are a list; write e.g. 'tracker=[tensorboard,mlflow]'")
    if key in GROUPS:
        _check_group(text, override, folders)
    elif override.is_delete():
        raise UserError(f"{shown(text)}: no setting can be taken away; write KEY=VALUE.{nearest(key, SETTINGS)}")


def _check_group(text: str, override: Override, folders: Sequence[Path]) -> None:
    group, value = override.key_or_group, override.value()
    if override.is_delete():
        raise UserError(f"{text}: the group {group} cannot be taken away; write {group}=NAME")
    if override.is_add() or override.package is not None:
        raise UserError(f"{shown(text)}: the group {group} has one choice, in its own place; write {group}=NAME")
    for choice in value.list if isinstance(value, ChoiceSweep) else [value]:
        _check_choice(group, choice, folders)


def parsed(text: str) -> Override:
    """Parses an override by Hydra's parser. Raises UserError if it cannot be read."""
    key, equals, _ = text.partition("=")
    if not equals and not text.startswith("~"):
        if text in GROUPS:
            raise UserError(f"'{text}' sets nothing; write {text}=NAME")
        raise UserError(f"'{shown(text)}' sets nothing; write KEY=VALUE, e.g. epochs=3.{did_you_mean(text)}")
    if not key or len(key) > LONGEST_KEY:
        raise UserError(f"'{shown(text)}' has no setting's name before '='; write KEY=VALUE, e.g. epochs=3")
    if len(text) > LONGEST_OVERRIDE:
        raise UserError(f"{shown(text)} is too long; at most {LONGEST_OVERRIDE} characters are allowed in one override")
    try:
        return OverridesParser.create().parse_override(text)
    except (HydraException, ValueError, RecursionError) as error:
        why = _reason(error)
        raise UserError(
            f"'{shown(text)}' cannot be read{why}; write KEY=VALUE, a value with other characters than letters, "
            "digits and -_./:%+@ in two pairs of quotes, e.g. \"label='été'\""
        ) from error


def changes_of(overrides: Sequence[str]) -> dict[str, Any]:
    """The settings that an evaluation changes, by dotted key. Raises UserError for one that it may not change."""
    changes: dict[str, Any] = {}
    for override in map(parsed, overrides):
        key = str(override.key_or_group)
        if not SETTABLE.fullmatch(key) or override.is_delete() or override.is_sweep_override():
            allowed = "data=NAME, data.KEY=VALUE, device=NAME, threads=N"
            raise UserError(f"{shown(override.input_line)} cannot be set for an evaluation; allowed: {allowed}")
        changes["data.name" if key == "data" else key] = override.value()
    return changes


def choices_for_lists(params: Mapping[str, Any] | None) -> dict[str, str]:
    """A sweep's parameters from a config file, as texts for Hydra's parser.

    A list of a group's names becomes a sweep over them; Hydra would merge the choices in the list into one.
    """
    return {
        key: f"choice({','.join(map(str, value))})"
        if key in GROUPS and isinstance(value, Sequence) and not isinstance(value, str)
        else str(value)
        for key, value in (params or {}).items()
    }


def check_count(overrides: Sequence[Override]) -> None:
    """Raises UserError for a sweep of more than `MOST_JOBS` jobs, or of values that cannot be counted."""
    jobs = math.prod(_values_of(override) for override in overrides)
    if jobs > MOST_JOBS:
        swept = " ".join(str(o.input_line) for o in overrides if o.is_sweep_override())
        raise UserError(f"{shown(swept)} gives {jobs} jobs; at most {MOST_JOBS} are allowed in one sweep")


def _values_of(override: Override) -> int:
    value = override.value()
    if isinstance(value, IntervalSweep):
        key = override.key_or_group
        raise UserError(f"{override.input_line}: an interval has no values to count; write some, e.g. {key}=1e-5,1e-3")
    if isinstance(value, RangeSweep):
        start, stop, step = (0.0 if each is None else float(each) for each in (value.start, value.stop, value.step))
        if step == 0 or not all(map(math.isfinite, (start, stop, step))):
            raise UserError(f"{override.input_line}: a range has two finite ends and a step other than 0")
        return max(math.ceil((stop - start) / step), 0)
    return len(value.list) if isinstance(value, ChoiceSweep) else 1


def _reason(error: Exception) -> str:
    """The parser's reason in brackets, if it is understandable; else an empty text."""
    cause = str(error.__cause__ or "")
    character = re.fullmatch(r"LexerNoViableAltException\((.*)\)", cause, flags=re.DOTALL)
    if character:
        return f" (at {shown(character[1])})"
    first = cause.partition("\n")[0]
    return f" ({shown(first)})" if first not in ("", "None") else ""


def _check_choice(group: str, choice: object, folders: Sequence[Path]) -> None:
    """Raises UserError for a choice that is no name: Hydra would accept a path, a list or a mapping."""
    if isinstance(choice, Sweep | Glob):
        return
    text = choice.text if isinstance(choice, QuotedString) else written(choice)
    if isinstance(choice, dict | list):
        raise UserError(str(unknown_choice(group, text, folders)).partition(" Did you mean")[0])
    if not isinstance(choice, str | QuotedString) or not re.fullmatch(r"\s*[\w-]{1,100}\s*", text):
        raise unknown_choice(group, text, folders)
