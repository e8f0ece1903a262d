"""What a search goes by, and which seeds are fresh."""

from pathlib import Path

import pytest

from bnlab.config import RunConfig, from_mapping
from bnlab.launch import Job, Outcome, fresh_seeds, validation_accuracy
from bnlab.store import Result, State
from tests.compose import compose


def config(folder: Path, *overrides: str) -> RunConfig:
    return from_mapping(compose(overrides) | {"runs_dir": str(folder)})


def outcome(config: RunConfig, state: State, accuracy: float | None) -> Outcome:
    final = {} if accuracy is None else {"validation_accuracy": accuracy}
    return Outcome(Job(config, 0), Path("seed-0"), Result(seed=0, state=state, final=final), trained=True)


@pytest.mark.parametrize(
    ("seeds", "expected"),
    [
        ([(State.DONE, 0.5), (State.DONE, 0.75)], 0.625),
        ([(State.DONE, 0.5), (State.DIVERGED, 0.75)], 0.25),  # what it had before counts for nothing
        ([(State.DIVERGED, None)], 0.0),
    ],
)
def test_a_search_goes_by_the_mean_and_0_for_what_diverged(
    seeds: list[tuple[State, float | None]], expected: float, tmp_path: Path
) -> None:
    assert validation_accuracy([outcome(config(tmp_path), *seed) for seed in seeds]) == expected


def test_without_validation_images_there_is_no_accuracy_to_go_by(tmp_path: Path) -> None:
    assert validation_accuracy([outcome(config(tmp_path, "data.validation_size=0"), State.DONE, None)]) is None


def test_fresh_seeds_are_finished_in_no_run(tmp_path: Path) -> None:
    none, batch = (config(tmp_path, f"norm={norm}", "seeds='+3'") for norm in ("none", "batch"))
    for run, seed, state in [
        (none, 0, State.DONE),
        (none, 2, State.DIVERGED),
        (batch, 3, State.DONE),
        (batch, 1, State.FAILED),
    ]:
        folder = Job(run, seed).folder()
        folder.write_metrics([])
        folder.write_timing([])
        folder.write_config()
        folder.write_result(Result(seed=seed, state=state))
    assert fresh_seeds([none, batch]) == [1, 4, 5]
    assert fresh_seeds([batch]) == [0, 1, 2]
