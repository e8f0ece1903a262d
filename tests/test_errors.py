"""Values in errors: as they are written on the command line."""

import pytest

from bnlab.errors import SettingError, nearest, unknown, written


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


@pytest.mark.parametrize(
    ("received", "meant"),
    [
        ("batchnorm", "batch"),
        ("BatchNorm1d", "batch"),
        ("batch_norm", "batch"),
        ("batchrenorm", "batch_renorm"),
        ("layernorm", "layer"),
        ("weightnorm", "weight_norm"),
        ("btch", "batch"),
    ],
)
def test_the_name_that_was_meant(received: str, meant: str) -> None:
    allowed = ["batch", "batch_renorm", "layer", "none", "weight_norm", "weight_standardization"]
    assert nearest(received, allowed) == f" Did you mean '{meant}'?"


def test_what_others_call_a_name() -> None:
    error = unknown("state", "Finished", ["done", "failed"], {"finished": "done"})
    assert str(error) == "unknown state 'Finished'; allowed: done, failed. Did you mean 'done'?"
