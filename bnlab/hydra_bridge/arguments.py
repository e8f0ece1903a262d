"""Reads the arguments of `bnlab train` before Hydra does: what it would refuse in many lines, or take for something."""

from __future__ import annotations

import argparse
import math
import re
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, NoReturn

import yaml
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
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from bnlab.config import CHOICES, CONF, RunConfig, did_you_mean, keys_named
from bnlab.errors import UserError, nearest, shown, unknown, written
from bnlab.hydra_bridge.effect import check_shadowed
from bnlab.hydra_bridge.parser import hydra_parser
from bnlab.machine import is_folder, why_no_folder

GROUPS = (*CHOICES, "experiment")
SETTINGS = {field.name: str(field.type) for field in fields(RunConfig)}
"""The settings of a run and the types that they have."""

KEPT = {
    "hydra.output_subdir": "null",
    "hydra.run.dir": ".",
    "hydra.sweep.dir": ".",
    "hydra.sweep.subdir": ".",
    "hydra.job.chdir": "false",
    "hydra/job_logging": "disabled",
    "hydra/hydra_logging": "disabled",
}
"""Settings of Hydra's own folders, with what they are kept at, whatever a config file says: Hydra writes no file."""
LONGEST_KEY = 100
LONGEST_OVERRIDE = 10_000
"""In characters: Hydra's parser takes time by the square of a list's length, minutes for 100,000 characters."""
SETTABLE = re.compile(r"data(\.(?!normalize$).*)?|device|threads|norm\.target")
"""What may differ in an evaluation from the training, or be confirmed."""
DEEPEST, MOST_VALUES = 10, 10_000
"""Of a config file: how deep its values lie in each other, and how many there are."""
MOST_JOBS = 10_000
"""Of one sweep; each may have as many seeds."""


def ordered(arguments: Sequence[str]) -> list[str]:
    """Options first: argparse, which Hydra uses, takes no overrides on both sides of one."""
    takes_value = {name for action in hydra_parser()._actions if action.nargs is None for name in action.option_strings}
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
    known = _known(arguments)
    folders = config_folders(arguments)
    if known.config_path is not None and not Path(known.config_path).is_absolute():
        path = shown(known.config_path)
        raise UserError(
            f"--config-path={path} has to be the absolute path of a folder that takes the place of bnlab's own "
            f"configurations; to add a folder of yours write --config-dir={path}"
        )
    if known.config_dir is not None and not is_folder(known.config_dir):
        folder = Path(known.config_dir)
        reason, hint = why_no_folder(folder)
        raise UserError(f"--config-dir={shown(folder)} {reason}; give one with config files of yours.{hint}")
    if known.config_dir is not None:
        check_shadowed(Path(known.config_dir))
    _check_file(folders[0] / f"{(known.config_name or 'config').removesuffix('.yaml')}.yaml")
    _check_package(known)
    for override in known.overrides:
        _check_override(override, folders, multirun=known.multirun)
        key, _, choice = override.partition("=")
        if known.config_dir and key in GROUPS:
            _check_file(folders[0] / key / f"{choice}.yaml")
    if known.multirun and "hydra/sweeper=basic" in known.overrides:  # which makes a list of the jobs, however many
        check_count([parsed(override) for override in known.overrides])


def config_folders(arguments: Sequence[str]) -> list[Path]:
    """Where config files are: the user's own folder, and the shipped one, which Hydra looks into first."""
    folder = _known(arguments).config_dir
    return [CONF] if folder is None else [Path(folder), CONF]


def unknown_choice(group: str, choice: str, folders: Sequence[Path]) -> UserError:
    """The error for an option that a group does not have."""
    return unknown(group, choice, {path.stem for folder in folders for path in (folder / group).glob("*.yaml")})


def _known(arguments: Sequence[str]) -> argparse.Namespace:
    """The arguments as Hydra's own parser reads them."""
    parser = hydra_parser()
    parser.error = _refuse  # type: ignore[method-assign]  # argparse's own prints its usage and exits
    return parser.parse_args(list(arguments))


def for_hydra(arguments: Sequence[str]) -> list[str]:
    """In a sweep over a group, a setting of that group as a choice of one value.

    Hydra would set it before the sweep, in the group's default option, which may not have it.
    """
    overrides = {text: OverridesParser.create().parse_override(text) for text in _known(arguments).overrides}
    swept = {o.key_or_group for o in overrides.values() if o.is_sweep_override()} & set(CHOICES)

    def rewritten(text: str) -> str:
        override = overrides.get(text)
        if override is None or override.type != OverrideType.CHANGE or override.is_sweep_override():
            return text
        key, _, value = text.partition("=")
        return f"{key}=choice({value})" if key.partition(".")[0] in swept and "." in key else text

    return [rewritten(text) for text in arguments]


