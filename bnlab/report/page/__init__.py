"""report.html: sentences, tables, charts and where they come from, as one file that needs no network.

Pages of others have its head and look, base.html, by `templates`.
"""

from bnlab.report.page.html import page
from bnlab.report.page.looks import templates

__all__ = ["page", "templates"]
