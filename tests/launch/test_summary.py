"""The end of a launch: arms in words, seeds, spread, what was stored before, and the next command."""

import re

import pytest

from tests.conftest import QUICK, Cli


def test_the_end_of_a_sweep(cli: Cli) -> None:
    assert cli("train", *QUICK, "--quiet", "norm=none", "optimizer.lr=1e-3", "seeds=2").code == 0
    answer = cli("train", *QUICK, "--quiet", "-m", "norm=none,batch", "optimizer.lr=1e-3,1e-2", "seeds=2")
    assert (answer.code, answer.err) == (0, "")
    lines = [line.strip() for line in answer.out.splitlines() if line.strip()]
    assert lines[0] == "accuracy in %: mean and standard deviation (sd) over n seeds"
    assert re.split(r" {2,}", lines[1]) == ["arm", "n", "validation", "sd", "test", "sd", "stored before"]
    rows = [re.split(r" {2,}", line) for line in lines[3:7]]
    assert [row[:2] for row in rows] == [
        ["none, lr 0.001", "2"],
        ["none, lr 0.01", "2"],
        ["batch, lr 0.001", "2"],
        ["batch, lr 0.01", "2"],
    ]
    assert [row[-1] for row in rows] == ["2", "0", "0", "0"]
    summary = r"8 replicates: 2 stored before \(rerun=true trains anew\), 6 done in \S+ s, \S+ s of it training steps; "
    assert re.match(summary, lines[-2])
    assert lines[-1] == "to compare them: bnlab report --by norm.name,optimizer.lr"


def test_the_end_of_one_run_with_several_seeds(cli: Cli) -> None:
    answer = cli("train", *QUICK, "--quiet", "seeds=2", "runs_dir=elsewhere")
    name, *_ = answer.out.splitlines()
    assert re.fullmatch(r"batch-native-mlp-\w{10}, mean and standard deviation \(sd\) over 2 seeds", name)
    assert "to compare" not in answer.out


def test_what_diverged_is_no_part_of_a_mean(cli: Cli) -> None:
    answer = cli("train", *QUICK, "--quiet", "-m", "optimizer=sgd", "optimizer.lr=0.1,1e30", "runs_dir=my runs")
    assert answer.code == 0
    assert re.search(r"^ 1e\+30 +0 of 1( +-){4} *$", answer.out, re.MULTILINE) or re.search(
        r"^ lr 1e\+30 +0 of 1( +-){4} *$", answer.out, re.MULTILINE
    )
    assert re.search(r"^lr 1e\+30 seed 0 diverged at step \d+: the loss is not finite$", answer.out, re.MULTILINE)
    assert "to compare them: bnlab report 'my runs' --by optimizer.lr\n" in answer.out


def test_the_table_fits(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    sweep = ("train", *QUICK, "--quiet", "-m", "norm=none,batch", "optimizer.lr=1e-3,1e-2", "seeds=2")
    assert cli("train", *QUICK, "--quiet", "norm=none", "optimizer.lr=1e-3").code == 0
    for columns in (60, 80, 120):  # first with one arm of which a part was stored, then with all stored
        monkeypatch.setenv("COLUMNS", str(columns))
        answer = cli(*sweep)
        table = answer.out.splitlines()[1:-2]
        assert max(map(len, table)) <= columns
        assert "…" not in answer.out


def test_no_word_of_a_long_name_is_broken(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cause: "scaled_weight_stand", and in the next line "ardization, lr"."""
    monkeypatch.setenv("COLUMNS", "60")
    typed = ("-m", "norm=none,scaled_weight_standardization", "optimizer.lr=1e-3,1e-2")
    words = cli("train", *QUICK, "--quiet", *typed).out.replace("_", " ").split()
    assert (words.count("scaled"), words.count("standardization,")) == (2, 2)
