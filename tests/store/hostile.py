"""What a folder of runs that came from a stranger may hold: links out of it, and an outside that must stay as it is."""

from __future__ import annotations

import json
import os
from pathlib import Path

from tests.conftest import QUICK

TRAIN = (*QUICK, "quiet=true", "keep_checkpoint=true", "model.hidden=[8]")


def state_of(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Every file and folder below, with its mode and content: equal only if nothing was touched."""
    found = {}
    for path in sorted(folder.rglob("*")):
        status = path.lstat()
        content = path.read_bytes() if path.is_file() and not path.is_symlink() else b""
        found[str(path.relative_to(folder))] = (status.st_mode, content or os.fsencode(path.name))
    return found


def unseal(folder: Path) -> None:
    """A result as it was before there were digests, and an index of them."""
    path = folder / "result.json"
    values = json.loads(path.read_text())
    path.write_text(json.dumps({k: v for k, v in values.items() if k not in ("run", "digests", "digest", "company")}))
    (folder.parent / ".index.jsonl").unlink(missing_ok=True)