def _check_options(arguments: Sequence[str]) -> None:
    """Names the nearest option for one that Hydra does not have."""
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
    """Hydra's own end where there is no such part is another exit code."""
    if known.package is None:
        return
    if known.cfg is None:
        raise UserError(
            f"--package={shown(known.package)} changes nothing: it is of --cfg; write --cfg job --package ..."
        )
    parts = {*CHOICES, "stack", "hydra"}
    if known.package not in parts:
        raise unknown("--package", known.package, parts)


def _refuse(message: str) -> NoReturn:
    raise UserError(f"{shown(message, longest=400)}; see: bnlab train --help")


def _check_override(text: str, folders: Sequence[Path], *, multirun: bool) -> None:
    override = parsed(text)
    key, value = override.key_or_group, override.value()
    group, _, setting = key.partition(".")
    if key in KEPT:
        raise UserError(f"{shown(text)}: bnlab keeps its own folders, and Hydra writes none; set runs_dir=FOLDER")
    if group in CHOICES and setting == "name":
        raise UserError(f"{shown(text)}: a name is not set by itself; write {group}={shown(written(value))}")
    if key in GROUPS:
        _check_group(text, override, folders)
    elif override.is_delete():
        raise UserError(f"{shown(text)}: no setting can be taken away; write KEY=VALUE.{nearest(key, SETTINGS)}")
    if override.is_sweep_override() and not multirun:
        raise UserError(f"{shown(text)} has several values; add -m to train with each of them: bnlab train -m ...")


def _check_group(text: str, override: Override, folders: Sequence[Path]) -> None:
    group, value = override.key_or_group, override.value()
    if override.is_delete():
        raise UserError(f"{text}: the group {group} cannot be taken away; write {group}=NAME")
    if override.is_add() or override.package is not None:
        raise UserError(f"{shown(text)}: the group {group} has one choice, in its own place; write {group}=NAME")
    for choice in value.list if isinstance(value, ChoiceSweep) else [value]:
        _check_choice(group, choice, folders)


def parsed(text: str) -> Override:
    """An override by Hydra's parser. Raises UserError if it cannot be read."""
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
    """What an evaluation does otherwise than the training, by dotted key. Raises UserError for what may not differ."""
    changes: dict[str, Any] = {}
    for override in map(parsed, overrides):
        key = str(override.key_or_group)
        if not SETTABLE.fullmatch(key) or override.is_delete() or override.is_sweep_override():
            allowed = "data=NAME, data.KEY=VALUE, device=NAME, threads=N"
            raise UserError(f"{shown(override.input_line)} cannot be set for an evaluation; allowed: {allowed}")
        changes["data.name" if key == "data" else key] = override.value()
    return changes


def check_count(overrides: Sequence[Override]) -> None:
    """Raises UserError for a sweep of more jobs than anybody waits for, or of values that cannot be counted."""
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


def _check_file(path: Path) -> None:
    """Raises UserError if a config file is there and is no YAML mapping."""
    if not path.is_file():
        return
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        _check_size(content)
        OmegaConf.load(path)  # which takes no key twice
    except (OSError, ValueError, RecursionError, yaml.YAMLError, OmegaConfBaseException) as error:
        why = shown(" ".join(str(error).split()), longest=400)
        raise UserError(f"{path} cannot be read as YAML: {why}") from error
    if not isinstance(content, dict | None):
        raise UserError(f"{path} holds {shown(content)}; a config file holds settings, e.g. 'epochs: 3'")


def _check_size(content: Any) -> None:
    """Raises ValueError for values that are deeper, or more with their aliases written out, than any settings."""
    level, count = [content], 0
    for _ in range(DEEPEST):
        count += len(level)
        level = [inner for each in level if isinstance(each, dict | list) for inner in _inside(each)]
        if count + len(level) > MOST_VALUES:
            raise ValueError(f"it has more than {MOST_VALUES} values, those of its aliases counted")
    if level:
        raise ValueError(f"its values lie deeper in each other than {DEEPEST} levels")


def _inside(values: dict[Any, Any] | list[Any]) -> list[Any]:
    return list(values.values()) if isinstance(values, dict) else values


def _reason(error: Exception) -> str:
    """The parser's reason in brackets, if it has one in words."""
    cause = str(error.__cause__ or "")
    character = re.fullmatch(r"LexerNoViableAltException\((.*)\)", cause, flags=re.DOTALL)
    if character:
        return f" (at {shown(character[1])})"
    first = cause.partition("\n")[0]
    return f" ({shown(first)})" if first not in ("", "None") else ""


def _check_choice(group: str, choice: object, folders: Sequence[Path]) -> None:
    """Hydra would read a path below the group's folder, and merge a list or a mapping."""
    if isinstance(choice, Sweep | Glob):
        return
    text = choice.text if isinstance(choice, QuotedString) else written(choice)
    if isinstance(choice, dict | list):
        raise UserError(str(unknown_choice(group, text, folders)).partition(" Did you mean")[0])
    if not isinstance(choice, str | QuotedString) or not re.fullmatch(r"\s*[\w-]{1,100}\s*", text):
        raise unknown_choice(group, text, folders)
