"""The page: a template, filled with plain values, with every figure drawn into it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from harness.record.events import fetch_name
from harness.views.figures import refusals_text
from harness.views.plots import canvas, svg
from harness.views.plots.means import refusal_word
from harness.views.report import content
from harness.views.report.content import RunPart, SweepPart, efficiency_table
from harness.views.report.pictures import Picture, run_pictures, strips_picture, sweep_pictures
from harness.views.report.tables import (
    Column,
    Table,
    as_setting,
    decimal,
    seconds,
    settings_columns,
    share,
    table_of,
    table_of_pairs,
    use_table,
    utilisation,
    whole,
)
from harness.views.show import FIRST
from harness.views.text import UNKNOWN, percent, printable, time_of_day

# More strips below each other are not compared any more.
_MOST_STRIPS = 8
# What a page in the dark draws in other colours; only these colours are used for nothing else.
_EXCHANGED = {canvas.INK: "ink", canvas.MUTED: "muted", canvas.GRID: "grid", canvas.PAPER: "paper"}


@dataclass(frozen=True, slots=True)
class Report:
    """The page, and its pictures to be kept as files beside it. svgs: each as it was drawn for the page, by name."""

    html: str
    pictures: tuple[Picture, ...]
    svgs: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class _Section:
    """One run or sweep (or the comparison of runs), as the template reads it."""

    anchor: str
    title: str
    headline: str
    facts: Sequence[tuple[str, Table]] = ()
    pictures: Sequence[Picture] = ()
    efficiency: str = ""
    efficiencies: Table | None = None
    problems: Table | None = None
    problems_title: str = ""


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
        draw=lambda picture: _inline(svgs[picture.name]),
    )
    return Report(html, pictures, svgs)


def _inline(drawn: str) -> Markup:
    """Return the figure as an element of the page, in colours that follow the page's."""
    text = re.sub(r"<!--.*?-->\s*", "", drawn, flags=re.DOTALL)
    for color, name in _EXCHANGED.items():
        text = re.sub(rf"(?<=[:\s]){color}\b", f"var(--{name}, {color})", text)
    # The figure has a name and a description of its own, so what is inside is for the eyes.
    text = re.sub(r"<metadata>.*?</metadata>\s*", "", text, flags=re.DOTALL)
    head = re.compile(r'<svg [^>]*?viewBox="([^"]*)"[^>]*>')
    return Markup(head.sub(r'<svg viewBox="\1" aria-hidden="true">', text, count=1))


def _sweep(number: int, part: SweepPart) -> _Section:
    over, same = content.sweep_settings(part)
    lost = content.not_completed(part)
    return _Section(
        f"sweep-{number}",
        f"Sweep {part.name}",
        content.sweep_headline(part),
        [
            (f"What was run: {content.sweep_size(part)}", table_of_pairs(over, ("varied", "over"))),
            ("The same in every run", table_of_pairs(same, ("setting", "value"))),
            ("In which versions", table_of_pairs(content.versions(part.about), ("what", "version"))),
        ],
        sweep_pictures(part.name, part.frame),
        efficiencies=efficiencies(part),
        problems=table_of(lost, [Column(name, name, as_setting) for name in lost.columns]) if len(lost) else None,
        problems_title="Runs that did not complete",
    )


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
        seconds("duration_s", "duration"),
        share("optimality", "of best possible"),
        Column("refusals", "refusals", _refusals),
        decimal("refused_per_1000", "refused per 1,000"),
        share("reference_efficiency", "reference efficiency", 0),
    ]
    done = frame[frame["optimality"].notna()].sort_values("optimality", ascending=False)
    best = "" if done.empty else f"Closest to the best possible: {done.iloc[0]['run']}."
    pictures = [strips_picture("side-by-side", events)]
    return _Section("compared", f"{len(parts)} runs compared", best, [("", table_of(frame, columns))], pictures)


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


def _use_title(part: RunPart) -> str:
    used = utilisation(part.events, part.summary.limits)
    return "How much of each limit was used" + ("" if used is None else f": {percent(used, 1)} of what could be")


def _run(number: int, part: RunPart) -> _Section:
    settings = table_of_pairs(content.run_settings(part), ("setting", "value"))
    versions = table_of_pairs(content.versions(part.about), ("what", "version"))
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
    failures = Table(("failed", "tries", "status", "when", "why"), tuple(rows), (False, True, True, True, False))
    more = f", the first {FIRST} of {len(part.failures):,}" if len(part.failures) > FIRST else ""
    return _Section(
        f"run-{number}",
        f"Run {part.name}",
        content.run_headline(part),
        [
            ("How it went", table_of_pairs(content.run_figures(part), ("figure", "value"))),
            ("What was run", settings),
            ("In which versions", versions),
            (_use_title(part), _use(part)),
        ],
        run_pictures(part.name, part.events),
        efficiency=content.run_efficiency(part),
        problems=failures if rows else None,
        problems_title=f"What failed{more}",
    )
