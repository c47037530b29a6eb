"""A moment as one piece of HTML, for notebooks that are executed without a browser and for files made of them."""

from __future__ import annotations

from pathlib import Path

from harness.record.moment import Moment
from harness.record.tape import Course
from harness.views.panel.course import course_svg
from harness.views.panel.html import card
from harness.views.panel.sections import PLACES, sections

_CSS = Path(__file__).parent / "panel.css"


def page(now: Moment, course: Course | None, now_utc_s: float) -> str:
    """The board without its widget: the same pieces, the chart as SVG, and the style with it."""
    parts = sections(now, now_utc_s)
    svg = course_svg(course) if course is not None else ""
    parts["workers"] = card("Requests per second; hatched: waiting", svg, " hx-wide") + parts["workers"]
    places = "".join(f'<div class="hx-place hx-at-{name}">{parts[name]}</div>' for name in PLACES if parts[name])
    return f'<style>{_CSS.read_text()}</style><div class="hx"><div class="hx-board">{places}</div></div>'
