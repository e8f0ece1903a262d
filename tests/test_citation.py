"""CITATION.cff: what it says of bnlab is what the package says."""

from pathlib import Path

import yaml

import bnlab

CHECKOUT = Path(__file__).parents[1]


def test_the_citation_is_of_this_version() -> None:
    said = yaml.safe_load((CHECKOUT / "CITATION.cff").read_text(encoding="utf-8"))
    assert {"cff-version", "message", "title", "authors"} <= said.keys()  # what the format asks for
    assert (said["version"], said["license"], said["type"]) == (bnlab.__version__, "MIT", "software")
    assert f'version = "{bnlab.__version__}"' in (CHECKOUT / "pyproject.toml").read_text(encoding="utf-8")
