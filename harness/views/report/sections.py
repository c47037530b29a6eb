"""The sections of a report, as the template reads them: of a sweep, of a run, of several runs compared.

Each is told in parts, in the order in which somebody asks: of a sweep what to choose and why comes first; of a run what
was imported, how long that took, what held it up, what failed, and how much of each limit was used.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from harness.record.events import fetch_name
from harness.views.figures import refusals_text
from harness.views.plots.means import refusal_word
from harness.views.plots.panels import name_of
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


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a section, under a heading of its own: tables (each below its caption), then pictures.

    folded: shut until it is opened. said: a sentence below the heading.
    """

    title: str
    tables: Sequence[tuple[str, Table]] = ()
    pictures: Sequence[Picture] = ()
    folded: bool = False
    said: str = ""


@dataclass(frozen=True, slots=True)
class Section:
    """One run or sweep (or the comparison of runs), as the template reads it."""

    anchor: str
    title: str
    headline: str
    parts: Sequence[Part]

    @property
    def pictures(self) -> list[Picture]:
        return [picture for part in self.parts for picture in part.pictures]


def sweep_section(number: int, part: SweepPart) -> Section:
    over, same = content.sweep_settings(part)
    lost = content.not_completed(part)
    found = choices(part)
    failed = table_of(lost, [Column(name, name, as_setting) for name in lost.columns]) if len(lost) else None
    both = efficiencies(part)
    parts = [
        Part("What to choose, and why", [(one.world.rstrip(": "), choices_table(one)) for one in found]),
        Part("What the settings change", pictures=sweep_pictures(part.name, part.frame)),
        Part("Runs that did not complete", [("", failed)] if failed else []),
        Part(
            "What was run",
            [("", table_of_pairs(over, ("varied", "over"))), ("The same in every run", _pairs(same))],
            said=content.sweep_size(part),
        ),
        Part(_EFFICIENCY, [("", both)] if both else [], said=_MISLEADS if both else "", folded=True),
        _versions(part.about),
    ]
    return Section(f"sweep-{number}", f"Sweep {part.name}", sweep_headline(part), _filled(parts))


_EFFICIENCY = "Reference efficiency, and where it misleads"
_MISLEADS = (
    "The system that inspired this project rates an import by waits / (refusals + waits). That is not a measure of"
    " speed: a client that sleeps far too long is excellent, and one that is refused now and then and loses nothing by"
    " it is poor."
)


def _pairs(rows: Sequence[tuple[str, str]], headings: tuple[str, str] = ("setting", "value")) -> Table:
    return table_of_pairs(rows, headings)


def _versions(about: Mapping[str, Any]) -> Part:
    return Part("In which versions", [("", _pairs(content.versions(about), ("what", "version")))], folded=True)


def _filled(parts: Sequence[Part]) -> list[Part]:
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


def comparison_section(parts: Sequence[RunPart]) -> Section:
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
        Column("refusals", "refusals", refusals_text),
        decimal("refused_per_1000", "refused per 1,000"),
    ]
    told = [
        Part("Settings and figures", [("", table_of(frame, columns))]),
        Part("Over time", pictures=[strips_picture("side-by-side", events)]),
    ]
    return Section("compared", f"{len(parts)} runs compared", content.nearest(frame), told)


def _use(part: RunPart) -> Table:
    columns = [
        Column("limit", "limit", as_setting, number=False),
        seconds("held_s", "kept for"),
        whole("windows", "windows"),
        share("mean", "used on average"),
        share("most", "at most"),
    ]
    return table_of(use_table(part.events), columns)


def _use_part(part: RunPart) -> Part:
    used, left_out = utilisation(part.events, part.summary.limits), moments(part.events)
    said = [] if used is None else [f"{percent(used, 1)} of the requests that any client could have sent by then."]
    if left_out:
        is_ = "is" if left_out == 1 else "are"
        said.append(f"{plural(left_out, 'limit')} kept for less than 1 % of the run {is_} left out.")
    learned = [(limit.limit, limit.evidence, limit.counting) for limit in part.summary.learned]
    tables = [("", _use(part))]
    tables += [("Learned, and why", Table(("limit", "why", "counted as"), tuple(learned), (False,) * 3))]
    return Part("How much of each limit was used", tables, said=" ".join(said))


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


def _failed(part: RunPart) -> Part:
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
    return Part(f"What failed{more}", tables, said=nothing)


def run_section(number: int, part: RunPart) -> Section:
    timeline, latency, busy = run_pictures(part.name, part.events)
    told = content.run_efficiency(part)
    parts = [
        Part("What was imported", [("", _pairs(content.run_what(part), ("figure", "value")))]),
        Part(
            "How long it took, beside the best possible",
            [("", _pairs(content.run_time(part), ("figure", "value"))), ("Its sessions", _sessions(part))],
        ),
        Part("What held it up", [("", _waits(part))], [timeline, busy, latency]),
        _failed(part),
        _use_part(part),
        Part("With which settings", [("", _pairs(content.run_settings(part)))], folded=True),
        _versions(part.about),
        Part(_EFFICIENCY, said=f"{_MISLEADS} {told}" if told else "", folded=True),
    ]
    return Section(f"run-{number}", f"Run {part.name}", content.run_headline(part), _filled(parts))
