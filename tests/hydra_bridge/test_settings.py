"""Settings of a Python program as overrides: Hydra's parser reads the value that was given."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

from bnlab.hydra_bridge import overrides_of, sweep_of

VALUES = [
    *(
        "batch",
        "it's",
        "a b",
        "null",
        "True",
        "5",
        "1e-3",
        "",
        "a,b",
        "[x]",
        "${epochs}",
        "été",
        "c:\\d",
        "+5",
        "a\\'b",
    ),
    *(None, True, False, 3, -1, 0.1, 1e-5, 1e22, [128, 64], [], ["a", None], {"bias": False, "a": [1, {"c": "d e"}]}),
]


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_the_parser_reads_the_value_back(value: Any) -> None:
    (text,) = overrides_of({"norm.kwargs": value})
    override = OverridesParser.create().parse_override(text)
    found = override.value()
    assert override.key_or_group == "norm.kwargs"
    assert not override.is_sweep_override()
    assert found == value
    assert type(found) is type(value)


def test_paths_and_numpys_numbers_are_written_plainly() -> None:
    settings = {"runs_dir": Path("a b"), "optimizer.lr": np.float64(0.1)}
    assert overrides_of(settings) == ["runs_dir='a b'", "optimizer.lr=0.1"]


def test_a_list_is_swept_and_a_list_in_it_is_a_value() -> None:
    choices = {"norm": ["none", "batch"], "model.hidden": [[128, 64], [64]], "seed": range(2), "epochs": 3}
    assert sweep_of(choices) == ["norm=none,batch", "model.hidden=[128,64],[64]", "seed=0,1", "epochs=3"]
