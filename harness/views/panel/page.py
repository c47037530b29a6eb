"""A glance at a run as one piece of HTML, for notebooks that no browser shows and for files made of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from harness.record.glance import Glance
from harness.record.tape import Course
from harness.views.panel.course import course_svg
from harness.views.panel.html import card, esc, table
from harness.views.panel.rows import COLUMNS, MOST_ROWS, standing
from harness.views.panel.sections import PLACES, sections
from harness.views.runs import RunRow

_CSS = Path(__file__).parent / "panel.css"


def page(now: Glance, course: Course | None, now_utc_s: float) -> str:
    """The board without its widget: the same pieces, the chart as SVG, and the style with it."""
    parts = sections(now, now_utc_s)
    svg = course_svg(course) if course is not None else ""
    parts["workers"] = card("Requests per second; hatched: waiting", svg, " hx-wide") + parts["workers"]
    places = "".join(f'<div class="hx-place hx-at-{name}">{parts[name]}</div>' for name in PLACES if parts[name])
    return _styled(f'<div class="hx-board">{places}</div>')


def rows_page(rows: Sequence[RunRow]) -> str:
    """The table of runs as it is now, the newest first."""
    if not rows:
        return _styled("<p>no runs yet</p>")
    shown = [[_cell(row, name) for name in COLUMNS] for row in rows[:MOST_ROWS]]
    right = [at for at, column in enumerate(COLUMNS.values()) if column.right]
    return _styled(table([column.head for column in COLUMNS.values()], shown, right))


def _cell(row: RunRow, name: str) -> str:
    text = esc(COLUMNS[name].cell(row))
    if name != "status":
        return text
    stands = standing(row)
    return f'<span class="hx-badge hx-{stands.tone}">{stands.glyph} {text}</span>'


def _styled(html: str) -> str:
    return f'<style>{_CSS.read_text()}</style><div class="hx">{html}</div>'
