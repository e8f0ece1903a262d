from pathlib import Path

import pytest

from bnlab.data import Source, load


@pytest.fixture(scope="session")
def mnist_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("mnist")


@pytest.fixture(scope="session")
def mnist(mnist_root: Path) -> Source:
    return load("mnist", mnist_root)
