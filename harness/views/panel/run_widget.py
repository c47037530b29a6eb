"""Everything known of one run: as a widget, and as one piece of HTML where no browser shows widgets.

The widget is a few pieces of HTML, a chart, and a line for screen readers. In a notebook that papermill runs, and in
files made of it, the same pieces stand in a page, with the chart as inline SVG: requests a second, refusals, and
hatched waits with the limit that they were for.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

import anywidget
import traitlets

from harness.record.run_view import RunView
from harness.record.timeline import TimelineBins
from harness.views.panel.html import PLACES, card, esc, sections, spoken, table
from harness.views.panel.runs import COLUMNS, MOST_ROWS, SHOWN, standing
from harness.views.runs import RunRow
from harness.views.text import count, duration

HERE = Path(__file__).parent


class RunWidget(anywidget.AnyWidget):
    """Shows what it is given and nothing by itself; only what changed is sent to the browser."""

    _esm = HERE / "run_widget.js"
    _css = HERE / "panel.css"
    parts = traitlets.Dict().tag(sync=True)
    timeline = traitlets.Dict().tag(sync=True)
    said = traitlets.List(["", ""]).tag(sync=True)  # status and sentence
    going = traitlets.Bool(False).tag(sync=True)
    beat = traitlets.Int(0).tag(sync=True)  # the browser says so when it stops

    def show(self, now: RunView, now_utc_s: float) -> None:
        """Show the run at this moment."""
        with self.hold_sync():
            self.parts = sections(now, now_utc_s)
            if now.timeline is not None:
                self.timeline = asdict(now.timeline)
            self.said = [now.status, spoken(now)]
            self.going = now.status.is_open
            self.beat += 1

    def say(self, text: str, *, bad: bool = False) -> None:
        """Show a sentence in place of a run."""
        with self.hold_sync():
            self.parts = {"head": f'<p class="{"hx-bad" if bad else ""}">{esc(text)}</p>' if text else ""}
            self.timeline = {}
            self.said = ["", text]
            self.going = False


WIDTH, HEIGHT = 720, 170
_LEFT, _RIGHT, _TOP, _BOTTOM = 40, 712, 20, 150
# As wide as a character of the labels, to know which have room.
_CHARACTER = 6.5
_HATCH = (
    '<defs><pattern id="hx-hatch" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">'
    '<rect width="6" height="6" fill="#f3ead6"/><line x1="0" y1="0" x2="0" y2="6" stroke="#cdb98a"/></pattern></defs>'
)


def timeline_svg(timeline: TimelineBins) -> str:
    """Draw the timeline, described for people who cannot see it; return "" where nothing happened yet."""
    if not timeline.sent:
        return ""
    span_s = max(timeline.until_s, 10.0)
    most = max(1.0, max(timeline.sent) / timeline.bin_s)
    parts = [
        _HATCH,
        *_waits(timeline, span_s),
        *_bars(timeline, span_s, most),
        *_axes(span_s, most),
        *_sessions(timeline, span_s),
    ]
    sent, refused = sum(timeline.sent), sum(timeline.refused)
    sessions = f", in {len(timeline.sessions) + 1} sessions" if timeline.sessions else ""
    about = f"{count(sent)} requests over {duration(timeline.until_s)}, {count(refused)} of them refused{sessions}"
    head = f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" width="100%" font-size="11" font-family="sans-serif">'
    return f"{head}<title>{esc(about)}</title>{''.join(parts)}</svg>"


def _x(t_s: float, span_s: float) -> float:
    return _LEFT + (_RIGHT - _LEFT) * t_s / span_s


def _bars(timeline: TimelineBins, span_s: float, most: float) -> Iterator[str]:
    tall = (_BOTTOM - _TOP) / most
    for at, (sent, refused) in enumerate(zip(timeline.sent, timeline.refused, strict=True)):
        left, right = _x(at * timeline.bin_s, span_s), _x((at + 1) * timeline.bin_s, span_s)
        below = tall * refused / timeline.bin_s
        for number, colour, foot in ((sent - refused, "#0072b2", _BOTTOM - below), (refused, "#c43c00", _BOTTOM)):
            if number:
                height = tall * number / timeline.bin_s
                box = (
                    f'x="{left:.1f}" y="{foot - height:.1f}" width="{max(0.8, right - left):.1f}" height="{height:.1f}"'
                )
                yield f'<rect {box} fill="{colour}"/>'


def _waits(timeline: TimelineBins, span_s: float) -> Iterator[str]:
    free = 0.0
    for since_s, until_s, what in timeline.waits:
        left, right = _x(since_s, span_s), _x(until_s, span_s)
        box = f'x="{left:.1f}" y="{_TOP}" width="{max(0.8, right - left):.1f}" height="{_BOTTOM - _TOP}"'
        yield f'<rect {box} fill="url(#hx-hatch)"/>'
        room = _CHARACTER * len(what)
        if right - left > room and left > free:
            yield f'<text x="{left + 3:.1f}" y="{_TOP - 6}">{esc(what)}</text>'
            free = left + room + 8


def _sessions(timeline: TimelineBins, span_s: float) -> Iterator[str]:
    for began_s in timeline.sessions:
        x = _x(began_s, span_s)
        yield f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{_TOP - 4}" y2="{_BOTTOM}" stroke="#555" stroke-dasharray="2 2"/>'
        yield f'<text x="{x + 3:.1f}" y="{_TOP + 13}">resumed</text>'


def _axes(span_s: float, most: float) -> Iterator[str]:
    for share in (0.0, 0.5, 1.0):
        y = _BOTTOM - (_BOTTOM - _TOP) * share
        yield f'<line x1="{_LEFT}" x2="{_RIGHT}" y1="{y}" y2="{y}" stroke="#999" stroke-width="0.5"/>'
        yield f'<text x="{_LEFT - 5}" y="{y + 4}" text-anchor="end">{most * share:.3g}</text>'
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        end = "start" if share == 0 else "end" if share == 1 else "middle"
        x, at = _LEFT + (_RIGHT - _LEFT) * share, duration(span_s * share, whole=span_s >= 20)
        yield f'<text x="{x}" y="{_BOTTOM + 15}" text-anchor="{end}">{at}</text>'


def page(now: RunView, now_utc_s: float) -> str:
    """Return the run without its widget: the same pieces, the chart as SVG, and the style with it."""
    parts = sections(now, now_utc_s)
    svg = timeline_svg(now.timeline) if now.timeline is not None else ""
    parts["workers"] = card("Requests per second; hatched: waiting", svg, " hx-wide") + parts["workers"]
    places = "".join(f'<div class="hx-place hx-at-{name}">{parts[name]}</div>' for name in PLACES if parts[name])
    return _styled(f'<div class="hx-panel">{places}</div>')


def rows_page(rows: Sequence[RunRow]) -> str:
    """Return the table of runs as it is now, the newest first."""
    if not rows:
        return _styled("<p>no runs yet</p>")
    shown = [[_cell(row, name) for name in SHOWN] for row in rows[:MOST_ROWS]]
    right = [at for at, name in enumerate(SHOWN) if COLUMNS[name].right]
    return _styled(table([COLUMNS[name].head for name in SHOWN], shown, right))


def _cell(row: RunRow, name: str) -> str:
    text = esc(COLUMNS[name].cell(row, 0.0))
    if name != "status":
        return text
    stands = standing(row)
    return f'<span class="hx-badge hx-{stands.tone}">{stands.glyph} {text}</span>'


def _styled(html: str) -> str:
    return f'<style>{(HERE / "panel.css").read_text()}</style><div class="hx">{html}</div>'
