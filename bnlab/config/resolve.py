"""Makes the typed configuration of plain values, and the errors for what is not legal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

from bnlab.config.engine import DEFAULT_ENGINE
from bnlab.config.norm import CustomClassConfig
from bnlab.config.other_names import did_you_mean, keys_meant
from bnlab.config.run import CHOICES, SECTIONS, RunConfig, RunSettings, names_of
from bnlab.errors import SettingError, UserError, nearest, shown, unknown


def settings_of(section: str, choice: str) -> list[str]:
    """The settings of a choice, without impl: `settings_of("norm", "layer")` is `["eps", "affine"]`."""
    return [name for name in names_of(section, choice) if name != "impl"]


def unknown_setting(key: str, choices: Mapping[str, str]) -> UserError:
    """The error for a key that does not exist; `choices` has the choice that was made in each section."""
    section, _, setting = key.partition(".")
    if section in CHOICES and not setting:
        return _no_choice(section, "")
    choice = choices.get(section, "")
    if not setting or choice not in CHOICES.get(section, {}):
        known = ", ".join(sorted(f.name for f in fields(RunConfig)))
        return UserError(f"unknown setting '{shown(key)}'; allowed: {known}.{did_you_mean(key)}")
    allowed = names_of(section, choice)
    listed = f"its settings: {', '.join(allowed)}" if allowed else "it has no settings"
    return UserError(f"{section}={choice} has no setting '{setting}'; {listed}.{_meant(section, setting, allowed)}")


def _meant(section: str, setting: str, allowed: Sequence[str]) -> str:
    """A hint at the setting that was meant: one of this choice, else of another choice, else of another section."""
    meant = keys_meant(setting.rpartition(".")[2])
    names = [key.partition(".")[2] for key in meant if key.startswith(f"{section}.")]
    own = [name for name in names if name in allowed]
    if own:
        return f" Did you mean '{own[0]}'?"
    if names:
        owners = [choice for choice in CHOICES[section] if names[0] in names_of(section, choice)]
        return f" '{names[0]}' is a setting of {section}={', '.join(owners)}."
    return did_you_mean(setting) if meant else nearest(setting, allowed)


def wrong_type(key: str, value: object, choices: Mapping[str, str]) -> UserError:
    """The error for a value of the wrong type; `choices` has the choice that was made in each section."""
    return SettingError(key, value, f"is of the wrong type; it has to be {_expected(key, choices)}")


def set_value(mapping: dict[str, Any], key: str, value: Any) -> None:
    """Sets a setting in nested dictionaries, by its dotted key. Raises UserError if there is no such key."""
    *sections, last = key.split(".")
    node: Any = mapping
    for section in sections:
        node = node.get(section) if isinstance(node, dict) else None
    if not isinstance(node, dict) or last not in node:
        names = {name: str(mapping[name].get("name")) for name in CHOICES if isinstance(mapping.get(name), dict)}
        raise unknown_setting(key, names)
    node[last] = value


def mapping_of(text: str) -> dict[str, Any] | None:
    """The mapping that a text such as `{bias: false, eps: 1e-3}` (norm.kwargs) means; None if it is no mapping."""
    import yaml
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    try:
        found = OmegaConf.to_container(OmegaConf.create(text))
    except (OmegaConfBaseException, yaml.YAMLError, AssertionError):
        return None
    if not isinstance(found, dict) or not all(isinstance(key, str) for key in found):
        return None
    return {str(key): value for key, value in found.items()}


def from_mapping(mapping: Mapping[str, Any]) -> RunConfig:
    """Makes a checked configuration of nested dictionaries, as composed by Hydra or read from a stored config.yaml.

    Raises:
        UserError: an unknown or missing key, a wrong type or a value out of range; the message names it.
    """
    mapping = {"engine": DEFAULT_ENGINE, **mapping}
    choices = _choices_of(mapping)
    sections = {name: _typed(CHOICES[name][choice], mapping[name], name, choices) for name, choice in choices.items()}
    rest = {key: value for key, value in mapping.items() if key not in CHOICES}
    settings = _typed(RunSettings, rest, "", choices)
    return RunConfig(**{f.name: getattr(settings, f.name) for f in fields(settings)}, **sections)


_typed_before: dict[tuple[type[Any], str], Any] = {}
"""Sections that were checked before. The jobs of a sweep share most sections, which are frozen for that reason."""


def _typed(schema: type[Any], values: Mapping[str, Any], section: str, choices: Mapping[str, str]) -> Any:
    """An instance of the dataclass `schema` from plain values."""
    key = (schema, repr(values))
    if key not in _typed_before or schema is CustomClassConfig:  # its file may have been edited
        _typed_before[key] = _convert(schema, values, section, choices)
    return _typed_before[key]


def _convert(schema: type[Any], values: Mapping[str, Any], section: str, choices: Mapping[str, str]) -> Any:
    from omegaconf import OmegaConf
    from omegaconf.errors import ConfigKeyError, OmegaConfBaseException

    prefix, types = f"{section}." if section else "", _types_of(schema)
    for key in (name for name, type_name in types.items() if type_name == "bool"):
        if type(values.get(key)) in (int, float):  # which OmegaConf would take, 2 as true
            raise wrong_type(f"{prefix}{key}", values[key], choices)
    for key in (name for name, type_name in types.items() if type_name in ("str", "str | None")):
        if type(values.get(key)) in (bool, float):  # of which OmegaConf would make a text that was not typed
            raise wrong_type(f"{prefix}{key}", values[key], choices)
    for key in (name for name, type_name in types.items() if type_name.startswith("dict[")):
        if not isinstance(values.get(key), Mapping | None):  # OmegaConf's own error does not say where
            raise wrong_type(f"{prefix}{key}", values[key], choices)
    try:
        empty = OmegaConf.structured(schema)
        for name, of_section in SECTIONS.items() if schema is RunSettings else ():
            if isinstance(values.get(name), Mapping):
                # A frozen class is read-only to OmegaConf, which merges into the outermost one all the same.
                OmegaConf.set_readonly(empty, False)
                empty[name] = of_section
                OmegaConf.set_readonly(empty[name], False)
        typed = OmegaConf.merge(empty, values)
        missing = sorted(OmegaConf.missing_keys(typed))
        if missing:
            raise UserError(f"{prefix}{missing[0]} is not set; write {prefix}{missing[0]}=VALUE")
        return OmegaConf.to_object(typed)
    except ConfigKeyError as error:
        raise unknown_setting(f"{prefix}{error.full_key}", choices) from error
    except OmegaConfBaseException as error:
        at = str(error.full_key)
        key, value = f"{prefix}{at}", OmegaConf.select(OmegaConf.create(dict(values)), at)
        raise wrong_type(key, value, choices) from error


def _types_of(schema: type[Any]) -> dict[str, str]:
    """The type of each setting, as text."""
    return {f.name: f.type.__name__ if isinstance(f.type, type) else str(f.type) for f in fields(schema)}


def _no_choice(section: str, value: str) -> UserError:
    options = ", ".join(CHOICES[section])
    return UserError(
        f"{section}{shown(value)} is no choice of the group {section}; write {section}=NAME with one of: {options}"
    )


def _choices_of(mapping: Mapping[str, Any]) -> dict[str, str]:
    choices = {}
    for section, options in CHOICES.items():
        value = mapping.get(section)
        if not isinstance(value, Mapping) or "name" not in value:
            raise _no_choice(section, f"={value}")
        choices[section] = str(value["name"])
        if choices[section] not in options:
            raise unknown(section, choices[section], options)
    return choices


def _expected(key: str, choices: Mapping[str, str]) -> str:
    """The type of a setting in words."""
    section, _, setting = key.partition(".")
    schema = SECTIONS.get(section, RunConfig) if setting else RunConfig
    if section in choices and setting:
        schema = CHOICES[section][choices[section]]
    name = (setting or section).partition("[")[0]
    type_name, _, optional = _types_of(schema).get(name, "a legal value").partition(" | ")
    return _TYPES_IN_WORDS.get(type_name, type_name) + (", or null" if optional else "")


_TYPES_IN_WORDS = {
    "float": "a number",
    "int": "a whole number",
    "bool": "true or false",
    "str": "a text",
    "list[int]": "a list of whole numbers, e.g. [128,64]",
    "list[float]": "a list of numbers, e.g. [0.9,0.999]",
    "dict[str, Any]": "a mapping, e.g. {eps: 0.001}",
    "list[str]": "a list of names, e.g. [activations,gradients]",
    "ProbesConfig": "a section of settings, e.g. probes.every=100",
    "StackConfig": "a section of settings, e.g. stack.max_replicates=4",
}
