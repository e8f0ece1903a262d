"""report.html: what is in it, and how it behaves in a real browser."""

import html
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from . import stored
from .test_formats import NASTY
from .test_report import make

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
browser = pytest.mark.skipif(BROWSER is None, reason="no Chromium is installed")

PROBE, FRAME = ((Path(__file__).parent / name).read_text(encoding="utf-8") for name in ("probe.js", "frame.html"))


def report(tmp_path: Path) -> Path:
    root = tmp_path / "runs"
    for name, level in (("batch", 0.97), ("none", 0.95), (NASTY, 0.96)):
        for lr in (0.001, 0.0123):
            run = stored.arm(root, name, [level, level + 0.01, level + 0.02], folder=f"run-{level}-{lr}", lr=lr)
            for seed in range(3):
                stored.curves(run / f"seed-{seed}", level + 0.01 * seed)
                stored.add_final(run / f"seed-{seed}", train_accuracy=0.99)
    made, _ = make(root, output=tmp_path / "out")
    return next(file for file in made.files if file.name == "report.html")


def test_labels_are_text_and_no_markup(tmp_path: Path) -> None:
    page = report(tmp_path).read_text(encoding="utf-8")
    assert "<script>alert" not in page
    assert "&lt;/td&gt;&lt;script&gt;alert(1)" in page
    data = re.search(r'<script id="specifications" type="application/json">(.*?)</script>', page, flags=re.DOTALL)
    assert data is not None
    specifications = json.loads(data[1])
    assert {"curves-test_accuracy", "final-test_accuracy", "time-to-target"} <= set(specifications)
    assert NASTY in json.dumps(specifications, ensure_ascii=False).replace("\\\\", "\\").replace('\\"', '"')


def test_nothing_is_loaded_from_elsewhere(tmp_path: Path) -> None:
    text = report(tmp_path).read_text(encoding="utf-8")
    assert "default-src 'none'" in text
    page = re.sub(r"(<script[^>]*>).*?(</script>)", r"\1\2", text, flags=re.DOTALL)
    assert page.count("<script") == 3
    assert not re.search(r"<(script|link|img|iframe)[^>]+(src|href)=", page)


def test_verdicts_come_first_and_every_setting_is_there(tmp_path: Path) -> None:
    page = report(tmp_path).read_text(encoding="utf-8")
    assert page.index('id="verdicts"') < page.index("<table>") < page.index('id="curves"')
    assert all(name in page for name in ("optimizer.lr", "environment.torch", "2.14.1", "model.hidden", "[128,64]"))
    assert "How it was computed" in page


@browser
@pytest.mark.parametrize("width", [1000, 600, 400])
def test_in_a_browser(tmp_path: Path, width: int) -> None:
    """Cause: a window of 400 pixels was one of 500, in which labels and legends that left the picture were not seen."""
    found = probe(report(tmp_path), width)
    assert found["width"] == width
    assert found["errors"] == []
    assert found["requests"] == []
    assert found["charts"] == found["drawn"] == 6
    assert found["empty"] == 0
    assert found["wide"] <= 0
    assert found["outside"] == []
    assert found["rows"][0].startswith("batch")
    assert found["ascending"] == sorted(found["rows"], key=str.casefold)
    assert "test loss (nats)" in found["axis"]


@browser
def test_a_click_in_a_legend_fades_the_other_arms_of_every_chart(tmp_path: Path) -> None:
    """Cause: only the charts with lines had a legend that could be clicked."""
    picked = probe(report(tmp_path), 1000)["picked"]
    assert set(picked) == {"curves-test_accuracy", "final-test_accuracy", "by-optimizer.lr", "gap", "time-to-target"}
    assert all(len(before) == 1 and len(after) == 2 for before, after in picked.values())


def probe(page: Path, width: int) -> dict[str, Any]:
    """What the script in the page found, in a frame of that width."""
    assert BROWSER is not None
    text = page.read_text(encoding="utf-8").replace("<body>", f"<body><script>{PROBE}</script>", 1)
    page.write_text(text, encoding="utf-8")
    frame = page.with_name("frame.html")
    frame.write_text(FRAME.replace("WIDTH", str(width)), encoding="utf-8")
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--window-size=1200,900", "--virtual-time-budget=20000"]
    command = [BROWSER, *options, f"--user-data-dir={page.parent / 'profile'}", "--dump-dom", frame.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    result = re.search(r'<pre id="probe">(.+?)</pre>', done.stdout, flags=re.DOTALL)
    assert result is not None, done.stderr
    loaded: dict[str, Any] = json.loads(html.unescape(result[1]))
    return loaded
