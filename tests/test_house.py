"""The rules of the house (ARCHITECTURE.md): faces, directions, no circle, and who alone may know what."""

from __future__ import annotations

import ast
import functools
import graphlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "bnlab"

MAY_IMPORT = {
    "errors": "",
    "seeds": "",
    "declarations": "",
    "ranges": "errors",
    "machine": "errors",
    "user_class": "errors machine",
    "norms": "declarations errors ranges seeds",
    "config": "errors norms ranges user_class",
    "data": "errors machine seeds",
    "models": "config declarations norms seeds user_class",
    "lifting": "declarations",
    "engine": "config data errors lifting machine",
    "keras_engine": "config data engine errors machine models norms seeds",
    "probes": "config engine errors lifting models",
    "store": "config errors",
    "runs": "config errors machine store",
    "trackers": "config engine errors store",
    "launch": "config data engine errors keras_engine lifting machine models norms probes runs seeds store "
    "trackers user_class",
    "export": "errors launch models norms store",
    "hydra_bridge": "config errors launch machine store",
    "stats": "",
    "report": "config errors machine runs stats store",
    "studies": "config errors hydra_bridge launch report runs stats store",
    "verification": "config errors machine norms store user_class",
    "bench": "config data engine errors hydra_bridge launch machine norms store",
    "cli": "bench config errors export hydra_bridge launch machine norms report runs store studies verification",
    "python": "errors hydra_bridge launch report runs store studies verification",
    "__main__": "cli machine",
}
"""What each room may import: those below it. The picture of it is in ARCHITECTURE.md."""

OWNERS = {"hydra": {"hydra_bridge", "hydra_plugins"}, "omegaconf": {"hydra_bridge", "hydra_plugins", "config"}}
"""Who alone may import a library: all others are free of its ways. OmegaConf is also what checks types in config."""
MOST_FLAT_MODULES = 6


@dataclass(frozen=True)
class Import:
    """`module` imports `name` from `source`; `name` is empty where a module as such is imported."""

    module: str
    source: str
    name: str

    def __str__(self) -> str:
        return f"{self.module}: from {self.source} import {self.name}"


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def room(module: str) -> str:
    """The second part of a dotted name: `store` of bnlab.store.files; of hydra_plugins the first."""
    first, _, rest = module.partition(".")
    return rest.partition(".")[0] if first == "bnlab" else first


MODULES = {module_name(path): path for path in [*PACKAGE.rglob("*.py"), *ROOT.glob("hydra_plugins/*.py")]}
PACKAGES = {name for name, path in MODULES.items() if path.name == "__init__.py"}


@functools.cache
def imports(module: str) -> list[Import]:
    return list(_imports(module))


def _imports(module: str) -> Iterator[Import]:
    """All of a module, also those within functions."""
    for node in ast.walk(ast.parse(MODULES[module].read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module} imports relatively"
            for alias in node.names:
                yield Import(module, node.module or "", alias.name)
        elif isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(module, alias.name, "")


ALL = [each for module in MODULES for each in imports(module)]
OWN = [each for each in ALL if each.source.split(".")[0] == "bnlab"]


def target(each: Import) -> str:
    """The module that is imported, or imported from."""
    inside = f"{each.source}.{each.name}"
    return inside if inside in MODULES else each.source


@functools.cache
def exported(package: str) -> set[str]:
    """The names in a face's `__all__`."""
    for node in ast.parse(MODULES[package].read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            return set(ast.literal_eval(node.value))
    return set()


def passes_a_face(each: Import) -> bool:
    """Whether it reaches a package's inside from outside, by a module that is no door of it or a name not exported."""
    parts = target(each).split(".")
    for length in range(2, len(parts) + 1):
        package = ".".join(parts[:length])
        if package not in PACKAGES or f"{each.module}.".startswith(f"{package}."):
            continue
        if not exported(package) and each.module.startswith(f"{package.rpartition('.')[0]}."):
            continue  # no room, but a folder of one: the files of one kind, found by their names
        inside = parts[length:]
        if not inside:  # by the face's own name, or a name from it
            return each.source == package and each.name not in exported(package) and bool(each.name)
        return len(inside) > 1 or inside[0] not in exported(package)
    return False


def test_nobody_imports_past_a_face() -> None:
    assert [str(each) for each in OWN if passes_a_face(each)] == []


def test_arrows_go_down_only() -> None:
    assert {room(name) for name in MODULES if room(name)} == MAY_IMPORT.keys() | {"hydra_plugins"}
    upward = [
        str(each)
        for each in OWN
        if room(each.module) not in (room(target(each)), "hydra_plugins", "")
        and room(target(each)) not in MAY_IMPORT[room(each.module)].split()
        and room(target(each)) != ""  # the package's own version
    ]
    assert upward == []


def test_no_arrow_is_allowed_that_nobody_needs() -> None:
    used = {(room(each.module), room(target(each))) for each in OWN}
    allowed = {(above, below) for above, names in MAY_IMPORT.items() for below in names.split()}
    assert allowed - used == set()


def test_there_is_no_circle_of_rooms_or_of_modules() -> None:
    rooms = {above: below.split() for above, below in MAY_IMPORT.items()}
    modules: dict[str, set[str]] = {module: set() for module in MODULES}
    for each in OWN:
        if target(each) != each.module and target(each) not in PACKAGES:
            modules[each.module].add(target(each))
    for graph in (rooms, modules):
        assert len(list(graphlib.TopologicalSorter(graph).static_order())) >= len(graph)


def test_every_room_says_what_lives_there() -> None:
    for package in sorted(PACKAGES):
        said = ast.get_docstring(ast.parse(MODULES[package].read_text(encoding="utf-8")))
        assert said, f"{package} has no word on what lives there"
        defined = [
            node
            for node in ast.parse(MODULES[package].read_text(encoding="utf-8")).body
            if isinstance(node, ast.FunctionDef | ast.ClassDef)
        ]
        assert not defined, f"{package} is more than a face"


def test_a_faces_names_hide_no_module() -> None:
    """`from room.thing import thing` makes room.thing the function, for whoever wants the module."""
    hidden = [
        f"{package}.{name}"
        for package in PACKAGES
        for name in exported(package)
        if f"{package}.{name}" in MODULES
        for each in imports(package)
        if each.name == name and each.source != package
    ]
    assert hidden == []


def test_few_modules_lie_flat() -> None:
    flat = [name for name, path in MODULES.items() if path.parent == PACKAGE]
    assert len(flat) <= MOST_FLAT_MODULES, flat


def test_hydra_stays_behind_its_bridge() -> None:
    libraries = [(each, OWNERS.get(each.source.split(".")[0])) for each in ALL]
    assert [str(each) for each, owners in libraries if owners and room(each.module) not in owners] == []
