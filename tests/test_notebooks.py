"""The notebooks of examples/ run as they stand, but for fewer images and steps."""

from __future__ import annotations

from pathlib import Path

import pytest

NOTEBOOKS = sorted((Path(__file__).parents[1] / "examples" / "notebooks").glob("*.ipynb"))
SHORTER = {
    '"quick")': '"quick", **{"steps": 6, "eval_every": 3, "data.limit": 200})',
    "epochs=2": "steps=12, **{'data.limit': 200}",
    "epochs=1": "steps=6, **{'data.limit': 200}",
}


def test_there_are_some() -> None:
    assert [path.stem for path in NOTEBOOKS] == ["a_study", "first_comparison", "own_figure", "own_norm"]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of Jupyter's own
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_runs(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("ipykernel")
    nbclient, nbformat = pytest.importorskip("nbclient"), pytest.importorskip("nbformat")
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[1]))
    notebook = nbformat.read(path, as_version=4)
    assert not any(cell.get("outputs") for cell in notebook.cells)  # what is kept shows no machine's numbers
    for cell in notebook.cells:
        for typed, shorter in SHORTER.items():
            cell.source = cell.source.replace(typed, shorter)
    nbclient.NotebookClient(notebook, timeout=600, resources={"metadata": {"path": str(tmp_path)}}).execute()
    shown = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    assert any("text/html" in output.get("data", {}) for output in shown)
    assert not any(output.output_type == "error" for output in shown)
    (tmp_path / "executed.ipynb").write_text(nbformat.writes(notebook), encoding="utf-8")
