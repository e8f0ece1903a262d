"""Rendering with Vega, beside other work: `Renderer` calls the functions of `vega` in a process of its own.

vl-convert keeps Python's lock while it draws, for seconds in a large report, so that threads would not do.
"""

from bnlab.report.rendering.renderer import Renderer

__all__ = ["Renderer", "vega"]
