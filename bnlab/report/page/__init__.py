"""report.html: sentences, tables, charts and where they come from, as one file that needs no network."""

from bnlab.report.page.html import page

__all__ = ["page"]
