"""Finds the line of the user's file that makes a mistake, by regular expressions, and suggests a corrected line.

A matching pattern is no proof. Corrected lines are shown only if the class fails fewer checks with all of them.
"""

from __future__ import annotations

import inspect
import re
import sys
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from torch import nn

from bnlab.verification.checks import FAIL, Diagnosis, Verdict

_EPS = r"(?:self\.)?\w*eps\w*"
_STATISTIC = r"self\.(?:running|moving|run|ema)_?\w+"

LINES: dict[str, tuple[tuple[str, str], ...]] = {
    "eps outside": (
        (rf"(torch\.sqrt|math\.sqrt)\(([\w.]+)\) \+ ({_EPS})", r"\1(\2 + \3)"),
        (rf"([\w.]+)\.sqrt\(\) \+ ({_EPS})", r"(\1 + \2).sqrt()"),
        (rf"\(?(\w+\.std\((?:[^()]|\([^()]*\))*\)|\w*(?:std|rms)\w*) \+ ({_EPS})\)?", r"(\1 ** 2 + \2).sqrt()"),
    ),
    "eps missing": ((r"(torch\.sqrt)\((\w+)\)", r"\1(\2 + self.eps)"), (r"(\w+)\.sqrt\(\)", r"(\1 + self.eps).sqrt()")),
    "eps as a floor": ((rf"(\w+)\.clamp\(min=({_EPS})\)", r"(\1 + \2)"),),
    "unbiased variance normalizes": (
        (r"(\w+)\.(var|std)\(((?:(?!unbiased|correction)[^()]|\([^()]*\))*)\)", r"\1.\2(\3, unbiased=False)"),
        (r"torch\.(var|std)\(((?:(?!unbiased|correction)[^()]|\([^()]*\))*)\)", r"torch.\1(\2, unbiased=False)"),
    ),
    "divided by the variance": ((rf"/ \((\w+) \+ ({_EPS})\)", r"/ torch.sqrt(\1 + \2)"),),
    "multiplied by the deviation": ((r"\* torch\.sqrt\(", "* torch.rsqrt("), (r"/ torch\.rsqrt\(", "* torch.rsqrt(")),
    "sum of squares divides": ((r"\.sum\(", ".mean("),),
    "beta subtracted": ((r"- (self\.(?:beta|bias|shift))", r"+ \1"),),
    "affine swapped": ((r"(self\.beta) \* (.+) \+ (self\.gamma)", r"\3 * \2 + \1"),),
    "beta missing": ((r"(return self\.(?:gamma|weight|scale) \* .+)$", r"\1 + self.beta"),),
    "one added to gamma": ((r"\(1(?:\.0)? \+ (self\.\w+)\)", r"\1"),),
    "momentum inverted": (
        (rf"(self\.\w+) \* ({_STATISTIC}) \+ \(1 - \1\) \* ", r"(1 - \1) * \2 + \1 * "),
        (r"\.mul_\((self\.\w+)\)\.add_\(\(1 - \1\) \* ", r".mul_(1 - \1).add_(\1 * "),
    ),
    "stored variance biased": ((rf"({_STATISTIC}(?:.*[^\w.])?)(var)\b(?!.*\bvar\b)", r"\1\2 * n / (n - 1)"),),
    "running variance starts at 0": ((r"(running_var\w*\"?,? ?=? ?)torch\.zeros", r"\1torch.ones"),),
    "mode taken from the gradient switch": ((r"torch\.is_grad_enabled\(\)", "self.training"),),
    "statistics are no buffers": (
        (r"self\.((?:running|moving|run|ema)_?\w+) = (torch\.(?:zeros|ones)\(.*\))", r'self.register_buffer("\1", \2)'),
    ),
    "weight is no parameter": ((r"self\.(\w+) = (torch\.ones\(.*\))", r"self.\1 = nn.Parameter(\2)"),),
    "bias is no parameter": ((r"self\.(\w+) = (torch\.zeros\(.*\))", r"self.\1 = nn.Parameter(\2)"),),
    "weight is uninitialised": ((r"(self\.(?:weight|gamma|scale|g)\b.*?)torch\.(?:empty|Tensor)\(", r"\1torch.ones("),),
    "bias is uninitialised": ((r"(self\.(?:bias|beta|shift)\b.*)torch\.(?:empty|Tensor)\(", r"\1torch.zeros("),),
    "layers in a list": ((r"self\.(\w+) = (\[.*\])", r"self.\1 = nn.ModuleList(\2)"),),
    "input changed": (
        (r"^(\s*)(\w+) ([-+*/])= (.+)$", r"\1\2 = \2 \3 (\4)"),
        (r"\b(x|input|inputs)\.(sub|div|mul|add)_\(", r"\1.\2("),
    ),
}
"""For each mistake, by its name: pairs of a pattern for its line and the replacement, the likeliest pair first."""


@dataclass(frozen=True)
class Line:
    """A line of a class, its number in the class's source (from 0), and the corrected line."""

    number: int
    code: str
    mended: str


def with_lines(verdict: Verdict, cls: type[nn.Module], failures_of: Callable[[type[nn.Module]], int]) -> Verdict:
    """Adds to each diagnosis of a verdict the line that makes the mistake, where it is found.

    Args:
        verdict: the verdict on the class.
        cls: the class; only its own lines are searched, not inherited ones.
        failures_of: counts the checks that a class fails, here the class with corrected lines; it may raise.
    """
    try:
        source, first = inspect.getsourcelines(cls)
        file = Path(inspect.getsourcefile(cls) or "").name
    except (OSError, TypeError):
        return verdict
    found = {each.mistake: _line_of(each.mistake, source) for each in verdict.diagnoses}
    failed = sum(result.status == FAIL for result in verdict.results)
    lines = [line for line in found.values() if line is not None]
    mends = bool(lines) and _mended_failures(cls, source, lines, failures_of) < failed

    def told(diagnosis: Diagnosis) -> Diagnosis:
        line = found[diagnosis.mistake]
        if line is None:
            return diagnosis
        where = f"{file}, line {first + line.number}: {line.code.strip()}"
        return replace(diagnosis, line=where, mended=f"mended: {line.mended.strip()}" if mends else "")

    return replace(verdict, diagnoses=tuple(told(diagnosis) for diagnosis in verdict.diagnoses))


def _line_of(mistake: str, source: list[str]) -> Line | None:
    return next(_matches(mistake, source), None)


def _matches(mistake: str, source: list[str]) -> Iterator[Line]:
    for pattern, instead in LINES.get(mistake, ()):
        for number, code in enumerate(source):
            mended = re.sub(pattern, instead, code)
            if mended != code and not code.lstrip().startswith("#"):
                yield Line(number, code, mended)


def _mended_failures(
    cls: type[nn.Module], source: list[str], lines: list[Line], failures_of: Callable[[type[nn.Module]], int]
) -> float:
    """How many checks the class fails with corrected lines; infinite if the corrected code does not run."""
    text = list(source)
    for line in lines:
        if text[line.number] == line.code:
            text[line.number] = line.mended
        else:  # two mistakes in one line
            return float("inf")
    scope: dict[str, Any] = dict(vars(sys.modules[cls.__module__]))
    scope.setdefault("nn", nn)
    try:
        exec(textwrap.dedent("".join(text)), scope)
        return failures_of(scope[cls.__name__])
    except (Exception, SystemExit):
        return float("inf")
