"""report.html: sentences, tables, charts and their provenance, as one file that needs no network.

Other packages get the common head and style of pages, base.html, from `templates`.
"""

from bnlab.report.page.html import page
from bnlab.report.page.looks import templates

__all__ = ["page", "templates"]
