"""The command line: help, exit codes, what is printed where, and what is not imported for it."""

import io
import subprocess
import sys
from pathlib import Path
from unittest.mock import Mock

import pytest

from bnlab import __main__, __version__
from bnlab.cli import main as cli_main
from bnlab.machine import status
from bnlab.norms import SCHEMES
from tests.conftest import QUICK, Cli, environment, files_below


@pytest.mark.parametrize("flag", ["--help", "-h"])
def test_help_lists_the_commands(flag: str, cli: Cli) -> None:
    answer = cli(flag)
    assert (answer.code, answer.err) == (0, "")
    assert all(command in answer.out for command in ("train", "report", "norms", "verify"))


@pytest.mark.parametrize("command", ["train", "report", "norms", "verify"])
def test_help_of_every_command_has_an_example(command: str, cli: Cli) -> None:
    answer = cli(command, "--help")
    assert (answer.code, answer.err) == (0, "")
    assert f"  bnlab {command}" in answer.out or f"Example: bnlab {command}" in answer.out


def test_help_of_train_also_shows_hydras_groups(cli: Cli, tmp_path: Path) -> None:
    answer = cli("train", "--help")
    assert "--quiet" in answer.out
    assert f"norm: {', '.join(sorted([*SCHEMES, 'custom_class', 'mixed']))}" in answer.out
    assert "optimizer: adam, adamw, " in answer.out
    assert files_below(tmp_path) == set()


def test_version(cli: Cli) -> None:
    answer = cli("--version")
    assert (answer.code, answer.out, answer.err) == (0, f"bnlab {__version__}\n", "")


def test_without_arguments_help_is_shown(cli: Cli) -> None:
    answer = cli()
    assert "Usage: " in answer.out
    assert "train" in answer.out


def test_cfg_prints_the_configuration_and_trains_nothing(cli: Cli, tmp_path: Path) -> None:
    answer = cli("train", "--cfg", "job", "norm=group")
    assert (answer.code, answer.err) == (0, "")
    assert "\n  num_groups: " in answer.out
    assert files_below(tmp_path) == set()


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["norms"], ["report", "--help"]])
def test_no_heavy_library_is_imported_for_it(arguments: list[str], tmp_path: Path) -> None:
    """That is what makes them answer in tenths of a second; a clock would say it less reliably."""
    program = (
        "import sys\nfrom bnlab.cli import main\n"
        "try: main()\n"
        "except SystemExit as stop: assert not stop.code\n"
        "heavy = {'torch', 'torchvision', 'hydra', 'omegaconf', 'pandas', 'scipy', 'numpy'} & set(sys.modules)\n"
        "print(sorted(heavy), file=sys.stderr)\n"
    )
    command = [sys.executable, "-c", program, *arguments]
    done = subprocess.run(command, cwd=tmp_path, env=environment(), capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, "[]\n")


@pytest.mark.parametrize("wrong", ["epochs=0", "epohcs=3", "optimizer.lr=-1", "norm=bach"])
def test_a_wrong_setting_is_refused_before_pytorch_is_imported(wrong: str, tmp_path: Path) -> None:
    program = (
        "import sys\nfrom bnlab.cli import main\n"
        "try: main()\n"
        "except SystemExit as stop: assert stop.code == 2\n"
        "print(sorted({'torch', 'torchvision', 'pandas', 'scipy', 'numpy'} & set(sys.modules)))\n"
    )
    command = [sys.executable, "-c", program, "train", wrong]
    done = subprocess.run(command, cwd=tmp_path, env=environment(), capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout) == (0, "[]\n"), done.stderr


def test_a_short_training_imports_neither_torchvision_nor_the_compiler(tmp_path: Path) -> None:
    program = (
        "import sys\nfrom bnlab.cli import main\n"
        "try: main()\n"
        "finally: print(sorted({'torchvision', 'torch._dynamo'} & set(sys.modules)))\n"
    )
    command = [sys.executable, "-c", program, "train", "steps=1", "quiet=true"]
    done = subprocess.run(command, cwd=tmp_path, env=environment(), capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "[]"), done.stderr


def test_pytorch_is_imported_by_the_process_of_the_class_alone(tmp_path: Path) -> None:
    (tmp_path / "one.py").write_text("from torch.nn import Identity\nclass OwnNorm(Identity): pass\n")
    program = (
        "import sys\nfrom bnlab.cli import main\n"
        "try: main()\n"
        "except SystemExit as stop: assert not stop.code\n"
        "print('torch' in sys.modules, file=sys.stderr)\n"
    )
    command = [sys.executable, "-c", program, "verify", "one.py:OwnNorm", "--as", "none"]
    done = subprocess.run(command, cwd=tmp_path, env=environment(), capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, "False\n")


