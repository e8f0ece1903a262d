"""Values in errors: as they are written on the command line."""

import pytest

from bnlab.errors import SettingError, written


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null"),
        (True, "true"),
        (0, "0"),
        (1, "1"),
        (1e-05, "1e-05"),
        ("none", "none"),
        ([128, None], "[128,null]"),
        ((0.9, [True]), "[0.9,[true]]"),
        ({"eps": False, "a": []}, "{eps:false,a:[]}"),
    ],
)
def test_a_value_is_shown_as_it_is_written_on_the_command_line(value: object, text: str) -> None:
    assert written(value) == text
    assert str(SettingError("some.key", value, "is refused")) == f"some.key={text} is refused"
