"""Prints, as a constraints file for pip, the lowest version of every library that pyproject.toml allows."""

import re
import tomllib
from pathlib import Path

project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
extras = project["optional-dependencies"]
for requirement in [*project["dependencies"], *(each for name in extras if name != "dev" for each in extras[name])]:
    if not requirement.startswith("bnlab["):
        name, lowest = re.fullmatch(r"([\w-]+)(?:\[[\w,]+\])?>=([\w.]+)(?:,<[\w.]+)?", requirement).groups()
        print(f"{name}=={lowest}")
