"""Trackers: what their real files hold afterwards, and that a training is the same whatever becomes of them."""

from __future__ import annotations

import contextlib
import csv
import importlib.util
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import numpy as np
import pytest
import yaml

from bnlab.config import TRACKERS
from bnlab.store import State
from bnlab.trackers import Tracked, Tracker, trackers
from bnlab.trackers.mlflow import MLflow
from bnlab.trackers.tensorboard import TensorBoard
from tests.configured import changed
from tests.conftest import Cli, environment, files_below
from tests.trackers.reading import READERS, of_mlflow, of_mlflow_server, of_tensorboard

SMALL = ("train", "threads=1", "data.limit=200", "model.hidden=[8]", "steps=6", "eval_every=3", "quiet=true")
PROBED = ("probes.names=[gradients]", "probes.every=4")
DIVERGING = ("-m", "optimizer=sgd", "optimizer.lr=0.1,1e30", "seeds=2")
OF_LIBRARIES = pytest.mark.filterwarnings("ignore")
"""What they warn of when they are imported is theirs to mend."""


@pytest.fixture(autouse=True)
def _offline(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MLFLOW_TRACKING_URI", "MLFLOW_EXPERIMENT_NAME", "WANDB_MODE", "WANDB_PROJECT"):
        monkeypatch.delenv(name, raising=False)


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def expected(replicate: Path) -> dict[tuple[str, int], float]:
    """What metrics.csv and probes.csv of a replicate hold."""
    found = {}
    for row in rows_of(replicate / "metrics.csv"):
        for metric in ("loss", "accuracy"):
            found[f"{row['split']}/{metric}", int(row["step"])] = float(row[metric])
    for row in rows_of(replicate / "probes.csv"):
        name = f"probe/{row['probe']}/{row['layer']}/{row['quantity']}"
        found[name, int(row["step"])] = float(row["value"])
    return found


def flat(tree: Mapping[str, object], prefix: str = "") -> Iterator[tuple[str, object]]:
    for key, value in tree.items():
        if isinstance(value, dict):
            yield from flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def is_same(text: str, value: object) -> bool:
    return yaml.safe_load(text.lower()) == value or float(text) == value


@OF_LIBRARIES
@pytest.mark.parametrize("name", TRACKERS)
def test_a_tracker_is_told_what_is_stored(name: str, cli: Cli, tmp_path: Path) -> None:
    if name != "csv-stream":
        pytest.importorskip(name)
    answer = cli(*SMALL, *PROBED, *DIVERGING, f"tracker={name}")
    assert (answer.code, answer.err) == (0, "")
    told = READERS[name](tmp_path / "runs")
    stored = {f"{path.parent.name}/{path.name}": path for path in (tmp_path / "runs").glob("*-mlp-*/seed-*")}
    assert told.keys() == stored.keys()
    assert len(told) == 4
    for replicate, path in stored.items():
        found = {key: value for key, value in told[replicate].values.items() if "/" in key[0]}
        wanted = expected(path)
        assert found.keys() == wanted.keys()
        rounded = np.float32 if name == "tensorboard" else np.float64  # its event files hold no more
        np.testing.assert_array_equal([found[key] for key in wanted], [rounded(value) for value in wanted.values()])
        config = yaml.safe_load((path.parent / "config.yaml").read_text())
        settings = told[replicate].settings
        assert is_same(settings["seed"], int(path.name.removeprefix("seed-")))
        plain = {key: value for key, value in flat(config) if isinstance(value, int | float)}
        assert len(plain) > 10
        assert all(is_same(settings[key], value) for key, value in plain.items())
        assert settings["optimizer.name"] == "sgd"
        assert told[replicate].group == path.parent.name
        assert told[replicate].ending == ("diverged" if plain["optimizer.lr"] > 1 else "done")
    epochs = {value for each in told.values() for (key, _), value in each.values.items() if key == "epoch"}
    assert len(epochs) == 2


def test_a_run_is_the_same_with_a_tracker_and_without(cli: Cli, tmp_path: Path) -> None:
    sweep = (*SMALL, *PROBED, "-m", "norm=none,batch", "seeds=2")
    assert cli(*sweep).code == 0
    assert cli(*sweep, "tracker=csv-stream", "runs_dir=tracked").code == 0
    names = {name for name in files_below(tmp_path / "runs") if Path(name).name in ("metrics.csv", "probes.csv")}
    assert len(names) == 8
    for name in names | {name for name in files_below(tmp_path / "runs") if name.endswith("config.yaml")}:
        assert (tmp_path / "tracked" / name).read_bytes() == (tmp_path / "runs" / name).read_bytes()
    assert files_below(tmp_path / "tracked") - files_below(tmp_path / "runs") == {"stream.csv"}
    again = cli(*sweep, "tracker=csv-stream")
    assert "4 stored before" in again.out
    assert "trackers are told of what is trained, not of what was stored before" in again.out
    assert not (tmp_path / "runs/stream.csv").exists()


class Fake:
    """A tracker that does what the test wants in one of its methods."""

    def __init__(self, method: str, act: Callable[[], object]) -> None:
        self._method, self._act = method, act
        self.threads: set[str] = set()
        self._do("make")

    def _do(self, method: str) -> None:
        self.threads.add(threading.current_thread().name)
        if method == self._method:
            self._act()

    def begin(self, tracked: Tracked, step: int) -> None:
        self._do("begin")

    def log(self, tracked: Tracked, step: int, values: Mapping[str, float]) -> None:
        self._do("log")

    def end(self, tracked: Tracked, ending: State) -> None:
        self._do("end")

    def close(self) -> None:
        self._do("close")


def use(fake: Callable[[], Tracker], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(trackers._MAKERS, "csv-stream", lambda _: fake())


def metrics(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.glob("*/*/metrics.csv"))}


@pytest.mark.parametrize("method", ["make", "log", "close"])
@pytest.mark.parametrize("error", [OSError("the server is away,\nsays it"), SystemExit(3)], ids=["error", "exit"])
def test_a_tracker_that_fails_says_so_once(
    error: BaseException, method: str, cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise error

    use(lambda: Fake(method, fail), monkeypatch)
    answer = cli(*SMALL, "seeds=2", "tracker=csv-stream")
    assert answer.code == 0
    what = "SystemExit: 3" if isinstance(error, SystemExit) else "OSError: the server is away, says it"
    assert answer.err == f"tracker=csv-stream has failed, and training goes on without it: {what}\n"
    assert len(metrics(tmp_path / "runs")) == 2


def test_a_tracker_works_in_a_thread_of_its_own(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    fakes: list[Fake] = []

    def fake() -> Fake:
        fakes.append(Fake("", lambda: None))
        return fakes[-1]

    use(fake, monkeypatch)
    assert cli(*SMALL, "tracker=csv-stream").code == 0
    assert [each.threads for each in fakes] == [{"tracker csv-stream"}]


def test_a_tracker_that_hangs_is_left_alone(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hang = threading.Event()
    use(lambda: Fake("log", hang.wait), monkeypatch)
    monkeypatch.setattr(trackers, "PATIENCE", 0.05)
    answer = cli(*SMALL, "tracker=csv-stream")
    hang.set()
    assert answer.code == 0
    assert (
        answer.err
        == "tracker=csv-stream has not answered for 0 s, and may lack values; the results in runs are whole\n"
    )
    assert len(metrics(tmp_path / "runs")) == 1


def test_a_slow_tracker_loses_values_and_no_ending(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    go_on, endings = threading.Event(), []
    use(lambda: Fake("begin", go_on.wait), monkeypatch)
    monkeypatch.setattr(Fake, "end", lambda self, tracked, ending: endings.append(ending))
    monkeypatch.setattr(trackers, "MOST_WAITING", 1)
    monkeypatch.setattr(trackers.Trackers, "__exit__", _after(go_on, trackers.Trackers.__exit__))
    answer = cli(*SMALL, "eval_every=1", "tracker=csv-stream")
    assert answer.code == 0
    assert answer.err == "tracker=csv-stream is slower than the training, and does not get all values\n"
    assert endings == [State.DONE]


def _after(event: threading.Event, call: Callable[..., None]) -> Callable[..., None]:
    def called(*arguments: object) -> None:
        event.set()
        call(*arguments)

    return called


def test_an_interrupted_training_is_told_to_be(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    endings: list[State] = []
    use(lambda: Fake("", lambda: None), monkeypatch)
    monkeypatch.setattr(Fake, "end", lambda self, tracked, ending: endings.append(ending))

    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("bnlab.launch.recorder.Recorder.evaluated", interrupted)
    assert cli(*SMALL, "tracker=csv-stream").code == 130
    assert endings == [State.INTERRUPTED]


@pytest.mark.parametrize("name", [name for name in TRACKERS if name != "csv-stream"])
def test_a_missing_package_is_refused_before_training(
    name: str, cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda each, *more: None if each == name else there(each, *more))
    answer = cli(*SMALL, f"tracker=[csv-stream,{name}]")
    needs = f"tracker={name} needs a package that is not installed: pip install 'bnlab[{name}]', or pip install {name}"
    assert (answer.code, answer.err) == (2, f"error: {needs}\n")
    assert files_below(tmp_path) == set()


def tracked(runs_dir: Path) -> Tracked:
    return Tracked(changed((), runs_dir=str(runs_dir)), 3)


@OF_LIBRARIES
def test_mlflow_goes_on_in_the_run_in_which_a_training_began(tmp_path: Path) -> None:
    pytest.importorskip("mlflow")
    for step, ending in ((0, State.INTERRUPTED), (10, State.DONE)):
        tracker, one = MLflow(tmp_path), tracked(tmp_path)
        tracker.begin(one, step)
        tracker.log(one, step + 10, {"test/loss": step + 0.5})
        tracker.end(one, ending)
    (told,) = of_mlflow(tmp_path).values()
    assert told.values == {("test/loss", 10): 0.5, ("test/loss", 20): 10.5}
    assert told.ending == "done"
    with sqlite3.connect(tmp_path / "mlflow.db") as database:
        assert database.execute("select status from runs").fetchall() == [("FINISHED",)]


@OF_LIBRARIES
def test_tensorboard_shows_later_steps_of_before_no_more(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    for step in (0, 10):
        tracker, one = TensorBoard(tmp_path), tracked(tmp_path)
        tracker.begin(one, step)
        for later in (10, 20):
            tracker.log(one, step + later, {"test/loss": step + later})
        tracker.end(one, State.DONE)
    (told,) = of_tensorboard(tmp_path).values()
    assert told.values == {("test/loss", 20): 20.0, ("test/loss", 30): 30.0}


@contextlib.contextmanager
def mlflow_server(folder: Path) -> Iterator[tuple[str, Callable[[], None]]]:
    """MLflow's server on this machine: its address, and what stops it."""
    pytest.importorskip("mlflow")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    place = ("--host", "127.0.0.1", "--port", str(port), "--backend-store-uri", f"sqlite:///{folder}/server.db")
    variables = {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    with (folder / "server.log").open("wb") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "mlflow", "server", "--workers", "1", *place],
            cwd=folder,
            env=environment(**variables),
            stdout=log,
            stderr=log,
            start_new_session=True,
        )

    def stop() -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(server.pid, signal.SIGKILL)
        server.wait()

    uri, deadline = f"http://127.0.0.1:{port}", time.monotonic() + 180
    try:
        while not answers(uri):
            assert time.monotonic() < deadline, (folder / "server.log").read_text()
            time.sleep(0.2)
        yield uri, stop
    finally:
        stop()


def answers(uri: str) -> bool:
    try:
        with urllib.request.urlopen(f"{uri}/health", timeout=5) as response:
            return bool(response.status == 200)
    except OSError:
        return False


@pytest.mark.slow
@OF_LIBRARIES
def test_mlflows_server_is_told_what_is_stored_until_it_is_stopped(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sweep = (*SMALL, *PROBED, "-m", "norm=none,batch", "seeds=2", "tracker=mlflow")
    log = MLflow.log
    with mlflow_server(tmp_path) as (uri, stop):
        monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
        monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")  # it would try for minutes
        answer = cli(*sweep)
        assert (answer.code, answer.err) == (0, "")
        assert "View run" not in answer.out
        told = of_mlflow_server(uri)
        stored = {f"{path.parent.name}/{path.name}": path for path in (tmp_path / "runs").glob("*-mlp-*/seed-*")}
        assert told.keys() == stored.keys()
        for replicate, path in stored.items():
            found = {key: value for key, value in told[replicate].values.items() if "/" in key[0]}
            assert found == expected(path)
            assert told[replicate].settings["seed"] == path.name.removeprefix("seed-")
            assert (told[replicate].group, told[replicate].ending) == (path.parent.name, "done")

        def log_and_stop(self: MLflow, tracked: Tracked, step: int, values: Mapping[str, float]) -> None:
            stop()
            log(self, tracked, step, values)

        monkeypatch.setattr(MLflow, "log", log_and_stop)
        answer = cli(*sweep, "runs_dir=without")
    assert answer.code == 0
    (said,) = answer.err.splitlines()
    assert said.startswith("tracker=mlflow has failed, and training goes on without it: MlflowException: ")
    assert metrics(tmp_path / "without") == metrics(tmp_path / "runs")
