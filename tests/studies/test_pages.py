"""STUDIES.md and the pages: of what was run, with the published curve, without a script; drawn in a real browser."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import scipy.stats

from bnlab import studies
from bnlab.errors import UserError
from bnlab.report import charts
from bnlab.studies import judging, pages, running
from tests.studies.written import write

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)

CHANGES = {
    "published": [
        {"label": "a paper's <none>", "x": [2, 4], "y": [20, 30], "error": 1.5, "arm": "none"},
        {"label": "its BN", "x": [4, 99], "y": [35, 40], "error": 0.5, "arm": "batch"},
        {"label": "another's", "x": [6], "y": [50], "error": 0},
    ],
    "hypotheses/higher/says": "It's <b>higher</b>.",
}


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with the pages of a small study."""
    folder = tmp_path_factory.mktemp("pages")
    study = studies.find(str(write(folder, CHANGES)))
    plan = studies.planned(study, "full", [f"runs_dir={folder / 'runs'}", "quiet=true", "seeds=2"])
    judged = judging.judge(running.train(running.prepare(plan)))
    assert [path.relative_to(folder).as_posix() for path in pages.write(folder, [judged], ["small", "depth"])] == [
        "STUDIES.md",
        "docs/studies/small.json",
        "docs/studies/small.html",
        "docs/studies/index.html",
    ]
    return folder


def test_the_summary_has_every_verdict_and_what_was_not_run(written: Path) -> None:
    text = (written / "STUDIES.md").read_text(encoding="utf-8")
    assert "Studies: 1. Hypotheses: 1, of which 0 supported" in text
    assert "[small](docs/studies/small.html)" in text
    assert re.search(r"\* \*\*\w+\*\*: It's <b>higher</b>\.\n  batch against none, test accuracy at the end: ", text)
    assert "Not run yet, so without verdicts: depth." in text
    assert re.search(r"locked: \S+, SHA-256 [0-9a-f]{64}", text)


def test_what_was_written_of_a_study_stays_when_others_are_written_up(written: Path, tmp_path: Path) -> None:
    kept = tmp_path / "docs" / "studies" / "small.json"
    kept.parent.mkdir(parents=True)
    shutil.copy(written / "docs/studies/small.json", kept)
    pages.write(tmp_path, [], ["small", "depth"])
    for name in ("STUDIES.md", "docs/studies/index.html"):
        assert (tmp_path / name).read_text(encoding="utf-8") == (written / name).read_text(encoding="utf-8")
    for text in ("{", '{"name": 1}'):
        kept.write_text(text, encoding="utf-8")
        with pytest.raises(UserError, match=r"small\.json"):
            pages.write(tmp_path, [], [])


def test_a_page_needs_no_network_and_no_script_and_closes_no_tag_of_its_own(written: Path) -> None:
    for name in ("small", "index"):
        page = (written / f"docs/studies/{name}.html").read_text(encoding="utf-8")
        assert "<script" not in page
        assert all(look in page for look in ("prefers-color-scheme: dark", "@media print", "default-src 'none'"))
        links = re.findall(r"(?:src|href)=\"([^\"#]*)", page)
        assert all(re.fullmatch(r"[\w.]+\.html", link) for link in links), links
    page = (written / "docs/studies/small.html").read_text(encoding="utf-8")
    assert "It&#39;s &lt;b&gt;higher&lt;/b&gt;." in page
    assert page.count("<svg") == 1
    assert "test accuracy (%) by step" in page
    assert "dashed: a paper's &lt;none&gt;; its BN; another's" in page
    dashed = [path for path in re.findall(r"<path[^>]*>", page) if "stroke-dasharray" in path]
    colors = {color for path in dashed for color in re.findall(r'stroke="(#\w+)"', path)}
    arms = charts.of_arms(["none", "batch"])
    assert {arms["none"].color, arms["batch"].color} <= colors


def test_published_numbers_stand_beside_ours_and_so_does_the_gap_between_two_arms(written: Path) -> None:
    """At step 4, which both published curves and ours have; ours from the stored files, by SciPy."""
    accuracies = {arm: accuracies_of(written / "runs", arm) for arm in ("none", "batch")}
    gaps = [after - before for before, after in zip(accuracies["none"], accuracies["batch"], strict=True)]
    expected = [
        f"| 2 | none: a paper's <none> | 20.00 ± 1.50 | {in_words(accuracies_of(written / 'runs', 'none', step=2))} |",
        f"| 4 | none: a paper's <none> | 30.00 ± 1.50 | {in_words(accuracies['none'])} |",
        f"| 4 | batch: its BN | 35.00 ± 0.50 | {in_words(accuracies['batch'])} |",
        f"| 4 | batch less none | +5.00 ± 2.00 | {in_words(gaps, '+')} |",
    ]
    table = [line for line in (written / "STUDIES.md").read_text(encoding="utf-8").splitlines() if " ± " in line]
    assert table == expected
    page = (written / "docs/studies/small.html").read_text(encoding="utf-8")
    assert f'<td class="number">+5.00 ± 2.00</td><td class="number">{in_words(gaps, "+")}</td>' in page


def accuracies_of(runs: Path, norm: str, step: int = 4) -> list[float]:
    """The test accuracies in percent, by seed."""
    (run,) = runs.glob(f"{norm}-*")
    tables = [pd.read_csv(path) for path in sorted(run.glob("seed-*/metrics.csv"))]
    found = [table[(table["split"] == "test") & (table["step"] == step)]["accuracy"].item() for table in tables]
    return [100 * accuracy for accuracy in found]


def in_words(values: list[float], sign: str = "") -> str:
    mean, error = float(np.mean(values)), float(scipy.stats.sem(values))
    low, high = scipy.stats.t.interval(0.95, len(values) - 1, mean, error)
    return f"{mean:{sign}.2f} [{low:{sign}.2f}, {high:{sign}.2f}], n = {len(values)}"


@pytest.mark.slow
@pytest.mark.skipif(BROWSER is None, reason="no Chromium is installed")
def test_a_browser_draws_the_page(written: Path, tmp_path: Path) -> None:
    assert BROWSER is not None
    path = written / "docs/studies/small.html"
    options = ["--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path}", "--dump-dom"]
    done = subprocess.run([BROWSER, *options, path.as_uri()], capture_output=True, text=True, timeout=120, check=True)
    assert "<svg" in done.stdout
    assert 'id="verdicts"' in done.stdout
