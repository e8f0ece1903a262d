"""Lists in sentences can be read, whatever the names in them are."""

import pytest

from bnlab.report.comparison.wording import listed


@pytest.mark.parametrize(
    ("items", "said"),
    [
        (["a", "b"], "a, b"),
        (["a", "b", "c"], "a, b and 1 more"),
        (["a, lr 1", "b, lr 2", "c"], "a, lr 1; b, lr 2 and 1 more"),
        (["a by 1 [0, 2]", "b by 2 [1, 3]"], "a by 1 [0, 2], b by 2 [1, 3]"),
        (["a", "b", "c, d"], "a, b and 1 more"),
    ],
)
def test_items_with_commas_are_parted_by_semicolons(items: list[str], said: str) -> None:
    assert listed(items, 2) == said
