"""Runs Hydra on the arguments of `bnlab train`, trains what it composes, and turns its errors into one line."""

from __future__ import annotations

import contextlib
import shlex
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from bnlab.config import CONF, RunConfig, from_mapping
from bnlab.errors import StorageError, SweepFailedError, UserError
from bnlab.hydra_bridge import ending, messages
from bnlab.hydra_bridge.arguments import KEPT, check, for_hydra, ordered, prints_settings
from bnlab.hydra_bridge.commanded import commanded, environ
from bnlab.hydra_bridge.comments import commented
from bnlab.hydra_bridge.current import begin, launch
from bnlab.hydra_bridge.effect import check_effect
from bnlab.hydra_bridge.parser import unchecked_help
from bnlab.hydra_bridge.work import DRY_RUN, ForeseenError, for_dry_run, results_of
from bnlab.machine import status

if TYPE_CHECKING:
    from bnlab.launch import Outcome


def train(arguments: Sequence[str]) -> None:
    """Trains what the arguments say, one run or with -m a sweep, and prints the results, even after an error.

    Raises:
        UserError: the configuration is not legal.
        SweepFailedError: jobs of a sweep failed.
    """
    try:
        _launch(arguments)
    finally:
        ending.show_finished()


def trained(arguments: Sequence[str]) -> list[list[Outcome]]:
    """As `train`, for a Python program: returns the outcomes of each run and prints no results."""
    _launch(arguments)
    return ending.take_finished()


def _launch(arguments: Sequence[str]) -> None:
    dry_run = DRY_RUN in arguments
    arguments = ordered(for_dry_run(arguments) if dry_run else arguments)
    check(arguments)
    this = begin(dry_run=dry_run)
    HydraConfig.instance().cfg = None  # left by an earlier launch in this process; ${hydra:...} would find it
    main = hydra.main(version_base="1.3", config_path=str(CONF), config_name="config")(job)
    with commanded(command_line(arguments)):
        try:
            _run_hydra(main, arguments)
            for composed in this.single:
                config = resolve_typed(composed, arguments)
                check_effect([config], [arguments])
                train_one(config, arguments)
        except ForeseenError:
            pass


def _run_hydra(main: Callable[[], None], arguments: Sequence[str]) -> None:
    """Runs Hydra. Raises UserError for what it cannot compose."""
    with _as_program(for_hydra(arguments)), commented(wanted=prints_settings(arguments)):
        try:
            main()
        except (UserError, SweepFailedError, StorageError):
            raise
        except Exception as error:
            if not messages.is_of_input(error):
                raise
            raise messages.user_error(error, arguments) from error


def command_line(arguments: Sequence[str]) -> str:
    """The command with these arguments, as it is typed."""
    return shlex.join(["bnlab", "train", *arguments])


def job(composed: DictConfig) -> float | None:
    """The function that Hydra calls with each configuration. At module level, so that launchers can pickle it.

    A job of a sweep is trained here. A single run is trained when Hydra is done, which would print errors its own way.

    Returns:
        The validation accuracy, which a sweeper that optimizes maximizes; None without one.
    """
    if HydraConfig.get().mode == RunMode.MULTIRUN:
        overrides = HydraConfig.get().overrides.task
        return train_one(resolve_typed(composed, overrides), overrides)
    launch().single.append(composed)
    return None


def resolve_typed(composed: DictConfig, overrides: Sequence[str]) -> RunConfig:
    """The typed configuration of what Hydra has composed. Raises UserError if it is not legal."""
    with messages.as_typed(overrides):
        return resolve(plain_of(composed))


def train_one(config: RunConfig, overrides: Sequence[str]) -> float | None:
    """Trains one configuration; returns the validation accuracy, if there is one."""
    status.follow("loading PyTorch")
    from bnlab.launch import check, failures, validation_accuracy

    status.follow(f"reading {config.data.name}")
    with messages.as_typed(overrides):
        check(config)
    (outcomes,) = results_of([config])
    failed = failures(outcomes)
    if failed:
        raise RuntimeError(failed)
    return validation_accuracy(outcomes)


def plain_of(composed: DictConfig) -> dict[str, Any]:
    """The composed configuration as plain values, without Hydra's own settings. Interpolations are not resolved.

    Raises:
        UserError: the file of an experiment lacks its `# @package _global_`.
    """
    plain: Any = OmegaConf.to_container(composed, resolve=False)
    if plain.get("experiment") is not None:
        raise messages.misplaced(plain["experiment"])
    return {key: value for key, value in plain.items() if key not in ("hydra", "experiment")}


def resolve(plain: dict[str, Any]) -> RunConfig:
    """The typed configuration of plain values. Raises UserError if it is not legal."""
    if "${" in str(plain):
        try:
            plain = OmegaConf.to_container(OmegaConf.create(plain), resolve=True)  # type: ignore[assignment]  # a dict stays one
        except OmegaConfBaseException as error:
            raise UserError(messages.in_words(error)) from error
    return from_mapping(plain)


def configuration(overrides: Sequence[str]) -> RunConfig:
    """The typed configuration of one run, as `bnlab train OVERRIDES` composes it. Raises UserError."""
    with hydra.initialize_config_dir(version_base="1.3", config_dir=str(CONF)):
        return resolve(plain_of(hydra.compose("config", overrides=list(overrides))))


@contextlib.contextmanager
def _as_program(arguments: Sequence[str]) -> Iterator[None]:
    """Within the `with`, sets sys.argv as Hydra expects it, fixes `KEPT`, and makes Hydra raise errors and warnings."""
    argv = sys.argv
    sys.argv = ["bnlab train", *arguments, *(f"{key}={value}" for key, (value, _) in KEPT.items())]
    try:
        with environ("HYDRA_FULL_ERROR", "1"), unchecked_help(), warnings.catch_warnings():
            warnings.filterwarnings("error", category=UserWarning, module=r"hydra\.")
            yield
    finally:
        sys.argv = argv
