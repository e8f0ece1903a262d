import pytest
import torch
from torch.utils.data import BatchSampler

from bnlab.data import batches_per_epoch, check_batches, last_batch_size, order
from bnlab.errors import UserError


def test_order_is_a_permutation_by_the_generator_alone() -> None:
    first = torch.Generator().manual_seed(0)
    epochs = [order(1000, first) for _ in range(2)]
    torch.manual_seed(5)
    torch.rand(3)
    again = torch.Generator().manual_seed(0)
    assert all(torch.equal(epoch, order(1000, again)) for epoch in epochs)
    assert all(sorted(epoch.tolist()) == list(range(1000)) for epoch in epochs)
    assert not torch.equal(epochs[0], epochs[1])
    assert not torch.equal(epochs[0], order(1000, torch.Generator().manual_seed(1)))


@pytest.mark.parametrize("drop_last", [False, True])
@pytest.mark.parametrize(("samples", "size"), [(10, 1), (10, 3), (10, 5), (10, 10), (1, 1), (50000, 32), (33, 32)])
def test_sizes_are_those_of_torchs_batch_sampler(samples: int, size: int, drop_last: bool) -> None:
    sampler = BatchSampler(range(samples), size, drop_last)
    sizes = [len(batch) for batch in sampler]
    assert batches_per_epoch(samples, size, drop_last) == len(sizes)
    assert last_batch_size(samples, size, drop_last) == sizes[-1] == min(sizes)


LEFT_BY = "data.validation_size=5 and data.limit=null"


@pytest.mark.parametrize("size", [-1, 0, 101])
def test_a_batch_size_out_of_range_is_refused(size: int) -> None:
    with pytest.raises(UserError) as error:
        check_batches(100, size, drop_last=False, left_by=LEFT_BY)
    assert str(error.value) == (
        f"{LEFT_BY} leave 100 training images, so data.batch_size={size} is out of range; "
        "it has to be 1 to 100, or change the others to leave more"
    )


def test_a_last_batch_of_one_is_refused_if_two_are_needed() -> None:
    check_batches(97, 32, drop_last=False, left_by=LEFT_BY)
    check_batches(97, 32, drop_last=True, smallest=2, left_by=LEFT_BY)
    check_batches(98, 32, drop_last=False, smallest=2, left_by=LEFT_BY)
    check_batches(96, 32, drop_last=False, smallest=2, left_by=LEFT_BY)
    with pytest.raises(UserError) as error:
        check_batches(97, 32, drop_last=False, smallest=2, left_by=LEFT_BY)
    assert str(error.value) == (
        f"{LEFT_BY} leave 97 training images, of which data.batch_size=32 leaves 1 for the last batch, "
        "but this norm needs at least 2; set data.drop_last=true or change one of the others"
    )


@pytest.mark.parametrize("drop_last", [False, True])
def test_batches_of_one_are_refused_if_two_are_needed(drop_last: bool) -> None:
    check_batches(100, 1, drop_last, left_by=LEFT_BY)
    with pytest.raises(UserError) as error:
        check_batches(100, 1, drop_last, smallest=2, left_by=LEFT_BY)
    assert str(error.value) == "data.batch_size=1: this norm needs at least 2 samples in each batch"


def test_one_image_is_refused_if_two_are_needed_whatever_the_batch_size() -> None:
    check_batches(1, 1, drop_last=False, left_by=LEFT_BY)
    with pytest.raises(UserError) as error:
        check_batches(1, 32, drop_last=False, smallest=2, left_by=LEFT_BY)
    assert str(error.value) == (
        f"{LEFT_BY} leave 1 training image, but this norm needs at least 2 in each batch; change them to leave more"
    )
