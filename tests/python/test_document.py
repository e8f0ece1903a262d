"""docs/python.md: its programs run one after the other, as they stand but for fewer images."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

DOCUMENT = (Path(__file__).parents[2] / "docs" / "python.md").read_text(encoding="utf-8")


@pytest.mark.slow
def test_its_programs_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    programs = re.findall(r"```python\n(.*?)```", DOCUMENT, flags=re.DOTALL)
    assert len(programs) == 7
    names: dict[str, Any] = {}
    for program in programs:
        exec(program.replace("epochs=1", "epochs=1, threads=1, **{'data.limit': 200}"), names)
    printed = capsys.readouterr().out
    assert "unknown norm 'batchnorm'; allowed: batch, " in printed
    assert names["report"].sentences
    assert set(names["rates"].values()) == {0.001, 0.01}
    assert names["logits"].shape == (5, 10)
    assert (tmp_path / "comparison" / "report.html").is_file()
