"""Finds the class that `norm.target` names, in a file or a module, without importing torch or the class's code."""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import os
import pkgutil
import sys
import sysconfig
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from bnlab.errors import UserError, nearest, shown


@dataclass(frozen=True)
class Target:
    """A class in a source file.

    Attributes:
        text: the target as the user wrote it.
        file: the source file.
        module: the module's dotted name; None if the target names a file.
        class_name: the class's name.
    """

    text: str
    file: Path
    module: str | None
    class_name: str

    @property
    def root(self) -> Path:
        """The folder in which local imports are looked up: the file's, or the one that has the whole package."""
        if self.module is None:
            return self.file.parent
        depth = self.module.count(".") + (self.file.name == "__init__.py")
        return self.file.parents[depth]

    def files(self) -> dict[str, Path]:
        """The file and every local file that it imports, directly or not, by their paths from the root.

        Local files lie below the root and belong to no installed package. Imports are read from the source, not run:
        an import whose name is computed is not found.

        Raises:
            UserError: a file cannot be read.
        """
        found: dict[str, Path] = {}
        waiting = [self.file]
        if self.module is not None and not is_installed(self.file):
            waiting += _files_of(self.root, self.module.split("."))
        while waiting:
            file = waiting.pop()
            name = file.relative_to(self.root).as_posix()
            if name not in found:
                found[name] = file
                waiting += () if is_installed(file) else _imported(self._read(file), file, self.root)
        return {name: found[name] for name in sorted(found)}

    def digest(self) -> str:
        """A digest of the contents of all its files, so that an edited file makes another run. Raises UserError."""
        texts = {name: hashlib.sha256(self._read(file)).hexdigest() for name, file in self.files().items()}
        if len(texts) == 1:
            return next(iter(texts.values()))[:16]
        return hashlib.sha256("".join(f"{name} {text}\n" for name, text in texts.items()).encode()).hexdigest()[:16]

    def _read(self, file: Path) -> bytes:
        try:
            return file.read_bytes()
        except OSError as error:
            raise UserError(f"{self.text}: {file} cannot be read ({error.strerror})") from error


def parse(text: str) -> Target:
    """The target for `FILE.py:CLASS`, relative to the working directory, or for `PACKAGE.MODULE:CLASS`.

    Raises:
        UserError: the text is neither, or there is no such file or module.
    """
    where, colon, class_name = text.rpartition(":")
    if not colon or not where or not class_name.isidentifier():
        raise UserError(f"'{text}' names no class; write FILE.py:CLASS or PACKAGE.MODULE:CLASS, e.g. my_bn.py:MyBN")
    if where.endswith(".py"):
        return Target(text, _file(where), None, class_name)
    return Target(text, _file_of_module(where), where, class_name)


def is_installed(path: Path) -> bool:
    """Whether a path belongs to Python's standard library or to a package that pip installed."""
    return bool({"site-packages", "dist-packages"} & set(path.parts)) or path.is_relative_to(_PYTHON)


_PYTHON = Path(sysconfig.get_path("stdlib"))


def _imported(text: bytes, file: Path, root: Path) -> Iterator[Path]:
    """The files below the root that a file with this text imports; none if the text is not valid Python."""
    try:
        with warnings.catch_warnings(action="ignore"):
            tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError):
        return
    package = file.parent.relative_to(root).parts
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield from _files_of(root, alias.name.split("."))
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) + 1 - node.level] if node.level else ()
            parts = [*above, *(node.module.split(".") if node.module else ())]
            for alias in node.names:
                yield from _files_of(root, [*parts, alias.name])


def _files_of(root: Path, parts: list[str]) -> Iterator[Path]:
    """The files below the root that importing a dotted name runs: each package's `__init__.py`, then the module.

    None for Python's own modules, which are found first, and for bnlab, whose version is recorded.
    """
    if parts[0] in sys.stdlib_module_names or parts[0] == "bnlab":
        return
    path = root
    for part in parts:
        path /= part
        for file in (path / "__init__.py", path.with_suffix(".py")):
            if file.is_file():
                yield file
                break


def _file(where: str) -> Path:
    path = Path(where).expanduser()
    if os.path.isfile(path):  # noqa: PTH113  # Path.is_file raises for a path that is too long
        return path.resolve()
    if os.path.isdir(path):  # noqa: PTH112
        raise UserError(f"{where} is a folder; give an existing FILE.py:CLASS")
    siblings = [str(path.parent / name) for name in _python_files(path.parent)]
    raise UserError(f"there is no file {shown(where)}; give an existing FILE.py:CLASS.{_near(where, siblings)}")


def _python_files(folder: Path) -> list[str]:
    try:
        return [file.name for file in folder.glob("*.py") if file.is_file()]
    except OSError:  # a path that is too long, or not readable
        return []


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
        f"there is no Python module {shown(name)}; give PACKAGE.MODULE:CLASS that can be imported here, or "
        f"FILE.py:CLASS.{_near(name, modules)}"
    )


def _near(received: str, allowed: Iterable[str]) -> str:
    """As `errors.nearest`, but only names with the same first letter: among hundreds, one always looks similar."""
    start = Path(received).name[:1]
    return nearest(received, [name for name in allowed if Path(name).name.startswith(start) and name != received])
