"""Rendering with Vega, beside other work: `Renderer` asks a process of its own; `svg` draws in this one.

vl-convert keeps Python's lock while it draws, for seconds in a large report, so that threads would not do.
"""

from bnlab.report.rendering.renderer import Pictures, Renderer
from bnlab.report.rendering.vega import svg

__all__ = ["Pictures", "Renderer", "svg"]
