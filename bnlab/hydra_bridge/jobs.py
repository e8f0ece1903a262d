"""The jobs of a sweep: makes and checks their configurations, and lists their failures at the end."""

from __future__ import annotations

import contextlib
import copy
import functools
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
"""Composes the configuration of one job's overrides by Hydra, which takes 0.1 s."""


_fit: dict[tuple[str, ...], RunConfig] = {}
"""The configurations of the jobs that `usable` has checked, which need not be checked again."""


def configs_of(jobs: Iterable[Sequence[str]], compose: Compose) -> list[RunConfig]:
    """The typed configuration of every job, checked to be fit for training.

    Hydra composes only once for each distinct choice of groups. Plain values are then set on copies, which is faster.

    Raises:
        UserError: a job cannot be trained; the message names the first such job.
    """
    jobs = list(jobs)
    composed: dict[tuple[str, ...], dict[str, Any]] = {}

    def config_of(job: Sequence[str]) -> RunConfig:
        overrides = [_parsed(text) for text in job]
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
    from bnlab.launch import check  # imports torch: here, so that errors above come without waiting for it

    status.follow(f"reading data, checking {len(unchecked)} jobs")
    for job, config in unchecked:
        with _of_job(job):
            check(config)
    return configs


@contextlib.contextmanager
def _of_job(job: Sequence[str]) -> Iterator[None]:
    """Adds the job to the message of a UserError."""
    try:
        yield
    except UserError as error:
        raise UserError(f"{explained(error, job)} (job: {' '.join(job)}; no job was started)") from error


def usable(jobs: Sequence[list[str]], groups: Collection[str], compose: Compose) -> list[list[str]]:
    """The jobs without the choices that can be trained in no job, for a sweep over all choices such as norm=glob(*).

    Prints to stderr which choices are left out, and why.

    Args:
        jobs: the overrides of each job.
        groups: those whose choices may be left out.
        compose: Hydra's composition.

    Raises:
        UserError: no job is left.
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
    """The overrides of every job, without settings that only another choice of the sweep has. Equal jobs are joined.

    With norm=none,custom_class, norm.target is only for the second. A setting that several choices have, such as
    norm.momentum, must exist in all choices of the sweep, since it might be missed in one otherwise.
    """
    texts = [list(job) for job in jobs]
    parsed = [[_parsed(text) for text in job] for job in texts]
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


@functools.lru_cache(maxsize=10_000)
def _parsed(text: str) -> Override:
    """An override by Hydra's parser; cached, since the jobs of a sweep are made of few different ones."""
    (override,) = OverridesParser.create().parse_overrides([text])
    return override


def _is_plain(override: Override) -> bool:
    """Whether the override only sets a value: no choice of a group, no addition or removal, no interpolation."""
    key, value = str(override.key_or_group), override.value()
    refers = "${" in str(value)
    is_group = key in CHOICES or key == "experiment" or "/" in key or override.package is not None
    return override.type == OverrideType.CHANGE and not is_group and not refers and not isinstance(value, dict)