class Terminal(io.StringIO):
    """A stream that says it is one."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["train"], "starting ..."),
        (["train", "-cn", "mine"], "starting ..."),
        (["train", "--quiet"], ""),
        (["train", "--cfg", "job"], ""),
        (["report"], ""),
    ],
)
def test_a_training_says_that_it_starts_before_it_imports_any_library(
    arguments: list[str], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["bnlab", *arguments])
    monkeypatch.setattr(__main__, "interrupt", Mock())  # this process goes on
    monkeypatch.setitem(sys.modules, "bnlab.cli", None)  # its import fails, and with it all that it imports
    monkeypatch.setattr(status, "_shown", [])
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    with pytest.raises(ImportError):
        __main__.main()
    assert terminal.getvalue() == said


@pytest.mark.parametrize(
    ("arguments", "blocked", "said"),
    [
        (["report"], "rich.console", "starting ..."),
        (["runs"], "bnlab.runs", "reading runs ..."),
        (["runs", "show", "batch"], "bnlab.runs", "reading runs ..."),
        (["evaluate", "batch"], "rich.console", "loading PyTorch ..."),
        (["verify", "rms"], "bnlab.verification", "starting ..."),
    ],
)
def test_what_takes_seconds_says_so_before_it_imports_anything_heavy(
    arguments: list[str], blocked: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["bnlab", *arguments])
    monkeypatch.setitem(sys.modules, blocked, None)  # its import fails
    monkeypatch.setattr(status, "_shown", [])
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    with pytest.raises(SystemExit):
        cli_main()
    assert terminal.getvalue().startswith(f"{said}{status.ERASE}failed: ")


def test_train_prints_progress_to_stderr_and_the_result_to_stdout(cli: Cli, tmp_path: Path) -> None:
    answer = cli("train", *QUICK, "epochs=2")
    assert answer.code == 0
    (folder,) = (tmp_path / "runs").glob("[!.]*")
    title, heads, *rows = answer.err.splitlines()
    assert title == f"{folder.name}; accuracy in %"
    assert heads.split() == ["epoch", "training", "validation", "test", "images/s", "left"]
    assert [row.split()[0] for row in rows] == ["1", "2"]
    assert all(text in answer.out for text in ("training", "validation", "test", "batch statistics"))
    assert f"; files in runs/{folder.name}\n" in answer.out


@pytest.mark.parametrize("quiet", ["--quiet", "quiet=true"])
def test_quiet_prints_the_final_table_only(quiet: str, cli: Cli) -> None:
    loud, silent = cli("train", *QUICK, "rerun=true"), cli("train", *QUICK, "rerun=true", quiet)
    assert (loud.code, silent.code) == (0, 0)
    assert loud.err != ""
    assert silent.err == ""
    assert "batch statistics" in silent.out


def test_quiet_sweep(cli: Cli) -> None:
    answer = cli("train", "--quiet", "-m", *QUICK, "norm=none,batch")
    assert (answer.code, answer.err) == (0, "")
    assert "\n none " in answer.out
    assert "\n batch " in answer.out


def test_a_failure_is_one_line_and_exit_code_1(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bnlab.engine.train", broken)
    answer = cli("train", *QUICK, "--quiet")
    assert answer.code == 1
    assert answer.err.startswith("failed: ")
    assert "the disk is on fire" in answer.err
    assert answer.err.count("\n") == 1


def test_a_traceback_is_shown_on_demand(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bnlab.engine.train", broken)
    monkeypatch.setenv("HYDRA_FULL_ERROR", "1")
    answer = cli("train", *QUICK, "--quiet")
    assert answer.code == 1
    assert "Traceback" in answer.err


def broken(*arguments: object, **options: object) -> None:
    raise OSError("the disk\nis on fire")


def test_an_interrupt_is_exit_code_130_and_the_next_call_goes_on(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*arguments: object, **options: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("bnlab.engine.train", interrupted)
        answer = cli("train", *QUICK, "--quiet")
    assert answer.code == 130
    assert answer.err == "interrupted; to go on: bnlab train threads=1 data.limit=200 epochs=1 quiet=true\n"
    (result,) = tmp_path.glob("runs/*/seed-0/result.json")
    assert '"state": "interrupted"' in result.read_text()
    assert cli("train", *QUICK, "--quiet").code == 0
    assert '"state": "done"' in result.read_text()


def test_an_unknown_option_of_train_is_one_line_with_the_nearest_one(cli: Cli) -> None:
    answer = cli("train", "--multirn", "norm=none")
    assert answer.code == 2
    assert answer.err.startswith("error: unknown option '--multirn'; allowed: --cfg, ")
    assert answer.err.endswith("Did you mean '--multirun'?\n")
    assert answer.err.count("\n") == 1


def test_an_unknown_command_or_option_is_exit_code_2(cli: Cli, tmp_path: Path) -> None:
    for arguments, word in ((["trian"], "trian"), (["norms", "--nope"], "--nope"), (["train", "--nope"], "--nope")):
        answer = cli(*arguments)
        assert answer.code == 2
        assert word in answer.err
        assert "Traceback" not in answer.err
    assert files_below(tmp_path) == set()
