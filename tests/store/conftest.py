"""What the tests of damaged and hostile stores begin with."""

from pathlib import Path

import pytest

from bnlab.config import from_mapping
from bnlab.launch import run
from tests.compose import compose
from tests.store.hostile import TRAIN


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two runs of two seeds with their weights, as they were stored; to be copied, not changed."""
    folder = tmp_path_factory.mktemp("trained")
    names = ("none", "layer")
    run([from_mapping(compose([*TRAIN, f"norm={name}", "seeds=2", f"runs_dir={folder}"])) for name in names])
    return folder
