"""`hydra/sweeper=optuna` with a plugin of this file's in the place of hydra-optuna-sweeper, which may be missing.

It does what bnlab relies on: the names of its modules and classes, a direction, and the file that it writes.
"""

import enum
import importlib.machinery
import sys
import types
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from hydra.core.config_store import ConfigStore
from hydra.core.plugins import Plugins
from omegaconf import DictConfig

from tests.conftest import QUICK, Cli, files_below

PLUGIN = "hydra_plugins.hydra_optuna_sweeper"


class Direction(enum.Enum):
    minimize = 1
    maximize = 2


@dataclass
class OptunaSweeperConf:
    _target_: str = f"{PLUGIN}.optuna_sweeper.OptunaSweeper"
    direction: Any = Direction.minimize
    params: dict[str, Any] | None = None


class Plugin:
    """Tries each value of the one parameter that has several."""

    def __init__(self, direction: Direction, params: dict[str, str]) -> None:
        self.best = {Direction.minimize: min, Direction.maximize: max}[direction]
        self.params = params

    def setup(self, *, hydra_context: Any, task_function: Any, config: DictConfig) -> None:
        self.config = config
        self.launcher = Plugins.instance().instantiate_launcher(hydra_context, task_function, config)

    def sweep(self, arguments: list[str]) -> None:
        from hydra.core.override_parser.overrides_parser import OverridesParser

        typed = [*(f"{key}={value}" for key, value in self.params.items()), *arguments]
        parsed = OverridesParser.create().parse_overrides(typed)
        (searched,) = (override for override in parsed if override.is_sweep_override())
        fixed = [str(override.input_line) for override in parsed if not override.is_sweep_override()]
        key, found = str(searched.key_or_group), {}
        for number, value in enumerate(searched.sweep_string_iterator()):
            (job,) = self.launcher.launch([[*fixed, f"{key}={value}"]], initial_job_idx=number)
            found[value] = float(job.return_value)
        best = self.best(found, key=lambda value: found[value])
        results = {"name": "optuna", "best_params": {key: best}, "best_value": found[best]}
        Path(self.config.hydra.sweep.dir, "optimization_results.yaml").write_text(yaml.safe_dump(results))


@pytest.fixture
def _plugin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    contents: dict[str, dict[str, Any]] = {
        PLUGIN: {},
        f"{PLUGIN}.config": {"Direction": Direction, "OptunaSweeperConf": OptunaSweeperConf},
        f"{PLUGIN}.optuna_sweeper": {"OptunaSweeper": Plugin},
        "optuna": {"logging": types.SimpleNamespace(set_verbosity=lambda level: None, WARNING=0)},
    }
    for name, content in contents.items():
        module = types.ModuleType(name)
        module.__spec__ = importlib.machinery.ModuleSpec(name, None)
        vars(module).update(content)
        monkeypatch.setitem(sys.modules, name, module)
    yield
    ConfigStore.instance().repo["hydra"]["sweeper"].pop("optuna.yaml", None)


SEARCH = ("-m", "hydra/sweeper=optuna", "hydra/launcher=basic", *QUICK, "quiet=true")


@pytest.mark.usefixtures("_plugin")
def test_it_seeks_the_best_says_so_and_leaves_no_file(cli: Cli, tmp_path: Path) -> None:
    answer = cli("train", *SEARCH, "norm=batch", "optimizer.lr=1e-9,1e-3,1e-8")
    assert (answer.code, answer.err) == (0, "")
    assert answer.out.count("replicate") == 1
    assert "3 replicates: 3 done" in answer.out
    best, command = answer.out.splitlines()[-2:]
    assert best.startswith("best: optimizer.lr=0.001, with validation accuracy ")
    assert command.endswith(f": bnlab train {' '.join(QUICK)} quiet=true norm=batch optimizer.lr=0.001 seeds=+5")
    assert {path.name for path in tmp_path.iterdir()} == {"runs"}
    assert not [name for name in files_below(tmp_path) if "optimization" in name]


@pytest.mark.usefixtures("_plugin")
def test_a_list_of_names_in_a_file_is_searched(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "mine" / "experiment" / "both.yaml"
    file.parent.mkdir(parents=True)
    file.write_text("# @package _global_\nhydra: {sweeper: {params: {norm: [none, batch]}}}\n", encoding="utf-8")
    answer = cli("train", *SEARCH, "-cd", "mine", "experiment=both")
    assert (answer.code, answer.err) == (0, "")
    assert "2 replicates: 2 done" in answer.out


@pytest.mark.usefixtures("_plugin")
def test_without_a_validation_set_there_is_nothing_to_go_by(cli: Cli, tmp_path: Path) -> None:
    answer = cli("train", *SEARCH, "optimizer.lr=1e-9,1e-3", "data.validation_size=0")
    assert (answer.code, answer.out) == (2, "")
    assert answer.err == ("error: data.validation_size=0 leaves hydra/sweeper=optuna no validation accuracy to go by\n")
    assert files_below(tmp_path) == set()


def test_the_plugin_itself(cli: Cli, tmp_path: Path) -> None:
    pytest.importorskip("optuna")
    of_both = ("hydra.sweeper.n_trials=4", "hydra.sweeper.sampler.seed=1")  # else all trials may be of one value
    answer = cli("train", *SEARCH, *of_both, "optimizer.lr=choice(1e-9,1e-3)", "norm=batch")
    assert (answer.code, answer.err) == (0, "")
    assert "best: optimizer.lr=0.001, with validation accuracy " in answer.out
    assert {path.name for path in tmp_path.iterdir()} == {"runs"}
