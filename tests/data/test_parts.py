import numpy as np
import pytest
import torch
from torchvision.transforms.functional import to_tensor

from bnlab.data import Scaling, Source, split
from bnlab.errors import UserError


@pytest.fixture
def tiny() -> Source:
    """Twelve training and five test images; the first pixel of each is its number."""
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (17, 28, 28), dtype=torch.uint8, generator=generator)
    images[:, 0, 0] = torch.arange(17)
    labels = torch.arange(17) % 10
    return Source("tiny", images[:12], labels[:12], images[12:], labels[12:], 10)


def numbers(images: torch.Tensor) -> list[int]:
    return images[:, 0, 0, 0].tolist()


def test_validation_is_the_last_part(tiny: Source) -> None:
    parts = split(tiny, validation_size=4)
    assert parts.validation is not None
    assert numbers(parts.train.images) == list(range(8))
    assert numbers(parts.validation.images) == [8, 9, 10, 11]
    assert numbers(parts.test.images) == [12, 13, 14, 15, 16]
    assert parts.validation.labels.tolist() == [8, 9, 0, 1]
    assert (len(parts.train), len(parts.validation), len(parts.test), parts.classes) == (8, 4, 5, 10)
    assert parts.train.images.shape == (8, 1, 28, 28)
    assert parts.train.images.dtype == torch.uint8
    assert parts.train.images.is_contiguous()


def test_nothing_held_out(tiny: Source) -> None:
    parts = split(tiny, validation_size=0)
    assert parts.validation is None
    assert numbers(parts.train.images) == list(range(12))


def test_default_split_of_mnist(mnist: Source) -> None:
    parts = split(mnist)
    assert parts.validation is not None
    assert (len(parts.train), len(parts.validation), len(parts.test)) == (50000, 10000, 10000)
    assert torch.equal(parts.validation.images[:, 0], mnist.train_images[50000:])
    assert torch.equal(parts.validation.labels, mnist.train_labels[50000:])


def test_parts_share_the_sources_memory(mnist: Source) -> None:
    parts = split(mnist, limit=100, normalize="standard")
    assert parts.train.images.data_ptr() == mnist.train_images.data_ptr()


def test_limit_keeps_the_first_of_each_part_after_holding_out(tiny: Source) -> None:
    parts = split(tiny, validation_size=4, limit=3)
    assert parts.validation is not None
    assert numbers(parts.train.images) == [0, 1, 2]
    assert numbers(parts.validation.images) == [8, 9, 10]
    assert numbers(parts.test.images) == [12, 13, 14]
    assert parts.validation.labels.tolist() == [8, 9, 0]
    assert len(split(tiny, validation_size=4, limit=1000).train) == 8


def held_out(source: Source, seed: int, split_seed: int, limit: int | None = None) -> list[int]:
    validation = split(source, validation_size=4, split_seed=split_seed, limit=limit).of([seed]).validation
    assert validation is not None
    return numbers(validation.batch(0, len(validation))[0][0])


def test_each_seed_has_a_split_of_its_own_that_both_numbers_decide(tiny: Source) -> None:
    """Stored runs are of these splits: they must not change."""
    expected = {(7, 0): [9, 8, 2, 3], (7, 1): [6, 4, 11, 3], (8, 0): [4, 2, 1, 6], (0, 7): [0, 6, 2, 3]}
    assert {(split_seed, seed): held_out(tiny, seed, split_seed) for split_seed, seed in expected} == expected


def test_each_seeds_parts_are_all_images_and_replicates_of_one_seed_share_them(tiny: Source) -> None:
    parts = split(tiny, validation_size=4, split_seed=7)
    assert (len(parts.train), parts.train.images.shape) == (8, (8, 1, 28, 28))
    parts = parts.of([3, 0, 3])
    assert parts.validation is not None
    assert (len(parts.train), len(parts.validation)) == (8, 4)
    (train, train_labels), (validation, labels) = parts.train.batch(0, 8), parts.validation.batch(0, 4)
    assert (len(train), len(train_labels), len(validation), len(labels)) == (2, 3, 2, 3)
    for trained, left in zip(train, validation, strict=True):
        assert sorted(numbers(trained) + numbers(left)) == list(range(12))
    for images, its_labels in zip(validation[[0, 1, 0]], labels, strict=True):
        assert its_labels.tolist() == [number % 10 for number in numbers(images)]
    assert numbers(parts.test.images) == [12, 13, 14, 15, 16]


def test_limit_keeps_the_first_of_each_seeds_own_parts(tiny: Source) -> None:
    assert held_out(tiny, 3, 7, limit=3) == held_out(tiny, 3, 7)[:3]


def test_without_a_split_seed_all_seeds_have_one_split(tiny: Source) -> None:
    parts = split(tiny, validation_size=4)
    assert parts.of([0, 1]) is parts


def test_without_normalization_floats_are_those_of_to_tensor(tiny: Source) -> None:
    parts = split(tiny, validation_size=4)
    floats = parts.scaling.to_float(parts.train.images)
    expected = torch.stack([to_tensor(image.numpy()) for image in tiny.train_images[:8]])
    assert floats.dtype == torch.float32
    assert torch.equal(floats, expected)


@pytest.mark.parametrize("limit", [None, 5])
def test_standard_is_of_the_images_trained_on(tiny: Source, limit: int | None) -> None:
    parts = split(tiny, validation_size=4, limit=limit, normalize="standard")
    used = tiny.train_images[: limit or 8].numpy().astype(np.float64) / 255
    assert parts.scaling.mean == pytest.approx(used.mean(), rel=1e-13)
    assert parts.scaling.std == pytest.approx(used.std(), rel=1e-13)
    expected = (tiny.test_images.numpy().astype(np.float64) / 255 - used.mean()) / used.std()
    exact = parts.scaling.to_float(tiny.test_images, torch.float64)
    np.testing.assert_allclose(exact.numpy(), expected, rtol=0, atol=1e-13)
    floats = parts.scaling.to_float(tiny.test_images)
    assert floats.dtype == torch.float32
    np.testing.assert_allclose(floats.numpy(), expected, rtol=0, atol=1e-6)


def test_standard_of_the_whole_training_set_is_the_published_one(mnist: Source) -> None:
    """0.1307 and 0.3081 are the constants of pytorch/examples/mnist."""
    scaling = split(mnist, validation_size=0, normalize="standard").scaling
    assert (round(scaling.mean, 4), round(scaling.std, 4)) == (0.1307, 0.3081)


@pytest.mark.parametrize("scaling", [Scaling(), Scaling(0.13, 0.31)])
def test_to_float_leaves_its_input(scaling: Scaling) -> None:
    images = torch.full((2, 1, 28, 28), 7, dtype=torch.uint8)
    scaling.to_float(images)
    assert bool((images == 7).all())


@pytest.mark.parametrize("size", [-1, 12, 10_000])
def test_a_validation_size_that_leaves_nothing_is_refused(tiny: Source, size: int) -> None:
    with pytest.raises(UserError) as error:
        split(tiny, validation_size=size)
    assert str(error.value) == (f"data.validation_size={size}: tiny has 12 training images, so 0 to 11 can be held out")


@pytest.mark.parametrize("limit", [0, -3])
def test_a_limit_that_keeps_nothing_is_refused(tiny: Source, limit: int) -> None:
    with pytest.raises(UserError) as error:
        split(tiny, validation_size=4, limit=limit)
    assert str(error.value) == f"data.limit={limit}: at least 1 image must be kept; data.limit=null keeps all"
