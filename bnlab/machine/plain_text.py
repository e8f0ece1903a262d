"""Output in encodings without all of Unicode: characters that cannot be encoded are written in ASCII."""

from __future__ import annotations

import codecs
import sys
import unicodedata
from io import TextIOWrapper

HANDLER = "bnlab.machine.plain_text"

IN_ASCII = {
    "−": "-",
    "–": "-",
    "·": "*",
    "√": "sqrt",
    "⌈": "ceil(",
    "⌉": ")",
    "⌊": "floor(",
    "⌋": ")",
    "Σ": "sum",
    "∫": "integral ",
    "∂": "d",
    "∇": "grad ",
    "Δ": "delta ",
    "±": "+-",
    "≈": "~",
    "≤": "<=",
    "≥": ">=",
    "←": "<-",
    "→": "->",
    "‖": "|",
    "²": "^2",
    "³": "^3",
    "ε": "eps",
    "λ": "lambda",
    "\N{COMBINING CIRCUMFLEX ACCENT}": "^",
    "…": "...",
    "×": "x",
    "“": '"',
    "”": '"',
    "’": "'",
    "µ": "u",
}


def begin() -> None:
    """From now on stdout and stderr accept every character, whatever their encoding is."""
    codecs.register_error(HANDLER, _replace)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors=HANDLER)


def in_ascii(character: str) -> str:
    """A character in ASCII: `mu` for μ, `e` for é, and `?` for one that has no such form."""
    if character in IN_ASCII:
        return IN_ASCII[character]
    name = unicodedata.name(character, "")
    if name.startswith("GREEK SMALL LETTER "):
        return name.split()[-1].lower()
    decomposed = unicodedata.normalize("NFKD", character).encode("ascii", "ignore").decode()
    return decomposed or "?"


def _replace(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(map(in_ascii, error.object[error.start : error.end])), error.end
