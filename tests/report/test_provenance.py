"""What is said where replicates were trained in different environments."""

from pathlib import Path

import pytest

from . import stored
from .test_compare import compare


@pytest.mark.parametrize(
    ("key", "old", "new", "words"),
    [
        ("cpu", "X9", "Y1", "the processor"),
        ("threads", 2, 8, "the number of threads"),
        ("python", "3.11.7", "3.12.1", "the Python version"),
        ("device", "cpu", "cuda", "the device"),
        ("commit", "aaa", "bbb", "the commit of bnlab"),
        ("deterministic", True, False, "deterministic"),
    ],
)
def test_what_differs_between_the_arms_is_named(tmp_path: Path, key: str, old: object, new: object, words: str) -> None:
    run = stored.run(tmp_path, "batch")
    stored.replicate(run, 0, 0.9, environment=stored.ENVIRONMENT | {key: old})
    other = stored.run(tmp_path, "none")
    stored.replicate(other, 0, 0.8, environment=stored.ENVIRONMENT | {key: new})
    first, second = ("true", "false") if isinstance(old, bool) else (old, new)
    assert compare(tmp_path).notes == [f"{words} differs between the arms: {first}, {second}"]


def test_what_differs_inside_an_arm_is_named_with_no_more_than_four_values(tmp_path: Path) -> None:
    run = stored.run(tmp_path, "batch")
    for seed in range(6):
        stored.replicate(run, seed, 0.9, environment=stored.ENVIRONMENT | {"cpu": f"C{seed}"})
    assert compare(tmp_path).notes == ["the processor differs inside an arm: C0, C1, C2, C3 and 2 more"]


def test_a_replicate_that_does_not_say_is_a_difference(tmp_path: Path) -> None:
    run = stored.arm(tmp_path, "batch", [0.9])
    stored.replicate(run, 1, 0.9, environment={k: v for k, v in stored.ENVIRONMENT.items() if k != "cpu"})
    assert compare(tmp_path).notes == ["the processor differs inside an arm: X9, -"]


def test_uncommitted_changes_are_named(tmp_path: Path) -> None:
    run = stored.run(tmp_path, "batch")
    stored.replicate(run, 0, 0.9, environment=stored.ENVIRONMENT | {"commit": "abc", "dirty": True})
    assert compare(tmp_path).notes == [
        "trained with uncommitted changes in bnlab's source: the commit alone does not tell what ran"
    ]
