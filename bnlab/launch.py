"""Hands the arguments of `bnlab train` to Hydra, and turns what comes back into results or one-line errors."""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import sys
from collections.abc import Iterator, Sequence
from typing import Any

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from bnlab import environment
from bnlab.arguments import GROUPS, check, for_hydra, ordered, unknown_choice
from bnlab.config import CHOICES, CONF, RunConfig, from_mapping, unknown_setting, wrong_type
from bnlab.errors import UserError


def train(arguments: Sequence[str]) -> None:
    """Runs Hydra on the arguments: one job, or a sweep with -m.

    Raises:
        UserError: the configuration is not legal.
        SweepFailedError: jobs of a sweep failed.
    """
    arguments = ordered(arguments)
    check(arguments)
    single.clear()
    main = hydra.main(version_base="1.3", config_path=str(CONF), config_name="config")(job)
    with _environ(environment.COMMAND, command_line(arguments)):
        with _as_program(for_hydra(arguments)):
            try:
                main()
            except (HydraException, OmegaConfBaseException, ValueError) as error:
                raise _user_error(error, arguments) from error
        for composed in single:
            train_one(composed)


def command_line(arguments: Sequence[str]) -> str:
    """The command to be typed again."""
    return shlex.join(["bnlab", "train", *arguments])


single: list[DictConfig] = []
"""The configuration of a launch without -m; trained when Hydra is done, which would print failures its own way."""


def job(composed: DictConfig) -> float | None:
    """Hydra's task. At module level, so that launchers can send it to other processes.

    Returns the validation accuracy, which an optimizing sweeper maximizes.
    """
    if HydraConfig.get().mode == RunMode.MULTIRUN:
        return train_one(composed)
    single.append(composed)
    return None


def train_one(composed: DictConfig) -> float | None:
    """Trains one composed configuration and shows its result; returns the validation accuracy, if there is one."""
    from bnlab.prepare import check
    from bnlab.run import failures, run, validation_accuracy
    from bnlab.show import show

    config = resolve(plain_of(composed))
    check(config)
    (outcomes,) = runs = run([config])
    show(runs)
    failed = failures(outcomes)
    if failed:
        raise RuntimeError(failed)
    return validation_accuracy(outcomes)


def plain_of(composed: DictConfig) -> dict[str, Any]:
    """The composed configuration as plain values, without Hydra's own part and with interpolations left as they are."""
    plain: Any = OmegaConf.to_container(composed, resolve=False)
    return {key: value for key, value in plain.items() if key not in ("hydra", "experiment")}


def resolve(plain: dict[str, Any]) -> RunConfig:
    """The typed configuration of plain values. Raises UserError if it is not legal."""
    if "${" in str(plain):
        try:
            plain = OmegaConf.to_container(OmegaConf.create(plain), resolve=True)  # type: ignore[assignment]  # a dict stays one
        except OmegaConfBaseException as error:
            raise UserError(_one_line(error)) from error
    return from_mapping(plain)


@contextlib.contextmanager
def _as_program(arguments: Sequence[str]) -> Iterator[None]:
    """sys.argv as Hydra expects it, and its errors raised rather than printed."""
    argv = sys.argv
    sys.argv = ["bnlab train", *arguments]
    try:
        with _environ("HYDRA_FULL_ERROR", "1"):
            yield
    finally:
        sys.argv = argv


@contextlib.contextmanager
def _environ(name: str, value: str) -> Iterator[None]:
    """With an environment variable set, which processes started meanwhile inherit."""
    before = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before


def _user_error(error: Exception, arguments: Sequence[str]) -> UserError:
    """Hydra's message as one line, with the nearest legal name where one is unknown."""
    text = f"{error}\n{error.__cause__ or ''}"
    option = re.search(r"Could not find '([^'/]+)/([^']*)'", text)
    if option and option[1] in GROUPS:
        group, choice = option.groups()
        return unknown_choice(group, choice)
    if "not in struct" in text or "not in '" in text:
        key = re.search(r"(?:full_key: |Could not override ')([\w.]+)", text)
        if key:
            return unknown_setting(key[1], _choices(arguments))
    merged = re.match(r"Error merging override ([\w.]+)=(.*)", text)
    if merged:
        return wrong_type(merged[1], merged[2], _choices(arguments))
    return UserError(_one_line(error))


def _choices(arguments: Sequence[str]) -> dict[str, str]:
    """The option of each group: the shipped default, or what the arguments choose."""
    defaults: Any = OmegaConf.to_container(OmegaConf.load(CONF / "config.yaml"))
    chosen = {key: value for entry in defaults["defaults"] if isinstance(entry, dict) for key, value in entry.items()}
    for argument in arguments:
        key, _, value = argument.partition("=")
        if key in CHOICES:
            chosen[key] = value.split(",")[0]
    return chosen


def _one_line(error: BaseException) -> str:
    parts = [str(error), str(error.__cause__ or "")]
    text = "; ".join(part for part in parts if part)
    # Hydra appends its whole search path, which says nothing about the mistake.
    text = text.partition("Config search path")[0].partition("Set the environment variable")[0]
    text = re.sub(r"\s*full_key: (\S*)\s*object_type=\S*", r" in \1", text)
    return " ".join(text.split())
