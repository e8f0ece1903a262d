"""`bnlab verify`: what its arguments mean."""

from __future__ import annotations

import sys

from rich.console import Console

from bnlab.errors import UserError
from bnlab.norms import SCHEMES
from bnlab.norms.keras_layers import is_installed as keras_installed
from bnlab.verify import show
from bnlab.verify.verdict import Verdict, verify_class, verify_schemes


def verify(
    target: str | None,
    scheme: str,
    impl: str | None,
    *,
    everything: bool,
    as_json: bool,
    markdown: bool,
    seconds: float,
) -> int:
    """Prints the verdicts; the exit code: 1 when a check failed.

    Args:
        target: a scheme, `FILE.py:CLASS`, `PACKAGE.MODULE:CLASS`, or None for all schemes.
        scheme: what a class is to compute.
        impl: one of the impls; None is native and custom.
        everything: all schemes, and Keras's layers where Keras is installed.
        as_json: print JSON instead of tables.
        markdown: print the equivalence table in Markdown instead.
        seconds: how long a class may take.

    Raises:
        UserError: see verdict.py; options that exclude each other; a time limit that is not positive.
    """
    _check(target, impl, everything=everything, both=as_json and markdown, seconds=seconds)
    skipped: list[str] = []
    if target and (":" in target or target.endswith(".py")):
        verdicts = [verify_class(target, scheme, seconds)]
    else:
        verdicts = _of_schemes([target] if target else list(SCHEMES), _impls(impl, everything, skipped))
    if not verdicts:
        raise UserError(f"norm '{target}' has no {impl} layer")
    if as_json:
        sys.stdout.write(f"{show.to_json(verdicts, skipped)}\n")
    elif markdown:
        sys.stdout.write(show.to_markdown(verdicts, skipped))
    else:
        console = Console(highlight=False, markup=False)
        show.print_tables(verdicts, console)
        for line in skipped:
            console.print(line, soft_wrap=True)
    return int(any(verdict.report.failed for verdict in verdicts))


def _check(target: str | None, impl: str | None, *, everything: bool, both: bool, seconds: float) -> None:
    if both:
        raise UserError("--json and --markdown exclude each other; choose one")
    if everything and (target or impl):
        raise UserError(f"--all is every scheme and impl; leave out '{target or f'--impl {impl}'}', or --all")
    if seconds <= 0:
        raise UserError(f"--time-limit {seconds:g} is out of range; it has to be above 0")


def _impls(impl: str | None, everything: bool, skipped: list[str]) -> list[str]:
    if impl:
        return [impl]
    if everything and not keras_installed():
        skipped.append("keras is not verified: it is not installed (pip install 'bnlab[keras]')")
    return ["native", "custom", *(["keras"] if everything and keras_installed() else [])]


def _of_schemes(schemes: list[str], impls: list[str]) -> list[Verdict]:
    verdicts = []
    with Console(stderr=True).status("verifying") as status:
        for verdict in verify_schemes(schemes, impls):
            verdicts.append(verdict)
            status.update(f"verified {verdict.report.subject.scheme} {verdict.report.subject.name}")
    return verdicts
