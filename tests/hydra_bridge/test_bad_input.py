"""Bad input: one line that says what was received and what is allowed, exit code 2, and nothing written to runs/."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bnlab.norms import SCHEMES
from tests.conftest import QUICK, Answer, Cli, environment, files_below
from tests.hydra_bridge.bad_input import COMMAND_LINES, CONFIG_FILES, PRIMARY_CONFIGS
from tests.report import stored

NORM_NAMES = ", ".join(sorted([*SCHEMES, "custom_class", "mixed"]))
BATCH_SETTINGS = "its settings: impl, eps, affine, momentum, track_running_stats."
POSITIVE = "has to be a finite number above 0"

BAD: list[tuple[str, list[str]]] = [
    # An unknown choice of a group.
    ("norm=bach", [f"unknown norm 'bach'; allowed: {NORM_NAMES}. Did you mean 'batch'?"]),
    ("model=transformer", ["unknown model 'transformer'; allowed: "]),
    ("experiment=article_torch", ["unknown experiment 'article_torch'; allowed: ", "Did you mean 'article_pytorch'?"]),
    ("norm.impl=nativ", ["norm.impl=nativ is not known; allowed: native, custom, keras. Did you mean 'native'?"]),
    ("~norm", ["~norm: the group norm cannot be taken away; write norm=NAME"]),
    # An unknown key, also one that Hydra would add.
    ("norm.epss=1", [f"norm=batch has no setting 'epss'; {BATCH_SETTINGS} Did you mean 'eps'?"]),
    ("+norm.epss=1", [f"norm=batch has no setting 'epss'; {BATCH_SETTINGS} Did you mean 'eps'?"]),
    ("epoch=3", ["unknown setting 'epoch'; allowed: ", "epochs, eval_every, ", "Did you mean 'epochs'?"]),
    ("norm=layer norm.momentum=.1", ["norm=layer has no setting 'momentum'; its settings: impl, eps, affine."]),
    ("optimizer.momentum=.9", ["optimizer=adam has no setting 'momentum'; its settings: lr, "]),
    ("schedule.gamma=.5", ["schedule=constant has no setting 'gamma'; its settings: warmup_steps"]),
    # A wrong type.
    ("norm.eps=small", ["norm.eps=small is of the wrong type; it has to be a number"]),
    ("data.batch_size=32.5", ["data.batch_size=32.5 is of the wrong type; it has to be a whole number"]),
    ("seed=a", ["seed=a is of the wrong type; it has to be a whole number"]),
    ("model.hidden=[128,wide]", ["model.hidden[1]=wide is of the wrong type; it has to be a list of whole numbers, "]),
    ("model.hidden=128", ["model.hidden=128 is of the wrong type; it has to be a list of whole numbers, "]),
    # A value out of range.
    ("norm.eps=0", [f"norm.eps=0 is out of range; it {POSITIVE}"]),
    ("norm.eps=-1e-5", [f"norm.eps=-1e-5 is out of range; it {POSITIVE}"]),
    ("norm.eps=nan", [f"norm.eps=nan is out of range; it {POSITIVE}"]),
    ("norm.momentum=1.5", ["norm.momentum=1.5 is out of range; it has to be between 0 and 1"]),
    ("norm.momentum=-0.1", ["norm.momentum=-0.1 is out of range; it has to be between 0 and 1"]),
    ("data.batch_size=0", ["data.batch_size=0 is out of range; it has to be 1 or more"]),
    (
        "data.batch_size=201",
        ["data.validation_size=10000 and data.limit=200 leave 200 training images, so data.batch_size=201 is out of "],
    ),
    (
        "data.limit=null data.validation_size=59990",
        ["data.validation_size=59990 and data.limit=null leave 10 training images, so data.batch_size=32 is out of "],
    ),
    ("data.limit=1", ["data.validation_size=10000 and data.limit=1 leave 1 training image, but this norm needs at "]),
    ("data.limit=1 norm=none", ["data.limit=1 leave 1 training image, so data.batch_size=32 is out of range; it has "]),
    ("data.validation_size=60000", ["data.validation_size=60000: mnist has 60000", "0 to 59999 can be held out"]),
    ("data.batch_size=1", ["data.batch_size=1: this norm needs at least 2 samples in each batch"]),
    (
        "data.limit=33",
        ["data.limit=33 leave 33 training images, of which data.batch_size=32 leaves 1 for the last batch, but "],
    ),
    ("norm=group norm.num_groups=7", ["num_groups=7 does not divide 128 channels; allowed: 1, 2, 4, 8, 16, 32, "]),
    (
        "norm=group norm.num_groups=4 model.norm_output=true",
        ["num_groups=4 does not divide 10 channels; allowed: 1, 2, 5, 10."],
    ),
    ("norm=instance", ["norm=instance cannot be used here: ", "needs a spatial axis", "or norm=layer"]),
    ("model.hidden=[]", ["model.hidden=[] is out of range; it has to be a list of one or more widths, e.g. [128,64]"]),
    ("optimizer.lr=0", [f"optimizer.lr=0 is out of range; it {POSITIVE}"]),
    ("epochs=-1", ["epochs=-1 is out of range; it has to be 1 to 1000000"]),
    ("epochs=null", ["epochs and steps are both null; set one of them"]),
    ("seeds=[7,7]", ["seeds=[7,7] is out of range; it has to be how many seeds (1 to 10000), a list of distinct see"]),
    ("stack.max_replicates=0", ["stack.max_replicates=0 is out of range; it has to be auto, or a whole number of 1"]),
    # What is not there, or cannot be used.
    ("data.root=nowhere", ["data.root=nowhere is not a folder; create it, or set data.root=null for "]),
    (
        "data=fashion_mnist",
        ["fashion_mnist: no train-images-idx3-ubyte, ", "put these files there", "data.download=true"],
    ),
    ("runs_dir=a_file", ["runs_dir=a_file cannot be written (", "Not a directory); set runs_dir to a folder that can"]),
    ("device=meta", ["device=meta cannot be used here (", "use auto or cpu"]),
    ("device=tpu", ["device=tpu cannot be used here (", "use auto or cpu"]),
    # What Hydra cannot read.
    ("epochs", ["'epochs' sets nothing; write KEY=VALUE, e.g. epochs=3"]),
    ("seed=1,2", ["seed=1,2 has several values; add -m to train with each of them: bnlab train -m ..."]),
    ("norm.eps=???", ["norm.eps is not set; write norm.eps=VALUE"]),
    # A sweep in which one job is not legal: none is started.
    ("-m seed=0,-1", ["seed=-1 is out of range; it has to be", "(job: ", "seed=-1; no job was started)"]),
    (
        "-m norm=batch,layer norm.momentum=.1",
        ["norm=layer has no setting 'momentum'", "norm=layer norm.momentum=0.1; no"],
    ),
    ("-m hydra/launcher=basic norm=none,group norm.impl=native,foo", ["norm.impl=foo is not known; allowed: native, "]),
    (
        "-m hydra/launcher=basic data.batch_size=32,201",
        ["data.limit=200 leave 200 training images, so data.batch_size=201 is out of range"],
    ),
]


@pytest.mark.parametrize(("arguments", "texts"), BAD, ids=[arguments for arguments, _ in BAD])
def test_one_line_and_exit_code_2(arguments: str, texts: list[str], cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "a_file").touch()
    answer = cli("train", *QUICK, *arguments.split())
    assert answer.code == 2
    assert answer.out == ""
    assert answer.err.startswith("error: ")
    assert answer.err.count("\n") == 1
    assert answer.err.endswith("\n")
    assert not [text for text in texts if text not in answer.err]
    assert files_below(tmp_path) == {"a_file"}
    assert not (tmp_path / "runs").exists()


def check_refused(answer: Answer, text: str, folder: Path, before: set[str]) -> None:
    """One short line with the text, exit code 2, and no file more or less."""
    assert (answer.code, answer.out) == (2, "")
    assert text in answer.err
    assert answer.err.startswith("error: ")
    assert answer.err.count("\n") == 1
    assert len(answer.err) < 1000
    assert "Traceback" not in answer.err
    assert files_below(folder) == before


@pytest.mark.parametrize("arguments", COMMAND_LINES, ids=lambda arguments: arguments[:60])
def test_bad_command_lines(arguments: str, cli: Cli, tmp_path: Path) -> None:
    parts = [arguments] if "'" in arguments else arguments.split(" ")
    check_refused(cli("train", *QUICK, *parts), COMMAND_LINES[arguments], tmp_path, set())


@pytest.mark.parametrize("name", CONFIG_FILES)
def test_bad_config_files(name: str, cli: Cli, tmp_path: Path) -> None:
    content, text = CONFIG_FILES[name]
    file = tmp_path / "mine" / "experiment" / "mine.yaml"
    file.parent.mkdir(parents=True)
    file.write_bytes(content)
    answer = cli("train", *QUICK[:2], f"--config-dir={tmp_path / 'mine'}", "experiment=mine")
    check_refused(answer, text, tmp_path, {"mine/experiment/mine.yaml"})


@pytest.mark.parametrize("name", PRIMARY_CONFIGS)
def test_bad_primary_configs(name: str, cli: Cli, tmp_path: Path) -> None:
    content, text = PRIMARY_CONFIGS[name]
    file = tmp_path / "mine" / "mine.yaml"
    file.parent.mkdir(parents=True)
    file.write_bytes(content)
    check_refused(cli("train", "-cd", "mine", "-cn", "mine"), text, tmp_path, {"mine/mine.yaml"})


def test_an_unknown_choice_names_those_of_the_users_own_folder(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "mine" / "experiment" / "my_first.yaml"
    file.parent.mkdir(parents=True)
    file.touch()
    answer = cli("train", "-cd", "mine", "experiment=my_frist")
    text = "allowed: article_keras, article_pytorch, my_first. Did you mean 'my_first'?"
    check_refused(answer, text, tmp_path, {"mine/experiment/my_first.yaml"})


VALUES = st.one_of(
    st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=20),
    st.sampled_from(
        ["no", "~", "null", ".nan", "1e400", "0x10", "1_000", "2020-01-01", "!!str", "&a", "*a", "{", "'", "$"]
    ),
    st.floats().map(str),
    st.integers().map(str),
    st.recursive(st.integers(-3, 3), lambda inner: st.lists(inner, max_size=3), max_leaves=5).map(str),
)
KEYS = st.one_of(
    st.sampled_from(
        ["norm", "norm.eps", "norm.affine", "model.hidden", "seeds", "label", "data.limit", "stack", "compile"]
    ),
    st.text(st.characters(codec="utf-8", exclude_characters="\x00="), min_size=1, max_size=10),
)


LEAVES = st.sampled_from(
    [
        *(f"norm.{name}" for name in ("impl", "eps", "momentum", "affine", "track_running_stats")),
        *(f"model.{name}" for name in ("hidden", "activation", "norm_position", "norm_input", "init", "bias")),
        *(f"data.{name}" for name in ("root", "validation_size", "batch_size", "drop_last", "normalize", "limit")),
        *(f"optimizer.{name}" for name in ("lr", "betas", "eps", "weight_decay")),
        *("epochs", "steps", "eval_every", "seed", "seeds", "device", "threads", "compile", "label", "runs_dir"),
        *("rerun", "checkpoint_every", "keep_checkpoint", "quiet", "stack.max_replicates"),
    ]
)


@pytest.mark.filterwarnings("ignore:invalid escape sequence")
@settings(max_examples=75, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(key=KEYS, value=VALUES)
def test_whatever_is_typed_there_is_no_traceback(key: str, value: str, cli: Cli, tmp_path: Path) -> None:
    """`--cfg job` prints a legal configuration; the run's own checks come after that."""
    answer = cli("train", "--cfg", "job", "--", f"{key}={value}")
    assert answer.code in (0, 2), answer
    if answer.code == 2:
        assert answer.err.startswith("error: ")
        assert answer.err.count("\n") == 1
        assert "Traceback" not in answer.err
    assert files_below(tmp_path) == set()


