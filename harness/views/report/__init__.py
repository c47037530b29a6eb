"""A report: one HTML file that needs nothing but itself, of runs and sweeps, for people who were not there.

content: what is told, as plain values. choices: what to choose of a sweep, and why. tables: frames as rows of text.
pictures: figures with their tables and words. page: the template around them.
"""

from __future__ import annotations

from harness.views.report.content import RunPart, SweepPart
from harness.views.report.page import Report, make_report

__all__ = ["Report", "RunPart", "SweepPart", "make_report"]
