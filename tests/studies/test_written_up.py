"""What was written up of the shipped studies: it is of the studies as they are, and README's table shows it."""

import re
import shutil
from pathlib import Path

import pytest

from bnlab import studies
from bnlab.studies import pages
from bnlab.studies.record import Record, read

TOP = Path(__file__).parents[2]
RECORDS = [read(path) for path in sorted((TOP / "docs" / "studies").glob("*.json"))]


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.name)
def test_what_was_asked_is_what_is_asked_now(record: Record) -> None:
    study = studies.find(record.name)
    assert (record.question, record.claim) == (study.question, study.source.claim)
    assert [finding.says for finding in record.findings] == [each.says for each in study.hypotheses.values()]
    assert (TOP / "docs" / "studies" / f"{record.name}.html").is_file()


def test_the_summary_is_of_all_records(tmp_path: Path) -> None:
    for path in (TOP / "docs" / "studies").glob("*.json"):
        (tmp_path / "docs" / "studies").mkdir(parents=True, exist_ok=True)
        shutil.copy(path, tmp_path / "docs" / "studies")
    pages.write(tmp_path, [], studies.names())
    for name in ("STUDIES.md", "docs/studies/index.html"):
        assert (tmp_path / name).read_text(encoding="utf-8") == (TOP / name).read_text(encoding="utf-8")


def test_readme_shows_the_verdicts_of_the_articles_claims() -> None:
    rows = re.findall(r"^\| \d+ \| \[.*$", (TOP / "STUDIES.md").read_text(encoding="utf-8"), flags=re.MULTILINE)
    _, _, section = (TOP / "README.md").read_text(encoding="utf-8").partition("## The article's twelve claims\n")
    shown = re.findall(r"^\| \d+ \|.*$", section.partition("\n## ")[0], flags=re.MULTILINE)
    assert rows
    assert [row for row in shown if "not run yet" not in row] == rows
    assert len(shown) == 12
