"""Turns the errors of Hydra and OmegaConf into one line: what was received, what is allowed, the nearest valid name."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import yaml
from hydra.errors import HydraException
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from bnlab.config import CHOICES, CONF, did_you_mean, unknown_setting, wrong_type
from bnlab.errors import SettingError, UserError, shown, unknown
from bnlab.hydra_bridge.arguments import GROUPS, config_folders, unknown_choice
from bnlab.hydra_bridge.plugins import missing_plugin

OF_INPUT = (HydraException, OmegaConfBaseException, yaml.YAMLError, ValueError, UserWarning, RecursionError)
"""The errors for a configuration that Hydra cannot compose; its warnings are raised as errors too."""

NOT_A_PLUGIN = "Invalid plugin"


def is_of_input(error: Exception) -> bool:
    """Whether the error is about the configuration, not the training."""
    return isinstance(error, OF_INPUT) or str(error).startswith(NOT_A_PLUGIN)


def user_error(error: Exception, arguments: Sequence[str]) -> UserError:
    """Hydra's error in bnlab's words; `arguments` are those that were typed."""
    text = f"{error}\n{error.__cause__ or ''}"
    for name in (
        _several_values,
        _unknown_option,
        _unknown_config,
        _unknown_key,
        _wrong_value,
        _undecodable,
        _no_plugin,
    ):
        named = name(text, arguments)
        if named is not None:
            return named
    return UserError(in_words(error))


def in_words(error: BaseException) -> str:
    """The error's text and that of its cause in one line; interpolations that cannot be resolved are explained."""
    parts = [str(error), str(error.__cause__ or "")]
    text = "; ".join(part for part in parts if part)
    # Hydra appends its whole search path, which says nothing about the mistake.
    text = text.partition("Config search path")[0].partition("Set the environment variable")[0]
    text = " ".join(re.sub(r"\s*full_key: (\S*)\s*object_type=\S*", r" in \1", text).split())
    circle = re.search(r"Recursive interpolation detected.* in (\S+)", text)
    if circle:
        return f"Recursive interpolation: {circle[1]} refers to itself; write {circle[1]}=VALUE"
    nowhere = re.search(r"Interpolation key '(.*)' not found in (\S+)", text)
    if nowhere:
        name, key = nowhere.groups()
        return f"{key}=${{{name}}}: '{name}' is no setting; write {key}=VALUE.{did_you_mean(name)}"
    outside = re.search(r"HydraConfig was not set in (\S+)", text)
    if outside:
        return f"{outside[1]} refers to ${{hydra:...}}, which no setting can use here; write {outside[1]}=VALUE"
    return shown(text, longest=800)


def choices(arguments: Sequence[str]) -> dict[str, str]:
    """The choice of each group: the one in the arguments, or else the shipped default."""
    defaults: Any = OmegaConf.to_container(OmegaConf.load(CONF / "config.yaml"))
    chosen = {key: value for entry in defaults["defaults"] if isinstance(entry, dict) for key, value in entry.items()}
    for argument in arguments:
        key, _, value = argument.partition("=")
        if key in CHOICES:
            chosen[key] = value.split(",")[0]
    return chosen


def _several_values(text: str, arguments: Sequence[str]) -> UserError | None:
    sweep = re.search(r"Sweep parameters '(.*)' requires --multirun|Ambiguous value for argument '(.*)'", text)
    if sweep is None:
        return None
    typed = shown(sweep[1] or sweep[2])
    return UserError(f"{typed} has several values; add -m to train with each of them: bnlab train -m ...")


def _unknown_option(text: str, arguments: Sequence[str]) -> UserError | None:
    option = re.search(r"Could not find '(.+)/([^'/]*)'", text)
    if option is None:
        return None
    group, choice = option.groups()
    if group in GROUPS:
        return unknown_choice(group, choice, config_folders(arguments))
    missing = missing_plugin(group, choice)
    if missing is not None:
        return missing
    listed = text.partition("Config search path")[0]
    available = re.search(r"Available options in '[^']*':((?:\s+[\w-]+(?=\n|$))+)", listed)
    if available:
        return unknown(group, choice, available[1].split())
    return unknown("group", group, GROUPS)