@pytest.mark.filterwarnings("ignore:invalid escape sequence")
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(key=LEAVES, value=VALUES, sweep=st.booleans())
def test_whatever_is_typed_is_checked_before_work_begins(
    key: str, value: str, sweep: bool, cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All checks run, those of data, memory and device too; what passes them would be trained."""
    monkeypatch.setattr("bnlab.launch.run", lambda configs, *others: [[] for _ in configs])
    monkeypatch.setattr("bnlab.launch.validation_accuracy", lambda outcomes: None)
    monkeypatch.setattr("bnlab.launch.show", lambda *told: None)
    flags = ["-m"] if sweep else []
    answer = cli("train", *flags, "data.limit=200", "--", f"{key}={value}")
    assert answer.code in (0, 2), answer
    if answer.code == 2:
        assert answer.err.startswith("error: ")
        assert answer.err.count("\n") == 1
        assert "Traceback" not in answer.err
    assert files_below(tmp_path) == set()


@pytest.mark.parametrize(
    ("arguments", "texts"),
    [
        ("report", ["runs folder 'runs' does not exist"]),
        ("report nowhere", ["runs folder 'nowhere' does not exist; give run folders"]),
        (
            "report stored --by norm.nam",
            ["unknown column 'norm.nam'; allowed: ", "norm.impl, ", "Did you mean 'norm.name'?"],
        ),
        (
            "report stored --metric test_acuracy",
            ["unknown metric 'test_acuracy'; allowed: ", "Did you mean 'test_accuracy'?"],
        ),
        ("report stored --by norm.name --baseline norm.name=foo", ["baseline 'norm.name=foo' is none of the arms"]),
        ("report stored --baseline foo", ["baseline 'foo' is not of the form column=value"]),
        ("report stored --baseline =none", ["baseline '=none' is not of the form column=value"]),
    ],
)
def test_bad_input_of_the_report(arguments: str, texts: list[str], cli: Cli, tmp_path: Path) -> None:
    for name in ("none", "batch"):
        stored.replicate(stored.run(tmp_path / "stored", name), 0, 0.9)
    before = files_below(tmp_path)
    answer = cli(*arguments.split())
    assert (answer.code, answer.out, answer.err.count("\n")) == (2, "", 1)
    assert answer.err.startswith("error: ")
    assert not [text for text in texts if text not in answer.err]
    assert files_below(tmp_path) == before


@pytest.mark.parametrize("runs_dir", ["dangling", "dangling/inside", "circle"])
def test_links_that_lead_nowhere(runs_dir: str, cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "dangling").symlink_to("gone")
    (tmp_path / "circle").symlink_to("circle")
    answer = cli("train", *QUICK, f"runs_dir={runs_dir}")
    check_refused(answer, f"runs_dir={runs_dir} cannot be written (", tmp_path, {"dangling", "circle"})


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EOPNOTSUPP])
def test_a_file_system_without_locks(number: int, cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(file: object, operation: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("fcntl.flock", refuse)
    check_refused(
        cli("train", *QUICK), f"runs_dir=runs cannot be written ({tmp_path}: {os.strerror(number)})", tmp_path, set()
    )


def test_a_stored_result_is_untouched_by_bad_input(cli: Cli, tmp_path: Path) -> None:
    assert cli("train", *QUICK).code == 0
    before = {name: (tmp_path / name).read_bytes() for name in files_below(tmp_path)}
    assert cli("train", *QUICK, "rerun=true", "norm.eps=0").code == 2
    assert {name: (tmp_path / name).read_bytes() for name in files_below(tmp_path)} == before


def test_a_folder_that_may_not_be_written(cli: Cli, tmp_path: Path) -> None:
    if not Path("/proc/self").is_dir():
        pytest.skip("needs a file system that refuses even root")
    answer = cli("train", *QUICK, "runs_dir=/proc/runs")
    assert answer.code == 2
    assert answer.err.startswith("error: runs_dir=/proc/runs cannot be written (/proc: ")
    assert files_below(tmp_path) == set()


def test_as_a_process_of_its_own(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "bnlab", "train", "norm=layer", "norm.momentum=.1"]
    done = subprocess.run(command, cwd=tmp_path, env=environment(), capture_output=True, text=True, timeout=120)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("error: norm=layer has no setting 'momentum'; its settings: impl, eps, affine. ")
    assert done.stderr.count("\n") == 1
    assert files_below(tmp_path) == set()
