"""Finds the classes of a file or folder that look like norms, without running their code, and verifies each."""

from __future__ import annotations

import ast
import os
import warnings
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bnlab.errors import UserError, printable
from bnlab.verification.checks import Verdict
from bnlab.verification.conventions import Declared, looks_like_norm
from bnlab.verification.sandbox import verify_confined

REFUSED = "cannot be verified"


@dataclass(frozen=True)
class Found:
    """The result for one class, or for a file without a class: a verdict, or the reason why there is none.

    Attributes:
        target: FILE.py:CLASS or FILE.py, with unprintable characters escaped.
        verdict: the verdict; None if the class cannot be verified.
        why: why it cannot be verified.
    """

    target: str
    verdict: Verdict | None = None
    why: str = ""

    @property
    def outcome(self) -> str:
        return REFUSED if self.verdict is None else self.verdict.outcome

    @property
    def failed(self) -> bool:
        return self.verdict is None or self.verdict.failed


def verify_all(
    where: str, scheme: str, seconds: float, kwargs: Mapping[str, Any], declared: Declared
) -> Iterator[Found]:
    """Verifies each class of a file or folder in a separate process, as many at once as there are cores.

    A crash or an endless loop of one class does not stop the others.

    Args:
        where: the file or folder.
        scheme, kwargs, declared: see `verdict.verify_class`; the same for all classes.
        seconds: time limit for one class.

    Raises:
        UserError: no such file or folder, or it has no Python file.
    """

    def one(target: str | Found) -> Found:
        if isinstance(target, Found):
            return target
        name = printable(target)
        try:
            return Found(name, verify_confined(target, scheme, seconds, kwargs, declared))
        except UserError as error:
            return Found(name, why=printable(str(error)))
        except RuntimeError as error:  # a fault of bnlab's own
            return Found(name, why=f"bnlab failed on it: {printable(str(error).strip()).splitlines()[-1]}")

    targets = [target for file in _files(where) for target in _targets(file)]
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        yield from pool.map(one, targets)


def _files(where: str) -> list[Path]:
    path = Path(where).expanduser()
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise UserError(f"there is no file or folder {where}; give an existing FILE.py, FILE.py:CLASS or folder")
    hidden = (".", "_")
    files = [file for file in sorted(path.rglob("*.py")) if not any(p.startswith(hidden) for p in _below(file, path))]
    if not files:
        raise UserError(f"{where} has no Python file; give a folder with FILE.py in it")
    return files


def _below(file: Path, folder: Path) -> tuple[str, ...]:
    return file.relative_to(folder).parts


def _targets(file: Path) -> Iterator[str | Found]:
    try:
        with warnings.catch_warnings(action="ignore"):
            tree = ast.parse(file.read_bytes())
    except (SyntaxError, ValueError, RecursionError, OSError) as error:
        line = f", line {error.lineno}" if isinstance(error, SyntaxError) and error.lineno else ""
        why = f"{file.name}{line}: {type(error).__name__}: {getattr(error, 'msg', error)}"
        yield Found(printable(str(file)), why=printable(why))
        return
    names = norm_classes(tree)
    if not names:
        yield Found(printable(str(file)), why="it has no class that looks like a norm; name one: FILE.py:CLASS")
    yield from (f"{file}:{name}" for name in names)


def norm_classes(tree: ast.Module) -> list[str]:
    """The names of a file's classes that look like norms: layers with the name of a norm, or else all its layers.

    A class counts as a layer if it derives from a `Module`, from an imported class with the name of a norm, or from
    another layer of the file.
    """
    classes = {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}
    layers = [name for name in classes if _is_layer(name, classes, set())]
    norms = [name for name in layers if looks_like_norm(name)]
    return norms or [name for name in layers if len(layers) == 1 or _takes_arguments(classes[name])]


def _is_layer(name: str, classes: Mapping[str, ast.ClassDef], seen: set[str]) -> bool:
    if name in seen:
        return False
    for base in classes[name].bases:
        said = ast.unparse(base).rpartition(".")[2]
        local = said in classes and _is_layer(said, classes, seen | {name})
        if local or (said not in classes and (said.endswith("Module") or looks_like_norm(said))):
            return True
    return False


def _takes_arguments(node: ast.ClassDef) -> bool:
    makers = [each for each in node.body if isinstance(each, ast.FunctionDef) and each.name == "__init__"]
    return all(len(maker.args.args) + len(maker.args.posonlyargs) > 1 for maker in makers)
