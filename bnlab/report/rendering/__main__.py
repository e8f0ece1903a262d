"""The process of a `Renderer`: `python -P -m bnlab.report.rendering`."""

from bnlab.report.rendering.renderer import answer_requests

answer_requests()
