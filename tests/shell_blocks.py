"""The commands that a Markdown text shows."""

from __future__ import annotations

import re


def commands(text: str) -> list[str]:
    """The lines of the shell blocks that start with bnlab, without comments."""
    blocks = re.findall(r"```sh\n(.*?)```", text, flags=re.DOTALL)
    lines = [line.partition("  #")[0].strip() for block in blocks for line in block.splitlines()]
    return [line for line in lines if line.startswith("bnlab ")]
