"""Shifted images against their formulas in NumPy, and composed batches."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from bnlab.data import Part, Shift, changed
from bnlab.errors import UserError


def part() -> Part:
    generator = torch.Generator().manual_seed(2)
    images = torch.randint(256, (50, 1, 28, 28), generator=generator, dtype=torch.uint8)
    return Part(images, torch.randint(10, (50,), generator=generator))


def shifted(kind: str, strength: float) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    images = changed(part(), [Shift(kind, strength)], "stored").images
    assert images.dtype == torch.uint8
    return images.double().numpy()


@pytest.mark.parametrize("factor", [0.5, 1.5])
def test_brightness_and_contrast_are_factors(factor: float) -> None:
    x = part().images.double().numpy()
    np.testing.assert_allclose(shifted("brightness", factor), np.clip(factor * x, 0, 255), atol=1)
    mean = x.mean((1, 2, 3), keepdims=True)
    np.testing.assert_allclose(shifted("contrast", factor), np.clip(mean + factor * (x - mean), 0, 255), atol=1.5)


def test_noise_has_the_standard_deviation_that_is_told_and_is_the_same_each_time() -> None:
    grey = Part(torch.full((50, 1, 28, 28), 128, dtype=torch.uint8), torch.zeros(50, dtype=torch.long))
    torch.manual_seed(5)
    before = torch.get_rng_state()
    first, second = (changed(grey, [Shift("noise", 0.1)], "stored").images for _ in range(2))
    assert torch.equal(first, second)
    assert torch.equal(torch.get_rng_state(), before)
    assert first.double().std().item() / 255 == pytest.approx(0.1, rel=0.02)
    assert first.double().mean().item() == pytest.approx(128, abs=0.5)


def test_blur_is_a_gaussian() -> None:
    inside = np.s_[:, 0, 6:-6, 6:-6]  # the edges are continued in another way
    expected = gaussian_filter(part().images.double().numpy(), (0, 0, 1.5, 1.5), truncate=10 / 3)
    np.testing.assert_allclose(shifted("blur", 1.5)[inside], expected[inside], atol=1.5)


def test_shifts_are_done_one_after_the_other() -> None:
    both = changed(part(), [Shift("brightness", 0.5), Shift("contrast", 2.0)], "stored")
    first = changed(part(), [Shift("brightness", 0.5)], "stored")
    assert torch.equal(both.images, changed(first, [Shift("contrast", 2.0)], "stored").images)


def test_the_order_is_as_stored_or_mixed_or_by_class() -> None:
    whole = part()
    stored, shuffled, by_class = (changed(whole, [], order) for order in ("stored", "shuffled", "sorted"))
    assert torch.equal(stored.labels, whole.labels)
    assert by_class.labels.tolist() == sorted(whole.labels.tolist())
    assert shuffled.labels.tolist() != stored.labels.tolist()
    for other in (shuffled, by_class):
        pairs = [sorted(zip(p.labels.tolist(), p.images.flatten(1).tolist(), strict=True)) for p in (whole, other)]
        assert pairs[0] == pairs[1]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "contrst=0.5",
            "unknown shift 'contrst'; allowed: blur, brightness, contrast, noise. Did you mean 'contrast'?",
        ),
        ("noise", "noise= is no strength of a shift; it has to be above 0 and at most 1, the standard deviation of "),
        ("noise=2", "noise=2 is no strength of a shift; it has to be above 0 and at most 1, "),
        ("blur=nan", "blur=nan is no strength of a shift; it has to be above 0 and at most 4, "),
    ],
)
def test_what_is_no_shift_is_refused(text: str, told: str) -> None:
    with pytest.raises(UserError) as error:
        Shift.parse(text)
    assert str(error.value).startswith(told)
