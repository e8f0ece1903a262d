"""A team's workers: each task has one of its own for ever, and a worker with several does them in turn."""

import threading
from functools import partial

import pytest
import torch

from bnlab.engine.team import Team


def test_a_task_is_always_done_by_the_same_worker_and_results_are_in_order() -> None:
    with Team(2, 4) as team:
        rounds = [team.together([threading.get_ident] * 5) for _ in range(3)]
        assert team.together([torch.get_num_threads] * 3) == [2, 2, 2]  # of the four each has its half
        assert team.together([partial(int, number) for number in range(5)]) == [0, 1, 2, 3, 4]
    first = rounds[0]
    assert rounds == [first] * 3
    assert first[0] == first[2] == first[4] != first[1] == first[3]


def test_an_error_is_raised_when_all_have_ended() -> None:
    done = []

    def fails() -> None:
        raise ValueError("broken")

    with Team(2, 2) as team, pytest.raises(ValueError, match="broken"):
        team.together([fails, lambda: done.append(1), lambda: done.append(2)])
    assert sorted(done) == [1, 2]
