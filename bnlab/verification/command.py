"""`bnlab verify`: checks its arguments, verifies layers and prints the verdicts."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from rich.console import Console

from bnlab.config import mapping_of
from bnlab.errors import UserError
from bnlab.machine import status
from bnlab.norms import SCHEMES
from bnlab.verification import show
from bnlab.verification.checks import Verdict
from bnlab.verification.conventions import AUTO, Declared
from bnlab.verification.listing import Found, verify_all
from bnlab.verification.reference import REFERENCES
from bnlab.verification.sandbox import verify_confined

LONGEST = 1e6
"""The largest time limit in seconds; the watchdog of every platform accepts it."""


def verify(
    target: str | None,
    scheme: str | None,
    impl: str | None,
    *,
    everything: bool,
    as_json: bool,
    markdown: bool,
    seconds: float,
    kwargs: str | None = None,
    declared: Declared | None = None,
    explain: bool = False,
) -> int:
    """Verifies layers and prints the verdicts.

    Args:
        target: a scheme, `FILE.py:CLASS`, `PACKAGE.MODULE:CLASS`, or None for all schemes; or a `FILE.py` or a folder,
            which stands for all classes in it that look like norms.
        scheme: the scheme that a class should compute; None takes it from the class's name, or else takes the scheme
            whose output is nearest to the class's.
        impl: one implementation of the schemes; None is native and custom.
        everything: verify all schemes, and Keras's layers where Keras is installed.
        as_json: print JSON instead of tables.
        markdown: print the equivalence table in Markdown instead.
        seconds: time limit for one class.
        kwargs: further arguments of a class's constructor, as YAML, e.g. `{bias: false}`.
        declared: what the user states about a class.
        explain: for the first wrong value, print the formula with its numbers.

    Returns:
        The exit code: 1 if a check failed, else 0.

    Raises:
        UserError: see verdict.py and listing.py; options that exclude each other; a time limit out of range.
    """
    if as_json and markdown:
        raise UserError("--json and --markdown exclude each other; choose one")
    skipped: list[str] = []
    declared = declared or Declared()
    if target is not None and (":" in target or _is_path(target)):
        _check_class(target, impl, everything, seconds)
        given = (scheme or AUTO, seconds, _kwargs_of(kwargs), declared)
        status.show(f"verifying {target}")
        if ":" not in target:
            return _listed(list(verify_all(target, *given)), as_json=as_json, markdown=markdown)
        verdicts = [verify_confined(target, *given)]
        status.clear()
    else:
        _check_schemes(target, scheme, impl, everything, kwargs, declared)
        schemes = _with_reference(skipped) if target is None else [target]
        verdicts = _of_schemes(schemes, _impls(impl, everything, skipped))
    if not verdicts:
        raise UserError(f"norm '{target}' has no {impl} layer")
    if as_json:
        sys.stdout.write(f"{show.to_json(verdicts, skipped)}\n")
    elif markdown:
        sys.stdout.write(show.to_markdown(verdicts, skipped) + (f"\n{show.known_to_markdown()}" if everything else ""))
    else:
        console = Console(highlight=False, markup=False)
        show.print_tables(verdicts, console, explain=explain)
        for line in skipped:
            console.print(line, soft_wrap=True)
    return int(any(verdict.failed for verdict in verdicts))


def _is_path(target: str) -> bool:
    return (
        target.endswith(".py") or os.sep in target or (bool(target) and target not in SCHEMES and Path(target).is_dir())
    )


def _listed(found: list[Found], *, as_json: bool, markdown: bool) -> int:
    """Prints a line for each class of a file or folder; returns the exit code."""
    status.clear()
    if as_json:
        sys.stdout.write(f"{show.list_to_json(found)}\n")
    elif markdown:
        sys.stdout.write(show.list_to_markdown(found))
    else:
        show.print_list(found, Console(highlight=False, markup=False))
    return int(any(each.failed for each in found))


def _check_class(target: str, impl: str | None, everything: bool, seconds: float) -> None:
    if everything:
        raise UserError(f"--all is every scheme and impl; leave out '{target}', or --all")
    if impl:
        raise UserError(f"--impl {impl} is of bnlab's own layers; leave it out for the class {target}")
    if not 0 < seconds <= LONGEST:
        raise UserError(f"--time-limit {seconds:g} is out of range; it has to be above 0, and at most {LONGEST:g}")


def _kwargs_of(text: str | None) -> dict[str, Any]:
    found = mapping_of(text or "{}")
    if found is None:
        raise UserError(f"--kwargs {text} is of the wrong type; it has to be a mapping, e.g. '{{bias: false}}'")
    return found


def _check_schemes(
    target: str | None,
    scheme: str | None,
    impl: str | None,
    everything: bool,
    kwargs: str | None,
    declared: Declared,
) -> None:
    if declared != Declared():
        raise UserError(
            "--affine, --momentum, --no-running-stats and --layout are of a class, and no class is given; write"
            " FILE.py:CLASS"
        )
    if kwargs:
        raise UserError(f"--kwargs {kwargs} are of a class, and no class is given; write FILE.py:CLASS")
    if everything and (target or impl):
        raise UserError(f"--all is every scheme and impl; leave out '{target or f'--impl {impl}'}', or --all")
    if scheme:
        raise UserError(
            f"--as {scheme} says what a class is to compute, and no class is given; write FILE.py:CLASS --as {scheme},"
            f" or verify {scheme}"
        )


def _with_reference(skipped: list[str]) -> list[str]:
    without = [name for name in SCHEMES if name not in REFERENCES]
    skipped.extend(
        f"{name} is not verified: it has no reference in bnlab/verification/reference/reference.py" for name in without
    )
    return [name for name in SCHEMES if name in REFERENCES]


def _impls(impl: str | None, everything: bool, skipped: list[str]) -> list[str]:
    if impl:
        return [impl]
    if not everything:
        return ["native", "custom"]
    from bnlab.norms.keras_layers import is_installed  # imports torch

    if not is_installed():
        skipped.append("keras is not verified: it is not installed (pip install 'bnlab[keras]')")
    return ["native", "custom", *(["keras"] if is_installed() else [])]


def _of_schemes(schemes: list[str], impls: list[str]) -> list[Verdict]:
    status.show("loading PyTorch")
    from bnlab.verification.verdict import verify_schemes  # imports torch

    verdicts = []
    for verdict in verify_schemes(schemes, impls):
        verdicts.append(verdict)
        status.follow(f"verified {verdict.scheme} {verdict.name}")
    status.clear()
    return verdicts
