"""The shipped configuration with values changed, as Python rather than as overrides."""

import pytest

from bnlab.config import RunConfig, from_mapping
from bnlab.errors import UserError
from tests.compose import compose


def changed(overrides: tuple[str, ...], **values: object) -> RunConfig:
    """The checked configuration with some values replaced: `optimizer__lr=0.1` is optimizer.lr."""
    mapping = compose(overrides)
    for key, value in values.items():
        section, _, setting = key.partition("__")
        if setting:
            mapping[section][setting] = value
        else:
            mapping[section] = value
    return from_mapping(mapping)


def refused(choices: tuple[str, ...], **changes: object) -> str:
    with pytest.raises(UserError) as error:
        changed(choices, **changes)
    assert "\n" not in str(error.value)
    return str(error.value)
