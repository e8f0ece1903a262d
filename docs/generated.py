"""Pages of the site that are made from what is in the repository already: run by mkdocs as it builds."""

import os
import re
import subprocess
import sys
from pathlib import Path

import mkdocs_gen_files

TOP = Path(__file__).parents[1]
PAGES = {
    "README.md": "index.md",
    "README.zh-CN.md": "README.zh-CN.md",
    "ARCHITECTURE.md": "ARCHITECTURE.md",
    "CONTRIBUTING.md": "CONTRIBUTING.md",
    "CHANGELOG.md": "CHANGELOG.md",
    "STUDIES.md": "STUDIES.md",
    "examples/README.md": "examples.md",
}
"""Where documents from outside docs/ stand in the site."""


def page(path: str, text: str) -> None:
    with mkdocs_gen_files.open(path, "w") as file:
        file.write(text)


def linked(text: str) -> str:
    """The text with its links as they are in the site; those to code, which is not there, are plain words."""
    text = re.sub(r"\]\((?:\.\./)?(?:docs/)?", "](", text)
    for source, target in PAGES.items():
        text = text.replace(f"]({source}", f"]({target}")
    return re.sub(r"\[([^]]*)\]\([^)]*\.py\)", r"`\1`", text)


def help_of(*words: str) -> str:
    plain = os.environ | {"COLUMNS": "100", "TERM": "dumb", "NO_COLOR": "1"}
    command = [sys.executable, "-m", "bnlab", *words, "--help"]
    return subprocess.run(command, env=plain, text=True, capture_output=True, check=True).stdout.rstrip()


def commands() -> str:
    """What every command says of itself."""
    whole = help_of()
    names = re.findall(r"^(?:│ )?\s?(\w+) {2,}", whole.partition("Commands")[2], flags=re.MULTILINE)
    parts = [f"# Commands\n\n```text\n{whole}\n```\n"]
    parts += [f"## bnlab {name}\n\n```text\n{help_of(name)}\n```\n" for name in names]
    return "\n".join(parts)


def settings() -> str:
    """Every file of conf/ but the studies, whose comments explain the settings."""
    parts = ["# Settings\n\nThe shipped files, with the defaults. Each line is a setting of the command line.\n"]
    groups = sorted({path.parent.name for path in (TOP / "conf").glob("*/*.yaml")} - {"study"})
    for group in ("", *groups):
        parts.append(f"## {group or 'in no group'}\n")
        for path in sorted((TOP / "conf" / group).glob("*.yaml")):
            title = f"### {group}={path.stem}\n\n" if group else ""
            parts.append(f"{title}```yaml\n{path.read_text(encoding='utf-8').rstrip()}\n```\n")
    return "\n".join(parts)


for source, target in PAGES.items():
    page(target, linked((TOP / source).read_text(encoding="utf-8")))
for path in (TOP / "docs").glob("*.md"):
    page(path.name, linked(path.read_text(encoding="utf-8")))
page("commands.md", commands())
page("settings.md", settings())
