"""How many threads compute, where and for how long."""

import torch

from bnlab.machine.threads import in_own_thread, use_threads


def test_threads_are_given_back() -> None:
    before = torch.get_num_threads()
    with use_threads(before + 1):
        assert torch.get_num_threads() == before + 1
    assert torch.get_num_threads() == before


def test_a_thread_of_its_own_has_its_own_number() -> None:
    before = torch.get_num_threads()
    assert in_own_thread(before + 2, torch.get_num_threads) == before + 2
    assert torch.get_num_threads() == before