def _unknown_config(text: str, arguments: Sequence[str]) -> UserError | None:
    missing = re.search(r"Cannot find primary config '([^']*)'", text)
    if missing is None:
        return None
    there = {path.stem for folder in config_folders(arguments) for path in folder.glob("*.yaml")}
    return unknown("config", missing[1], there)


def _unknown_key(text: str, arguments: Sequence[str]) -> UserError | None:
    key = re.search(r"(?:full_key: |Could not override ')([\w.]+)", text)
    found = key is not None and ("not in struct" in text or "not in '" in text)
    if key is None or not found:
        return None
    if key[1].startswith("hydra."):
        return UserError(
            f"Hydra has no setting '{key[1]}' here; +{key[1]}=VALUE adds it, bnlab train --cfg hydra has all"
        )
    return unknown_setting(key[1], choices(arguments))


def _wrong_value(text: str, arguments: Sequence[str]) -> UserError | None:
    merged = re.match(r"Error merging override ([\w.]+)=(.*)", text)
    if merged is None:
        return None
    if merged[1].startswith("hydra."):
        group = merged[1].replace(".", "/")
        typed = f"{merged[1]}={shown(merged[2])}"
        return UserError(f"{typed} is no value that Hydra takes; a choice is written {group}=NAME")
    return wrong_type(merged[1], merged[2], choices(arguments))


def _undecodable(text: str, arguments: Sequence[str]) -> UserError | None:
    """The error for a file that is not UTF-8; Python's own does not say which file."""
    if "codec can't decode" not in text:
        return None
    for path in [path for folder in config_folders(arguments) for path in sorted(folder.rglob("*.yaml"))]:
        try:
            path.read_text(encoding="utf-8")
        except ValueError as error:
            return UserError(f"{path} cannot be read as YAML: {error}; save it as UTF-8")
    return None


def _no_plugin(text: str, arguments: Sequence[str]) -> UserError | None:
    if not text.startswith(NOT_A_PLUGIN):
        return None
    return UserError(f"{' '.join(text.split())}; choose one by hydra/launcher=NAME or hydra/sweeper=NAME")


def preset_of(overrides: Sequence[str]) -> str | None:
    """The experiment that is chosen, if one is."""
    chosen = [override.partition("=")[2] for override in overrides if override.startswith("experiment=")]
    return chosen[-1] if chosen else None


def explained(error: UserError, overrides: Sequence[str]) -> str:
    """The error's text with the value as it was typed; it also says if a preset has set what is refused."""
    if isinstance(error, SettingError):
        return str(_as_typed(error, overrides))
    unknown_key = re.match(r"(\w+)=(\S+) has no setting '([\w.]+)'", str(error))
    preset = preset_of(overrides)
    if unknown_key is None or preset is None:
        return str(error)
    section, choice, setting = unknown_key.groups()
    if any(f"{section}.{setting}" in override for override in overrides):
        return str(error)
    return (
        f"{error} It is set by experiment={preset}, whose settings of {section} are for another choice: "
        f"leave out {section}={choice}, or set what you need of the experiment one by one"
    )


@contextlib.contextmanager
def as_typed(overrides: Sequence[str]) -> Iterator[None]:
    """Within the `with`, errors are explained with the overrides as they were typed; see `explained`."""
    try:
        yield
    except UserError as error:
        raise UserError(explained(error, overrides)) from error


def misplaced(settings: Mapping[str, Any]) -> UserError:
    """The error for an experiment whose file lacks `# @package _global_`, so that its settings land in a section."""
    names = ", ".join(map(str, settings)) or "nothing"
    return UserError(
        f"the experiment changes nothing: its file sets {shown(names)}, and has to begin with the line "
        "'# @package _global_', without a byte order mark before it"
    )


def _as_typed(error: SettingError, overrides: Sequence[str]) -> SettingError:
    """The error with the value as it was typed: Hydra makes 0.0 of `1e-400`. An interpolation's value is kept."""
    values = [value for key, _, value in (text.partition("=") for text in overrides) if key.lstrip("+") == error.key]
    return SettingError(error.key, values[-1], error.problem) if values and "${" not in values[-1] else error
