"""The table of runs: one line each, the latest first as they are given."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from rich.console import Console
from rich.table import Table
from rich.text import Text

from harness.record.run_view import RunView
from harness.record.status import RunStatus
from harness.views.figures import hits_cell, items_cell, refusals_said
from harness.views.screen import LOOKS, Screen, columns, cut, folded
from harness.views.source import source_text, source_url
from harness.views.text import count, duration, percent, printable, share_done

# Longer names are cut on a terminal: a unique prefix is all that has to be typed.
_LONGEST_NAME = 24
_NOTE = "* complete, but an older version did not record how its list ended; audit reads the list again"


@dataclass(frozen=True, slots=True)
class RunRow:
    """One run as the table shows it; every figure is one of its Summary. total: None where the list does not say.

    While a session is under way, duration_s is what has elapsed, and optimality the share so far, as on the board.
    hits: 429s alone; refusals: by status. optimality: 0 to 1, or None. lacks_evidence: it is complete, and nothing was
    recorded of how its list ended. source: in a few words; url: the list's, or the file's that declares it; limits: in
    force at the end. created_utc_s: None where that is not known.
    """

    name: str
    status: RunStatus
    imported: int
    total: int | None
    failed: int
    hits: int
    sleeps: int
    duration_s: float
    optimality: float | None
    simulated: bool = False
    listed: int = 0
    refusals: Mapping[str, int] = field(default_factory=dict)
    lacks_evidence: bool = False
    created_utc_s: float | None = None
    source: str = ""
    url: str = ""
    limits: str = ""
    workers: int = 0
    strategy: str = ""
    tags: tuple[str, ...] = ()
    sessions: int = 1
    requests: int = 0
    requests_per_s: float | None = None
    latency_p95_s: float | None = None
    waiting_s: float = 0.0


def row_of(view: RunView) -> RunRow:
    """Return a run as a row of the table."""
    figures = view.summary
    return RunRow(
        name=figures.run,
        status=figures.status,
        imported=figures.imported,
        total=figures.total,
        failed=figures.failed,
        hits=figures.hits,
        sleeps=figures.sleeps,
        duration_s=view.elapsed_s,
        optimality=view.expected_optimality if figures.optimality is None else figures.optimality,
        simulated=view.settings.simulated,
        listed=figures.listed,
        refusals=figures.refusals,
        lacks_evidence=figures.lacks_evidence,
        created_utc_s=view.settings.created_utc_s,
        source=source_text(view.settings),
        url=source_url(view.settings),
        limits=figures.limits,
        workers=figures.workers,
        strategy=figures.strategy,
        tags=view.settings.tags,
        sessions=figures.sessions,
        requests=figures.sent,
        requests_per_s=figures.requests_per_s,
        latency_p95_s=figures.latency_p95_s,
        waiting_s=view.waiting_s,
    )


Cell = Callable[[RunRow], Text]


def runs_text(rows: Sequence[RunRow], screen: Screen, *, program: str = "python -m harness", where: str = "") -> str:
    """Return the runs as a table that fits the screen, and how to go on with the first that can be gone on with.

    where: ` --results FOLDER` where they are not looked for anyway. What was simulated has no server to go on with.
    A screen too narrow for every column loses WAITS, then 429s, then TAGS, which is only there where a run has some;
    one too narrow for a table gets two lines a run.
    """
    if not rows:
        return screen.render(Text(f"no runs yet; start one with: {program} import"))
    longest = None if screen.width is None else _LONGEST_NAME
    named = [replace(row, name=cut(printable(row.name), longest)) for row in rows]
    table = _that_fits(named, screen)
    parts = _stacked(named, screen) if table is None else [table]
    ended = next((row for row in rows if row.status.is_resumable and not row.simulated), None)
    hint = [] if ended is None else [Text(f"continue one: {program} {_go_on(ended)}{where}")]
    note = [Text(line) for line in folded(_NOTE, screen.width)] if any(row.lacks_evidence for row in rows) else []
    # Each for itself: a command is not wrapped, a table may be.
    return "\n".join(screen.render(*part) for part in (parts, note, hint) if part)


def _go_on(row: RunRow) -> str:
    """Return the command to type next; for failures that is `show`, which says why they may fail again."""
    return f"{'show' if row.status is RunStatus.FAILED else 'resume'} {printable(row.name)}"


def _name(row: RunRow) -> Text:
    look = LOOKS[row.status]
    return Text.assemble((look.glyph, look.style), " ", row.name)


def _status(row: RunRow) -> Text:
    words = "complete" if row.status is RunStatus.WITH_FAILURES else LOOKS[row.status].word
    if row.status.is_open and row.total is not None:
        words += f" {share_done(row.imported, row.total)}"
    words += f", {count(row.failed)} failed" if row.failed else ""
    return Text(words + "*" * row.lacks_evidence, LOOKS[row.status].style)


_COLUMNS: dict[str, Cell] = {
    "RUN": _name,
    "STATUS": _status,
    "ITEMS": lambda row: Text(items_cell(row)),
    "429s": lambda row: Text(hits_cell(row.hits, row.refusals)),
    "WAITS": lambda row: Text(count(row.sleeps)),
    "DURATION": lambda row: Text(duration(row.duration_s)),
    "OF BEST": lambda row: Text(percent(row.optimality, 1)),
    "TAGS": lambda row: Text(printable(", ".join(row.tags))),
}
_WORDS = ("RUN", "STATUS", "TAGS")
# What a narrow screen does without, from little to more.
_LEFT_OUT = ((), ("WAITS",), ("WAITS", "429s"), ("WAITS", "429s", "TAGS"))


def _table(rows: Sequence[RunRow], names: Sequence[str], gap: int) -> Table:
    heads = ["  RUN" if name == "RUN" else name for name in names]
    table = columns(heads, right=[name for name in names if name not in _WORDS], gap=gap)
    for row in rows:
        table.add_row(*(_COLUMNS[name](row) for name in names))
    return table


def _that_fits(rows: Sequence[RunRow], screen: Screen) -> Table | None:
    names = [name for name in _COLUMNS if name != "TAGS" or any(row.tags for row in rows)]
    for gap, left_out in ((2, ()), *((1, left_out) for left_out in _LEFT_OUT)):
        table = _table(rows, [name for name in names if name not in left_out], gap)
        if screen.width is None or Console(width=100_000).measure(table).maximum - gap <= screen.width:
            return table
    return None


def _stacked(rows: Sequence[RunRow], screen: Screen) -> list[Text]:
    lines = []
    for row in rows:
        lines.append(Text("  ").join([_name(row), _status(row)]))
        facts = f"{items_cell(row)} items, {duration(row.duration_s)}"
        if row.optimality is not None:
            facts += f", {percent(row.optimality, 1)} of best"
        if row.hits or row.refusals:
            facts += f", {refusals_said(row.hits, row.refusals)}"
        lines += [Text(f"  {line}") for line in folded(facts, (screen.width or 80) - 2)]
    return lines
