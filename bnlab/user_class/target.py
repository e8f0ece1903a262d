"""What `norm.target` names: a class in a file or a module. Found without importing torch, or the class's own code."""

from __future__ import annotations

import hashlib
import importlib.util
import pkgutil
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from bnlab.errors import UserError, nearest


@dataclass(frozen=True)
class Target:
    """A class of the source file `file`; `module` is its dotted name, or None if it was named by its file."""

    text: str
    file: Path
    module: str | None
    class_name: str

    def digest(self) -> str:
        """Of the file's text, so that an edited file is another run."""
        try:
            return hashlib.sha256(self.file.read_bytes()).hexdigest()[:16]
        except OSError as error:
            raise UserError(f"{self.text}: {self.file} cannot be read ({error.strerror})") from error


def parse(text: str) -> Target:
    """The target of `FILE.py:CLASS`, the file relative to the working directory, or of `PACKAGE.MODULE:CLASS`.

    Raises:
        UserError: it is neither, or there is no such file or module.
    """
    where, colon, class_name = text.rpartition(":")
    if not colon or not where or not class_name.isidentifier():
        raise UserError(f"'{text}' names no class; write FILE.py:CLASS or PACKAGE.MODULE:CLASS, e.g. my_bn.py:MyBN")
    if where.endswith(".py"):
        return Target(text, _file(where), None, class_name)
    return Target(text, _file_of_module(where), where, class_name)


def _file(where: str) -> Path:
    path = Path(where).expanduser()
    if path.is_file():
        return path.resolve()
    if path.is_dir():
        raise UserError(f"{where} is a folder; give an existing FILE.py:CLASS")
    siblings = [str(path.parent / file.name) for file in path.parent.glob("*.py") if file.is_file()]
    raise UserError(f"there is no file {where}; give an existing FILE.py:CLASS.{_near(where, siblings)}")


def _file_of_module(name: str) -> Path:
    if "" not in sys.path and str(Path.cwd()) not in sys.path:
        sys.path.append(str(Path.cwd()))  # a console script does not look there by itself
    try:
        spec = importlib.util.find_spec(name)
    except (ImportError, ValueError):
        spec = None
    if spec is not None and spec.origin is not None and spec.origin.endswith(".py"):
        return Path(spec.origin)
    if spec is not None:
        raise UserError(f"the Python module {name} has no source file; give one of .py, or FILE.py:CLASS")
    modules = [*sys.stdlib_module_names, *(module.name for module in pkgutil.iter_modules())]
    parent, dot, _ = name.rpartition(".")
    if dot and parent in sys.modules:
        inside = getattr(sys.modules[parent], "__path__", [])
        modules = [f"{parent}.{module.name}" for module in pkgutil.iter_modules(inside)]
    raise UserError(
        f"there is no Python module {name}; give PACKAGE.MODULE:CLASS that can be imported here, or FILE.py:CLASS."
        f"{_near(name, modules)}"
    )


def _near(received: str, allowed: Iterable[str]) -> str:
    """As `nearest`, of names that begin alike: of any hundreds of files or modules one is always a little like it."""
    start = Path(received).name[:1]
    return nearest(received, [name for name in allowed if Path(name).name.startswith(start) and name != received])
