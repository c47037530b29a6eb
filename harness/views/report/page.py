"""The page: a template, filled with plain values, with every figure drawn into it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from matplotlib.figure import Figure

from harness.record.events import fetch_name
from harness.views.figures import refusals_text
from harness.views.plots import canvas, svg
from harness.views.plots.canvas import name_of
from harness.views.plots.means import refusal_word
from harness.views.report import content
from harness.views.report.choices import choices, choices_table, sweep_headline
from harness.views.report.content import RunPart, SweepPart, efficiency_table
from harness.views.report.pictures import Picture, run_pictures, strips_picture, sweep_pictures
from harness.views.report.tables import (
    Column,
    Table,
    as_setting,
    decimal,
    moments,
    seconds,
    sessions_table,
    settings_columns,
    share,
    table_of,
    table_of_pairs,
    use_table,
    utilisation,
    whole,
)
from harness.views.show import FIRST
from harness.views.text import UNKNOWN, count, duration, percent, plural, printable, time_of_day

# More strips below each other are not compared any more.
_MOST_STRIPS = 8
# What a page in the dark draws in other colours; only these colours are used for nothing else.
_EXCHANGED = {canvas.INK: "ink", canvas.MUTED: "muted", canvas.GRID: "grid", canvas.PAPER: "paper"}


# Of a coordinate in points: a hundredth is finer than any screen, and what follows is half of a page's size.
_TOO_FINE = re.compile(r"(\.\d\d)\d+")


@dataclass(frozen=True, slots=True)
class Report:
    """The page, and its pictures to be kept as files beside it. svgs: each as it was drawn for the page, by name."""

    html: str
    pictures: tuple[Picture, ...]
    svgs: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class _Part:
    """A part of a section, under a heading of its own: tables (each below its caption), then pictures.

    folded: shut until it is opened. said: a sentence below the heading.
    """

    title: str
    tables: Sequence[tuple[str, Table]] = ()
    pictures: Sequence[Picture] = ()
    folded: bool = False
    said: str = ""


@dataclass(frozen=True, slots=True)
class _Section:
    """One run or sweep (or the comparison of runs), as the template reads it."""

    anchor: str
    title: str
    headline: str
    parts: Sequence[_Part]

    @property
    def pictures(self) -> list[Picture]:
        return [picture for part in self.parts for picture in part.pictures]


def make_report(runs: Sequence[RunPart], sweeps: Sequence[SweepPart], *, made: str, version: str) -> Report:
    """Return a page about `sweeps` and `runs`. made: when, in words. version: of the harness that makes it.

    What was read from files and servers is text in it, never markup; it loads nothing and runs no script.
    """
    sections = [_sweep(at, part) for at, part in enumerate(sweeps, 1)]
    if len(runs) > 1:
        sections.append(_comparison(runs))
    sections += [_run(at, part) for at, part in enumerate(runs, 1)]
    names = [*(part.name for part in sweeps), *(part.name for part in runs)]
    title = names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more"
    pictures = tuple(chain.from_iterable(section.pictures for section in sections))
    svgs = {picture.name: svg(picture.figure, picture.name) for picture in pictures}
    small = {one.name: svg(one.small, f"{one.name}-small") for one in pictures if one.small is not None}
    environment = Environment(
        loader=PackageLoader("harness.views.report", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    html = environment.get_template("page.html.jinja").render(
        title=title,
        sections=sections,
        made=made,
        version=version,
        canvas=canvas,
        draw=lambda picture: _inline(svgs[picture.name], picture.figure),
        draw_small=lambda picture: _inline(small[picture.name], picture.small) if picture.name in small else "",
    )
    return Report(html, pictures, svgs)


def _inline(drawn: str, figure: Figure) -> Markup:
    """Return the figure as an element of the page, in colours that follow the page's, and without its heading, which
    the page says as text.
    """
    text = re.sub(r"<!--.*?-->\s*", "", drawn, flags=re.DOTALL)
    for color, name in _EXCHANGED.items():
        text = re.sub(rf"(?<=[:\s]){color}\b", f"var(--{name}, {color})", text)
    # The figure has a name and a description of its own, so what is inside is for the eyes.
    text = re.sub(r"<metadata>.*?</metadata>\s*", "", text, flags=re.DOTALL)
    text = re.sub(r' d="[^"]*"', lambda path: _TOO_FINE.sub(r"\1", path[0]), text)
    cut_pt = 72 * getattr(figure, "heading_in", 0.0)

    def head(found: re.Match[str]) -> str:
        left, top, width, height = map(float, found[1].split())
        shown = f"{left:g} {top + cut_pt:g} {width:g} {height - cut_pt:g}"
        return f'<svg viewBox="{shown}" aria-hidden="true">'

    return Markup(re.sub(r'<svg [^>]*?viewBox="([^"]*)"[^>]*>', head, text, count=1))


def _sweep(number: int, part: SweepPart) -> _Section:
    over, same = content.sweep_settings(part)
    lost = content.not_completed(part)
    found = choices(part)
    failed = table_of(lost, [Column(name, name, as_setting) for name in lost.columns]) if len(lost) else None
    both = efficiencies(part)
    parts = [
        _Part("What to choose, and why", [(one.world.rstrip(": "), choices_table(one)) for one in found]),
        _Part("What the settings change", pictures=sweep_pictures(part.name, part.frame)),
        _Part("Runs that did not complete", [("", failed)] if failed else []),
        _Part(
            "What was run",
            [("", table_of_pairs(over, ("varied", "over"))), ("The same in every run", _pairs(same))],
            said=content.sweep_size(part),
        ),
        _Part(_EFFICIENCY, [("", both)] if both else [], said=_MISLEADS if both else "", folded=True),
        _versions(part.about),
    ]
    return _Section(f"sweep-{number}", f"Sweep {part.name}", sweep_headline(part), _filled(parts))


_EFFICIENCY = "Reference efficiency, and where it misleads"
_MISLEADS = (
    "The system that inspired this project rates an import by waits / (refusals + waits). That is not a measure of"
    " speed: a client that sleeps far too long is excellent, and one that is refused now and then and loses nothing by"
    " it is poor."
)


def _pairs(rows: Sequence[tuple[str, str]], headings: tuple[str, str] = ("setting", "value")) -> Table:
    return table_of_pairs(rows, headings)


def _versions(about: Mapping[str, Any]) -> _Part:
    return _Part("In which versions", [("", _pairs(content.versions(about), ("what", "version")))], folded=True)


def _filled(parts: Sequence[_Part]) -> list[_Part]:
    """Return the parts that say something, and of each the tables that have rows."""
    kept = [replace(part, tables=[(title, table) for title, table in part.tables if table.rows]) for part in parts]
    return [part for part in kept if part.tables or part.pictures or part.said]


def efficiencies(part: SweepPart) -> Table | None:
    """Return both figures for each combination of settings; None where no run ended."""
    table = efficiency_table(part.frame)
    if table.empty:
        return None
    return table_of(
        table,
        [
            *settings_columns(table, "duration_s"),
            seconds("duration_s", "duration"),
            share("optimality", "of best possible"),
            decimal("hits_per_1000", f"{refusal_word(part.frame)} per 1,000"),
            share("reference_efficiency", "reference efficiency", 0),
            Column("band", "which is called", str, number=False),
            Column("hides", "and hides that", str, number=False),
        ],
    )


def _comparison(parts: Sequence[RunPart]) -> _Section:
    frame = content.runs_frame(parts)
    events = {part.name: part.events for part in parts[:_MOST_STRIPS]}
    columns = [
        Column("run", "run", printable, number=False),
        Column("status", "status", str, number=False),
        Column("pacing", "strategy", as_setting, number=False),
        Column("workers", "workers", as_setting),
        Column("limits", "limits", as_setting, number=False),
        *(Column(name, name_of(name), as_setting, number=False) for name in content.differing(frame)),
        seconds("duration_s", "duration"),
        share("optimality", "of best possible"),
        Column("refusals", "refusals", _refusals),
        decimal("refused_per_1000", "refused per 1,000"),
    ]
    told = [
        _Part("Settings and figures", [("", table_of(frame, columns))]),
        _Part("Over time", pictures=[strips_picture("side-by-side", events)]),
    ]
    return _Section("compared", f"{len(parts)} runs compared", content.nearest(frame), told)


def _refusals(refusals: Mapping[str, int]) -> str:
    return refusals_text(refusals)


def _use(part: RunPart) -> Table:
    columns = [
        Column("limit", "limit", as_setting, number=False),
        seconds("held_s", "kept for"),
        whole("windows", "windows"),
        share("mean", "used on average"),
        share("most", "at most"),
    ]
    return table_of(use_table(part.events), columns)


def _use_part(part: RunPart) -> _Part:
    used, left_out = utilisation(part.events, part.summary.limits), moments(part.events)
    said = [] if used is None else [f"{percent(used, 1)} of the requests that any client could have sent by then."]
    if left_out:
        is_ = "is" if left_out == 1 else "are"
        said.append(f"{plural(left_out, 'limit')} kept for less than 1 % of the run {is_} left out.")
    learned = [(limit.limit, limit.evidence, limit.counting) for limit in part.summary.learned]
    tables = [("", _use(part))]
    tables += [("Learned, and why", Table(("limit", "why", "counted as"), tuple(learned), (False,) * 3))]
    return _Part("How much of each limit was used", tables, said=" ".join(said))


def _sessions(part: RunPart) -> Table:
    """Return a row for each session where there is more than one; else no row."""
    table = sessions_table(part.events)
    last_utc_s = float(table["utc_s"].iloc[-1]) if len(table) else 0.0
    columns = [
        whole("session", "session"),
        Column("utc_s", "began", lambda at: time_of_day(at, last_utc_s, seconds=True), number=False),
        seconds("duration_s", "duration"),
        whole("requests", "requests"),
        whole("refused", "refused"),
        Column("workers", "workers", str),
        Column("limits", "limits", str, number=False),
        Column("ended", "ended", printable, number=False),
    ]
    return table_of(table if len(table) > 1 else table.iloc[:0], columns)


def _waits(part: RunPart) -> Table:
    rows = [
        (printable(what), count(number) if number else UNKNOWN, duration(taken_s), percent(share_of, 1))
        for what, number, taken_s, share_of in content.run_waits(part)
    ]
    return Table(("where the time went", "times", "time", "of the duration"), tuple(rows), (False, True, True, True))


def _failed(part: RunPart) -> _Part:
    counted = [(printable(what), count(number)) for what, number in content.run_failures(part)]
    more = f", the first {FIRST} of {len(part.failures):,}" if len(part.failures) > FIRST else ""
    rows = [
        (
            printable(fetch_name("list", failure.key) if failure.role == "list" else str(failure.key)),
            str(failure.attempts),
            UNKNOWN if failure.status is None else str(failure.status),
            time_of_day(failure.at_utc_s, failure.at_utc_s, seconds=True),
            printable(f"{failure.reason}: {failure.detail}" if failure.detail else failure.reason),
        )
        for failure in part.failures[:FIRST]
    ]
    each = Table(("failed", "tries", "status", "when", "why"), tuple(rows), (False, True, True, True, False))
    tables = [("", Table(("what", "how many"), tuple(counted), (False, True))), ("Each failure", each)]
    nothing = "" if counted or rows else "Nothing failed, and nothing was refused."
    return _Part(f"What failed{more}", tables, said=nothing)


def _run(number: int, part: RunPart) -> _Section:
    timeline, latency, busy = run_pictures(part.name, part.events)
    told = content.run_efficiency(part)
    parts = [
        _Part("What was imported", [("", _pairs(content.run_what(part), ("figure", "value")))]),
        _Part(
            "How long it took, beside the best possible",
            [("", _pairs(content.run_time(part), ("figure", "value"))), ("Its sessions", _sessions(part))],
        ),
        _Part("What held it up", [("", _waits(part))], [timeline, busy, latency]),
        _failed(part),
        _use_part(part),
        _Part("With which settings", [("", _pairs(content.run_settings(part)))], folded=True),
        _versions(part.about),
        _Part(_EFFICIENCY, said=f"{_MISLEADS} {told}" if told else "", folded=True),
    ]
    return _Section(f"run-{number}", f"Run {part.name}", content.run_headline(part), _filled(parts))
