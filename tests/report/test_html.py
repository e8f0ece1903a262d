"""report.html: what is in it, and how it behaves in a real browser."""

import html
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from bnlab.report.page.images import image_noise

from . import stored
from .test_compare import compare
from .test_formats import NASTY
from .test_report import make

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
browser = pytest.mark.skipif(BROWSER is None, reason="no Chromium is installed")

PROBE, FRAME = ((Path(__file__).parent / name).read_text(encoding="utf-8") for name in ("probe.js", "frame.html"))


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a report on six arms."""
    folder = tmp_path_factory.mktemp("report")
    root = folder / "runs"
    for name, level in (("batch", 0.97), ("none", 0.95), (NASTY, 0.96)):
        for lr in (0.001, 0.0123):
            run = stored.arm(root, name, [level, level + 0.01, level + 0.02], folder=f"run-{level}-{lr}", lr=lr)
            for seed in range(3):
                stored.curves(run / f"seed-{seed}", level + 0.01 * seed)
                stored.add_final(run / f"seed-{seed}", train_accuracy=0.99)
    made, _ = make(root, output=folder / "out")
    return next(file for file in made.files if file.name == "report.html")


def test_labels_are_text_and_no_markup(file: Path) -> None:
    page = file.read_text(encoding="utf-8")
    assert "<script>alert" not in page
    assert "&lt;/td&gt;&lt;script&gt;alert(1)" in page
    data = re.search(r'<script id="specifications" type="application/json">(.*?)</script>', page, flags=re.DOTALL)
    assert data is not None
    specifications = json.loads(data[1])
    assert {"curves-test_accuracy", "final-test_accuracy", "time-to-target"} <= set(specifications)
    assert NASTY in json.dumps(specifications, ensure_ascii=False).replace("\\\\", "\\").replace('\\"', '"')


def test_nothing_is_loaded_from_elsewhere(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    assert "default-src 'none'" in text
    page = re.sub(r"(<script[^>]*>).*?(</script>)", r"\1\2", text, flags=re.DOTALL)
    assert page.count("<script") == 3
    assert not re.search(r"<(script|link|img|iframe)[^>]+(src|href)=", page)


def test_verdicts_come_first_and_every_setting_is_there(file: Path) -> None:
    page = file.read_text(encoding="utf-8")
    assert page.index('id="verdicts"') < page.index("<table ") < page.index('id="curves"')
    assert all(name in page for name in ("optimizer.lr", "environment.torch", "2.14.1", "model.hidden", "[128,64]"))
    assert "How it was computed" in page


@browser
@pytest.mark.parametrize("width", [1000, 600, 400])
def test_in_a_browser(file: Path, width: int, tmp_path: Path) -> None:
    """Cause: a window of 400 pixels was one of 500, in which labels and legends that left the picture were not seen."""
    found = probe(file, width, tmp_path)
    assert found["width"] == width
    assert found["errors"] == []
    assert found["requests"] == []
    assert found["charts"] == found["drawn"] == 6
    assert found["empty"] == 0
    assert found["wide"] <= 0
    assert found["outside"] == []
    assert found["hidden"] == 0
    assert found["rows"][0].startswith("batch")
    assert found["ascending"] == sorted(found["rows"], key=str.casefold)
    assert "test loss (nats)" in found["axis"]


def test_the_head_says_what_was_trained_how_and_with_which_command(file: Path) -> None:
    page = file.read_text(encoding="utf-8")
    head = page[page.index("<header>") : page.index("</header>")]
    told = dict(re.findall(r"<dt>(.+?)</dt><dd>(?:<code>)?(.+?)(?:</code>)?</dd>", head))
    assert re.search(r"<h1>test accuracy \(%\): 6 arms on mnist</h1>", head)
    assert told["data"] == "mnist"
    assert told["network"] == "mlp, hidden layers 128-64"
    assert told["training"] == "epochs 2, adam, lr 0.001, 0.0123"
    assert told["arms"] == "6, told apart by scheme and learning rate"
    assert told["seeds"] == "3 in each arm"
    date, _, command = told["report"].partition(", ")
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", date)
    assert command == f"bnlab report {file.parents[1] / 'runs'} --output {file.parent}"


def test_the_final_values_come_before_the_tables_and_every_part_is_in_the_contents(file: Path) -> None:
    page = file.read_text(encoding="utf-8")
    assert page.index('id="verdicts"') < page.index('id="chart-final-test_accuracy"') < page.index("<nav")
    links = re.findall(r'<a href="#(.+?)">', page)
    assert {"table-summary", "table-epochs", "curves", "chart-gap", "runs", "method"} <= set(links)
    assert all(f'id="{link}"' in page for link in links)


def test_a_column_that_does_not_vary_is_told_above_its_table(file: Path) -> None:
    page = file.read_text(encoding="utf-8")
    summary = page[page.index('<figure id="table-summary">') :]
    summary = summary[: summary.index("</figure>")]
    assert "in every row: n 3, sd 1.00." in summary
    assert '<button type="button">n</button>' not in summary


@pytest.mark.parametrize(
    ("limit", "metric", "said"),
    [
        # sqrt(.9 * .1 / n) = .003 and .015.
        ("null", "test_accuracy", "test accuracy (%) on 10,000 images is itself uncertain by 0.30 points"),
        ("400", "test_accuracy", "test accuracy (%) on 400 images is itself uncertain by 1.50 points"),
        ("null", "validation_accuracy", "validation accuracy (%) on 10,000 images is itself uncertain by 0.30 points"),
        ("null", "test_loss", ""),
        ("null\n  split_seed: 1", "validation_accuracy", ""),
        ("400\n  split_seed: 1", "test_accuracy", "test accuracy (%) on 400 images is itself uncertain by 1.50 points"),
    ],
)
def test_the_noise_of_the_images_is_of_as_many_as_there_were(
    tmp_path: Path, limit: str, metric: str, said: str
) -> None:
    """Cause: 4,000 images at 90 % were said to be 10,000 at 98 %."""
    for name in ("batch", "none"):
        run = stored.arm(tmp_path, name, [0.9, 0.9])
        config = run / "config.yaml"
        config.write_text(config.read_text().replace("normalize:", f"limit: {limit}\n  normalize:"))
        for seed in range(2):
            stored.add_final(run / f"seed-{seed}", validation_accuracy=0.9)
    found = image_noise(compare(tmp_path, metric=metric))
    assert found.partition(" (one")[0] == said
    assert bool(said) == ("at 90.00 %" in found)


@browser
def test_on_paper_it_is_an_appendix(file: Path, tmp_path: Path) -> None:
    """Cause: nine pages, with tables cut where the window ends and what a click opens missing."""
    pdf = tmp_path / "report.pdf"
    chromium(file, "--no-pdf-header-footer", f"--print-to-pdf={pdf}")
    content = pdf.read_bytes()
    assert len(re.findall(rb"/Type\s*/Page\b", content)) <= 7
    if shutil.which("pdftotext"):
        text = subprocess.run(["pdftotext", "-layout", pdf, "-"], capture_output=True, text=True, check=True).stdout
        assert all(words in text for words in ("optimizer.name", "How it was computed", "Kaplan-Meier"))
        assert not any(words in text for words in ("A click", "Contents:", "Point at", "every replicate."))


@browser
def test_a_click_in_a_legend_fades_the_other_arms_of_every_chart(file: Path, tmp_path: Path) -> None:
    """Cause: only the charts with lines had a legend that could be clicked."""
    picked = probe(file, 1000, tmp_path)["picked"]
    assert set(picked) == {"curves-test_accuracy", "final-test_accuracy", "by-optimizer.lr", "gap", "time-to-target"}
    assert all(len(before) == 1 and len(after) == 2 for before, after in picked.values())


def probe(page: Path, width: int, folder: Path) -> dict[str, Any]:
    """What a script in a copy of the page found, in a frame of that width."""
    text = page.read_text(encoding="utf-8").replace("<body>", f"<body><script>{PROBE}</script>", 1)
    (folder / page.name).write_text(text, encoding="utf-8")
    frame = folder / "frame.html"
    frame.write_text(FRAME.replace("WIDTH", str(width)), encoding="utf-8")
    done = chromium(frame, "--window-size=1200,900", "--dump-dom")
    result = re.search(r'<pre id="probe">(.+?)</pre>', done.stdout, flags=re.DOTALL)
    assert result is not None, done.stderr
    loaded: dict[str, Any] = json.loads(html.unescape(result[1]))
    return loaded


def chromium(page: Path, *options: str) -> subprocess.CompletedProcess[str]:
    assert BROWSER is not None
    always = ["--headless", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=20000"]
    command = [BROWSER, *always, f"--user-data-dir={page.parent / 'profile'}", *options, page.as_uri()]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
