"""What a launch prints at its end."""

import pytest

from bnlab.hydra_bridge import show_best
from bnlab.store import environment
from tests.conftest import QUICK, Cli


@pytest.mark.parametrize("launcher", ["basic", pytest.param("joblib", marks=pytest.mark.slow), "stacked"])
def test_every_launcher_ends_with_one_summary(launcher: str, cli: Cli) -> None:
    if launcher == "joblib":
        pytest.importorskip("hydra_plugins.hydra_joblib_launcher")
    jobs = ["-m", f"hydra/launcher={launcher}", "norm=none,layer", "seed=0,1"]
    assert cli("train", *QUICK, "--quiet", "norm=none", "seed=1").code == 0
    answer = cli("train", *QUICK, "--quiet", *jobs)
    assert (answer.code, answer.err) == (0, "")
    assert answer.out.count("replicate") == 1
    assert "4 replicates: " in answer.out
    assert "3 done" in answer.out
    assert "1 stored before" in answer.out


def test_the_best_of_a_search_and_its_command(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    typed = (
        "bnlab train -m -cd mine hydra/sweeper=optuna norm=none,batch 'optimizer.lr=interval(0.001, 1)' epochs=2 seed=3"
    )
    monkeypatch.setenv(environment.COMMAND, typed)
    show_best({"norm": "batch", "optimizer.lr": 0.125}, 0.97456)
    assert capsys.readouterr().out == (
        "best: norm=batch optimizer.lr=0.125, with validation accuracy 97.46%\n"
        "to try it with seeds that it was not chosen by: "
        "bnlab train --config-dir=mine epochs=2 norm=batch optimizer.lr=0.125 seeds=+5\n"
    )
