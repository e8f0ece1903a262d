"""One process renders for all reports of these tests, and builds the page's JavaScript once, which takes a second."""

from collections.abc import Iterator
from concurrent.futures import Future

import pytest

from bnlab.report import files
from bnlab.report.charts import VEGA_LITE
from bnlab.report.rendering import Pictures, Renderer


@pytest.fixture(scope="session", autouse=True)
def _one_process_renders() -> Iterator[None]:
    """tests/report/test_rendering.py has processes of its own."""
    shared = Renderer(VEGA_LITE)
    script = shared.bundle()

    class Lent(Renderer):
        def __init__(self, version: str) -> None:
            assert version == VEGA_LITE

        def close(self) -> None:
            """It is not this report's."""

        def bundle(self) -> Future[str]:
            return script

        def pictures(self, chart: dict[str, object], in_column: dict[str, object]) -> Future[Pictures]:
            return shared.pictures(chart, in_column)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(files, "Renderer", Lent)
        yield
    shared.close()
