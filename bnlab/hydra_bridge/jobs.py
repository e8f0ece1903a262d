"""The jobs of a sweep: their configurations, and their failures listed together at the end."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, OverrideType
from omegaconf import DictConfig
from rich.console import Console

from bnlab.config import CHOICES, RunConfig, set_value, settings_of
from bnlab.errors import SweepFailedError, UserError
from bnlab.hydra_bridge.effect import check_effect
from bnlab.hydra_bridge.main import plain_of, resolve
from bnlab.hydra_bridge.messages import explained
from bnlab.machine import say, status

Compose = Callable[[list[str]], DictConfig]
"""Hydra's own composition of one job's overrides: right for everything, and slow (0.1 s)."""


_fit: dict[tuple[str, ...], RunConfig] = {}
"""The jobs that `usable` has found fit, with their configurations: they need not be looked at again."""


def configs_of(jobs: Iterable[Sequence[str]], compose: Compose) -> list[RunConfig]:
    """The typed configuration of every job, each checked to be fit for training.

    Hydra composes once per distinct choice of groups; what differs besides are plain values, which are set on copies.

    Raises:
        UserError: for the first job that could not be trained, naming the job.
    """
    jobs = list(jobs)
    parser = OverridesParser.create()
    composed: dict[tuple[str, ...], dict[str, Any]] = {}

    def config_of(job: Sequence[str]) -> RunConfig:
        overrides = parser.parse_overrides(list(job))
        structural = tuple(str(o.input_line) for o in overrides if not _is_plain(o))
        if structural not in composed:
            composed[structural] = plain_of(compose(list(structural)))
        plain = copy.deepcopy(composed[structural])
        for override in filter(_is_plain, overrides):
            if not str(override.key_or_group).startswith("hydra."):
                set_value(plain, str(override.key_or_group), override.value())
        return resolve(plain)

    configs: list[RunConfig] = []
    unchecked: list[tuple[Sequence[str], RunConfig]] = []
    for job in jobs:
        fit = _fit.pop(tuple(job), None)
        with _of_job(job):
            configs.append(fit or config_of(job))
        if fit is None:
            unchecked.append((job, configs[-1]))
    check_effect(configs, jobs)

    status.follow("loading PyTorch")
    from bnlab.launch import check  # imports torch, which no illegal value has to wait for

    status.follow(f"reading data, checking {len(unchecked)} jobs")
    for job, config in unchecked:
        with _of_job(job):
            check(config)
    return configs


@contextlib.contextmanager
def _of_job(job: Sequence[str]) -> Iterator[None]:
    """Errors name the job."""
    try:
        yield
    except UserError as error:
        raise UserError(f"{explained(error, job)} (job: {' '.join(job)}; no job was started)") from error


def usable(jobs: Sequence[list[str]], groups: Collection[str], compose: Compose) -> list[list[str]]:
    """The jobs without those choices of some groups that can be trained in none; says on stderr which, and why.

    Raises:
        UserError: none is left.
    """
    refused: dict[str, UserError] = {}
    used: set[str] = set()
    fit: dict[tuple[str, ...], RunConfig] = {}
    for job in jobs:
        choices = [text for text in job if text.partition("=")[0] in groups]
        try:
            (fit[tuple(job)],) = configs_of([job], compose)
            used.update(choices)
        except UserError as error:
            refused |= {choice: error for choice in choices if choice not in refused}
    left_out = {choice: error for choice, error in refused.items() if choice not in used}
    kept = [job for job in jobs if not left_out.keys() & set(job)]
    if not kept:
        raise next(iter(left_out.values()))
    _fit.clear()
    _fit.update(fit)
    status.clear()
    for choice, refusal in left_out.items():
        say(f"left out: {choice}, since {refusal.__cause__}", Console(stderr=True, highlight=False))
    return kept


def own_settings(jobs: Iterable[Sequence[str]]) -> list[list[str]]:
    """The overrides of every job, but for settings that one other choice of the sweep alone has.

    So norm.target in norm=none,custom_class is for the second. What several choices have, as norm.momentum, has to be
    had by all: else it might be missed in one. Jobs that are then the same are one.
    """
    parser = OverridesParser.create()
    texts = [list(job) for job in jobs]
    parsed = [parser.parse_overrides(job) for job in texts]
    choices = [{str(o.key_or_group): str(o.value()) for o in job if o.key_or_group in CHOICES} for job in parsed]
    swept = {section: {of_job[section] for of_job in choices if section in of_job} for section in CHOICES}

    def is_of_another(override: Override, choice: Mapping[str, str]) -> bool:
        section, _, rest = str(override.key_or_group).partition(".")
        setting = rest.partition(".")[0]
        owners = [name for name in CHOICES.get(section, ()) if setting and setting in settings_of(section, name)]
        return len(owners) == 1 and owners[0] in swept[section] and choice[section] != owners[0]

    own = (
        tuple(text for text, o in zip(job, overrides, strict=True) if not is_of_another(o, choice))
        for job, overrides, choice in zip(texts, parsed, choices, strict=True)
    )
    return [list(job) for job in dict.fromkeys(own)]


def failures_of(failures: Mapping[str, str], jobs: int) -> SweepFailedError:
    """The error that lists every failed job with its reason."""
    lines = [f"{job}: {reason}" for job, reason in failures.items()]
    return SweepFailedError("\n  ".join([f"{len(failures)} of {jobs} jobs failed; the others are stored", *lines]))


def _is_plain(override: Override) -> bool:
    """Whether the override only sets one value: no group, nothing added or removed, nothing that refers elsewhere."""
    key, value = str(override.key_or_group), override.value()
    refers = "${" in str(value)
    is_group = key in CHOICES or key == "experiment" or "/" in key or override.package is not None
    return override.type == OverrideType.CHANGE and not is_group and not refers and not isinstance(value, dict)
