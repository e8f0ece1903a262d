"""Bad input of every command: exit code 2, one line with what was received and what is allowed, nothing written."""

from pathlib import Path

import pytest

from tests.conftest import Cli, files_below
from tests.hydra_bridge.test_bad_input import check_refused
from tests.report import stored

LONG = "x" * 100_000
TOO_LONG = f"{'x' * 200}... (100000 characters)"
NO_PATH = "'' is no path; leave the option out, or write . for the working directory."
EVALUATION = "cannot be set for an evaluation; allowed: data=NAME, data.KEY=VALUE, device=NAME, threads=N"

BAD: list[tuple[list[str], str]] = [
    (["trian"], "No such command 'trian'. Did you mean 'train'?"),
    (["--nope"], "No such option: --nope"),
    (["bench"], "Missing command. Allowed: engine, norms. See: "),
    (["bench", "foo"], "No such command 'foo'. Allowed: engine, norms. See: "),
    (["bench", "norms", "--threads", "100000000"], "--threads 100000000 is out of range; it has to be 1 to 1024"),
    (["bench", "norms", "--threads", "two"], "'two' is no value of '--threads': "),
    (["bench", "norms", "--rounds", "0"], "--rounds 0 is out of range; it has to be 1 to 100000"),
    (["bench", "engine", "--steps", "-1"], "--steps -1 is out of range; it has to be 1 to 1000000000"),
    (["bench", "engine", "--out", "."], "--out . is a folder; name a file in it"),
    (["bench", "engine", "--out", "/proc/x"], "--out /proc/x cannot be written ("),
    (["bench", "engine", "--out", ""], NO_PATH),
    (["norms", "bach"], "unknown norm 'bach'; allowed: batch, "),
    (["norms", "BATCH"], "Did you mean 'batch'?"),
    (["norms", ""], "unknown norm ''; allowed: batch, "),
    (["norms", "../batch"], "unknown norm '../batch'; allowed: batch, "),
    (["norms", LONG], f"unknown norm '{TOO_LONG}'; allowed: "),
    (["verify", "bach"], "bach"),
    (["verify", "nowhere.py:MyBN"], "there is no file nowhere.py; give an existing FILE.py:CLASS."),
    (["verify", "batch", "--impl", "nativ"], "nativ"),
    (["verify", "my_bn.py:X", "--as", ""], "'' says nothing; leave the option out, or write a value"),
    (
        ["verify", "batch", "--time-limit", "soon"],
        "'soon' is no value of '--time-limit': ",
    ),
    (["runs", "--state", "dnoe"], "unknown state 'dnoe'; allowed: diverged, done, empty, failed, "),
    (["runs", "--runs-dir", "rnus"], "runs folder 'rnus' does not exist; train a run first: bnlab train, or give"),
    (["runs", "--runs-dir", "a_file"], "runs folder 'a_file' is not a folder; train a run first: bnlab train, or give"),
    (["runs", "--runs-dir", ""], NO_PATH),
    (["runs", "--runs-dir", LONG], f"runs folder '{TOO_LONG}' does not exist; "),
    (["runs", "--runs-dir"], "Option '--runs-dir' requires an argument. See: bnlab runs --help"),
    (["runs", "list"], "No such command 'list'. Did you mean 'ls'? Allowed: ls, diff, tag, show, rm, check, ex"),
    (["runs", "show"], "Missing argument"),
    (["runs", "show", "zzz"], "there is no run 'zzz'; nearest: none-"),
    (["runs", "show", "nnoe"], "there is no run 'nnoe'; nearest: none-"),
    (
        ["runs", "show", "zzz", "--runs-dir", "empty"],
        "there is no run 'zzz'; there is none at all; train one: bnlab tr",
    ),
    (["runs", "show", LONG], f"there is no run '{TOO_LONG}'; nearest: "),
    (["runs", "show", "../runs"], "there is no run '..'; nearest: "),
    (["runs", "--where", "=batch"], "--where =batch is not of the form setting=value"),
    (["runs", "show", "none/seed-9"], "has no 'seed-9'; it has seed-0"),
    (["runs", "rm"], "say what to remove: RUN, RUN/seed-N, --state STATE, --where SETTING=VALUE or --older AGE, "),
    (["runs", "rm", "zzz", "--yes"], "there is no run 'zzz'; nearest: "),
    (["runs", "rm", "/", "--yes"], "there is no run ''; nearest: "),
    (["runs", "rm", "--state", "all", "--yes"], "unknown state 'all'; allowed: "),
    (["runs", "export", "x.xlsx"], "x.xlsx ends in '.xlsx'; allowed: .csv or .parquet"),
    (["runs", "export", "/proc/x.csv"], "FILE /proc/x.csv cannot be written ("),
    (["runs", "export", "a_file/x.csv"], "FILE a_file/x.csv cannot be written (Not a directory); choose another file"),
    (["runs", "export", ""], NO_PATH),
    (["runs", "export", "x.csv", "--runs-dir", "nowhere"], "runs folder 'nowhere' does not exist; "),
    (["evaluate"], "Missing argument"),
    (["evaluate", "zzz"], "there is no run 'zzz'; nearest: "),
    (["evaluate", "none", "foo"], "'foo' sets nothing; write KEY=VALUE"),
    (["evaluate", "none", "data"], "'data' sets nothing; write data=NAME"),
    (["evaluate", "none", "data.limit=é"], "'data.limit=é' cannot be read (at 'é'); write KEY=VALUE"),
    (["evaluate", "none", "~data"], f"~data {EVALUATION}"),
    (["evaluate", "none", "data=mnist,kmnist"], f"data=mnist,kmnist {EVALUATION}"),
    (["evaluate", "none", "norm.eps=1"], f"norm.eps=1 {EVALUATION}"),
    (["evaluate", "none", "data.normalize=standard"], f"data.normalize=standard {EVALUATION}"),
    (
        ["evaluate", "none", "--shift", "noise=9"],
        "noise=9 is no strength of a shift; it has to be above 0 and at most 1",
    ),
    (["evaluate", "none", "--order", "random"], "'random' is not one of 'stored', 'shuffled', 'sorted'"),
    (["evaluate", "none", "-o", "runs"], "--output runs is a folder; name a file in it"),
    (["evaluate", "none", "-o", ""], NO_PATH),
    (["evaluate", "none", "-o", "/proc/x.csv"], "--output /proc/x.csv cannot be written ("),
    (["evaluate", "none", "--runs-dir", "nowhere"], "runs folder 'nowhere' does not exist; "),
    (["report", "nowhere"], "there is no run 'nowhere'; nearest: "),
    (["report", "./nowhere/"], "there is no run 'nowhere'; nearest: "),
    (["report", "nowhere/runs"], "runs folder 'nowhere/runs' does not exist; give run folders, or a folder that ho"),
    (["report", "--runs-dir", "nowhere"], "runs folder 'nowhere' does not exist; give run folders, or a folder that"),
    (["report", "a_file"], "runs folder 'a_file' is not a folder; give run folders, or a folder that holds them."),
    (["report", LONG], f"there is no run '{TOO_LONG}'; nearest: "),
    (["report", ""], NO_PATH),
    (["report", "--by"], "Option '--by' requires an argument. See: bnlab report --help"),
    (["report", "--by", ""], "--by '' names no column; write config keys, e.g. --by norm.name, or leave it out"),
    (["report", "--by", ","], "--by ',' names no column; write config keys, e.g. --by norm.name, or leave it out"),
    (["report", "--by", "norm"], "unknown column 'norm'. Did you mean 'norm.name'?\n"),
    (["report", "--by", "learning_rate"], "unknown column 'learning_rate'. Did you mean 'optimizer.lr'?\n"),
    (["runs", "--where", "norm=batch"], "unknown setting 'norm'. Did you mean 'norm.name'?\n"),
    (["runs", "--state", "finished"], "unreadable. Did you mean 'done'?\n"),
    (["report", "--by", "norm.nam"], "unknown column 'norm.nam'; allowed: "),
    (["report", "--metric", "test_acuracy"], "unknown metric 'test_acuracy'; allowed: "),
    (["report", "--baseline", "foo"], "baseline 'foo' is not of the form column=value"),
    (["report", "--margin", "-1"], "--margin -1.0 is not a number above 0; give points, e.g. --margin 0.1"),
    (["report", "--margin", "much"], "'much' is no value of '--margin': "),
    (["report", "--target", "0.97"], "--target 0.97 is not allowed; allowed: percent, 0 to 100, and none of 1 or less"),
    (["report", "-o", ""], NO_PATH),
    (["train", "runs_dir=a_file"], "runs_dir=a_file cannot be written ("),
    (["train", "label=true"], "label=true is of the wrong type; it has to be a text, or null"),
    (["train", "label=1e3"], "label=1e3 is of the wrong type; it has to be a text, or null"),
    (["train", "model.hidden=[65536,65536,65536,65536,65536]"], "needs some 415.7 GB to train, and this machine has "),
]


@pytest.mark.parametrize(("arguments", "text"), BAD, ids=[" ".join(arguments)[:60] for arguments, _ in BAD])
def test_one_line_and_exit_code_2(arguments: list[str], text: str, cli: Cli, tmp_path: Path) -> None:
    for name in ("none", "batch"):
        stored.replicate(stored.run(tmp_path / "runs", name), 0, 0.9)
    (tmp_path / "a_file").touch()
    (tmp_path / "empty").mkdir()
    before = files_below(tmp_path)
    check_refused(cli(*arguments), text, tmp_path, before)
