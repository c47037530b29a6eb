"""Two views of one run never disagree: every figure is worked out here from the events, and looked for in each view.

E, B1 to B9: refusals of several statuses, failures, several sessions, changed settings, and an audit that finds more.
"""

from __future__ import annotations

import ast
import contextlib
import io
import json
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import harness
from harness.cli.main import main
from harness.config import ImportConfig
from harness.core.answers import Failed, Fetch, ItemRead, PageRead, Result
from harness.core.rules import Rules
from harness.lab.experiment import simulate_run
from harness.notebook.run_index import RunIndex
from harness.pacing import Notice, parse_tiers
from harness.record import events as e
from harness.record.fold import fold
from harness.record.live import Live
from harness.record.recorder import Recorder
from harness.record.run import Run, create_run
from harness.record.run_view import RunView, view_of
from harness.record.state import Failure
from harness.record.status import RunStatus
from harness.session.importing import write_results
from harness.session.optimality import revealed
from harness.session.reader import RunReader, view_ended
from harness.views.frame import frame
from harness.views.panel.compare import compare
from harness.views.panel.html import sections
from harness.views.panel.run_widget import page, rows_page
from harness.views.plots.run_axis import NEEDED
from harness.views.progress import Progress
from harness.views.report import RunPart, make_report
from harness.views.report.content import run_figures
from harness.views.runs import row_of, runs_text
from harness.views.screen import Screen
from harness.views.show import show_text
from harness.views.summary import summary_text
from harness.views.text import count, duration, plural
from tests.core.play import Play, windowed
from tests.views.samples import COMPLETE

pytestmark = pytest.mark.matrix

RULES = Rules(workers=4, retry_delays_s=(0.5, 0.5))
NAME, UTC_S = "three-sessions", 1_800_000_000.0


@dataclass(frozen=True)
class Seen:
    """What happened, by the events alone."""

    imported: int
    total: int
    failed: int
    refusals: dict[str, int]
    pages: int
    items: int
    duration_s: float
    sleeps: int
    sessions: int


def server(items: int, declared: int) -> Callable[[Fetch, float], tuple[float, Notice | None, Result]]:
    """Some items are refused once, by 503, 403 or 429; one is gone, one fails until it is given up."""
    refused: set[Any] = set()

    def serve(fetch: Fetch, now: float) -> tuple[float, Notice | None, Result]:
        if fetch.role == "list":
            first = ((fetch.page.number or 0) - 1) * 20 + 1
            ids = tuple(range(first, min(items, first + 19) + 1))
            return 0.05, Notice(200), PageRead(ids, declared, -(-items // 20))
        item = int(fetch.item)
        for every, status in ((13, 503), (29, 403), (31, 429)):
            if item % every == 0 and item not in refused:
                refused.add(item)
                return 0.05, Notice(status, 0.2, refused=True), Failed("refused")
        if item == 50:
            return 0.05, Notice(404), Failed("gone", "Not Found", passing=False)
        if item == 77:
            return 0.05, Notice(500), Failed("server error", "upstream")
        return 0.05, Notice(200), ItemRead(10)

    return serve


def session(run: Run, number: int, play: Play) -> None:
    """Play one session on from what the run holds, and write it as an import does."""
    play.run()
    # `Play` always says that it is the first: the number is what the record goes by.
    events = [_numbered(event, number, play.utc_s) for event in play.events]
    recorder = Recorder(run.folder, run.name, number)
    for event in events:
        if isinstance(event, e.ItemImported):
            recorder.put(event.item, json.dumps({"id": event.item}))
        recorder.record(event)
    recorder.flush()
    run.note(sessions_utc_s=[*run.about.get("sessions_utc_s", []), play.utc_s], status="running")
    write_results(run, run.state(), ImportConfig(url="http://x.test/api", limit="20/2s", per_page=20), None)


def _numbered(event: e.Event, number: int, utc_s: float) -> e.Event:
    if isinstance(event, e.SessionStarted):
        return e.SessionStarted(0.0, number, utc_s, event.workers, event.limits, event.strategy, event.host)
    return event


def start(folder: Path) -> Run:
    config = ImportConfig(url="http://x.test/api", limit="20/2s", per_page=20, workers=4)
    return create_run(folder, NAME, {"config": config.as_written(), "seed": 1, "versions": {}}, UTC_S)


def first(run: Run) -> None:
    """Stopped by hand after 4 s, under 20/2s."""
    stop = [(4.0, lambda core, now: core.stop(now, "Ctrl-C"))]
    session(run, 1, Play(server(90, 90), RULES, windowed("20/2s", linger_s=0.1), at=stop, utc_s=UTC_S))


def second(run: Run) -> None:
    """Resumed with --limit 30/2s, set to 40/2s on the way, paused for 3 s; ends with failures."""
    hands = [
        (1.0, lambda core, now: core.set_limits(parse_tiers("40/2s"), now)),
        (1.2, lambda core, now: core.pause(now)),
        (4.2, lambda core, now: core.resume(now)),
    ]
    pacer = windowed("30/2s", linger_s=0.1)
    session(run, 2, Play(server(90, 90), RULES, pacer, state=run.state(), at=hands, utc_s=UTC_S + 100))
    run.note(in_force={**run.about["config"], "limit": "30/2s"}, asked={"limit": "40/2s"})


def audit(run: Run) -> None:
    """The list is read again: it declares 90 and names 95."""
    pacer = windowed("40/2s", linger_s=0.1)
    session(run, 3, Play(server(95, 90), RULES, pacer, state=run.state(), utc_s=UTC_S + 200, relist=True))


def seen(run: Run) -> Seen:
    """The figures from the rows of the events, by nothing that the views use."""
    rows = run.events().to_pylist()
    listed = {item for row in rows if row["event"] == "PageListed" for item in row["ids"] or []}
    state: dict[Any, str] = {}
    for row in rows:
        if row["event"] == "ItemImported":
            state[row["key"]] = "imported"
        elif row["event"] == "AttemptFailed" and row["role"] == "item":
            state[row["key"]] = "waiting" if row["retry_at_utc_s"] is not None else "failed"
    sent = [
        row
        for row in rows
        if row["event"] in ("PageListed", "ItemImported", "Refused")
        or (row["event"] in ("AttemptFailed", "Returned") and row["sent"])
    ]
    kinds = Counter({"PageListed": "list", "ItemImported": "item"}.get(row["event"]) or row["role"] for row in sent)
    lengths = {}
    for number in {row["session"] for row in rows}:
        of_it = [row for row in sent if row["session"] == number]
        paused = [row["t_s"] for row in rows if row["session"] == number and row["event"] in ("Paused", "Resumed")]
        # What was in flight when the pause began still took its time.
        last = max([row["t_s"] for row in of_it if paused and row["t_s"] < paused[-1]], default=0.0)
        pause_s = paused[1] - max(paused[0], last) if paused else 0.0
        lengths[number] = max(r["t_s"] for r in of_it) - min(r["sent_s"] for r in of_it) - pause_s
    totals = [row["total"] for row in rows if row["event"] == "PageListed"]
    refusals = Counter(str(row["status"]) for row in rows if row["event"] == "Refused")
    return Seen(
        imported=sum(what == "imported" for what in state.values()),
        total=max(totals[-1], len(listed)),
        failed=sum(what == "failed" for what in state.values()),
        refusals=dict(sorted(refusals.items())),
        pages=kinds["list"],
        items=kinds["item"],
        duration_s=sum(lengths.values()),
        sleeps=sum(row["sleeps"] for row in rows if row["event"] == "Waited" and row["reason"] != "retry"),
        sessions=len(lengths),
    )


def command(*args: str) -> str:
    out = io.StringIO()
    with contextlib.redirect_stdout(out), pytest.raises(SystemExit) as ended:
        main(list(args))
    assert ended.value.code == 0
    return out.getvalue()


def words(html: str) -> str:
    text = re.sub(r"<(style|svg).*?</\1>", " ", html, flags=re.DOTALL)
    return " ".join(re.sub(r"<[^>]+>", " ", text).split())


STAGES: list[list[Callable[[Run], None]]] = [[first], [first, second], [first, second, audit]]


@pytest.fixture(params=[1, 2, 3], ids=["stopped", "resumed", "audited"])
def run(request: pytest.FixtureRequest, tmp_path: Path) -> Run:
    made = start(tmp_path)
    for stage in STAGES[request.param - 1]:
        stage(made)
    return made


def test_every_view_shows_what_the_events_say(run: Run) -> None:
    """summary.json, `show --json`, `show`, the table of `runs`, the panel, its table and the report, one by one."""
    true, results = seen(run), str(run.folder.parent)
    assert set(true.refusals) >= {"503", "403"}
    hits, others = true.refusals.get("429", 0), {s: n for s, n in true.refusals.items() if s != "429"}
    said = ", ".join(f"{status}: {number}" for status, number in others.items())
    cell, line = f"{hits} ({said})", f"429: {hits}, {said}"
    took, items = duration(true.duration_s), f"{count(true.imported)} of {count(true.total)}"

    figures = run.summary()
    assert figures is not None
    assert json.loads(command("show", run.name, "--json", "--results", results)) == figures
    assert (figures["imported"], figures["total"], figures["failed"]) == (true.imported, true.total, true.failed)
    assert (figures["hits"], figures["refusals"]) == (hits, true.refusals)
    assert figures["refused"] == sum(true.refusals.values())
    assert (figures["requests_page"], figures["requests_item"]) == (true.pages, true.items)
    assert (figures["sleeps"], figures["sessions"]) == (true.sleeps, true.sessions)
    assert figures["duration_s"] == pytest.approx(true.duration_s)
    assert figures["hits_per_1000"] == pytest.approx(1000 * hits / (true.pages + true.items))
    assert figures["optimality"] is None
    assert figures["unmeasured"]

    shown = " ".join(command("show", run.name, "--results", results).split())
    row = " ".join(command("runs", "--results", results).splitlines()[1].split())
    detail = RunReader(run, charted=True).view(UTC_S)
    index = RunIndex(run.folder.parent)
    index.scan()
    run_widget = {place: words(html) for place, html in sections(detail, UTC_S).items()}
    part = RunPart.of(detail, run.about, run.events().to_pandas())
    page = words(make_report([part, part], [], made="now", version="1").html)
    compared = words(compare([detail, detail]))

    for text in (shown, run_widget["bar"], page):
        assert f"{items} " in text
    for text in (row, compared):
        assert f"{count(true.imported)}/{count(true.total)}" in text
    for text in (shown, row, run_widget["totals"], page, compared):
        assert took in text
    for text in (shown, run_widget["quality"], page):
        assert line in text
    for text in (row, compared):
        assert cell in text
    assert index.rows[0].refusals == true.refusals
    assert (index.rows[0].total, index.rows[0].duration_s) == (true.total, figures["duration_s"])
    requests = f"{count(true.pages + true.items)} {true.pages} pages + {true.items} items"
    assert requests in shown
    assert requests in run_widget["totals"]
    for text in (shown, run_widget["quality"], page):
        assert "% of best" not in text


def test_the_settings_in_force_are_shown_with_those_of_the_start(run: Run) -> None:
    """E: after `resume --limit 30/2s` and `set --limit 40/2s` both views say 40/2s, and 20/2s at the start."""
    shown = " ".join(command("show", run.name, "--results", str(run.folder.parent)).split())
    part = RunPart.of(view_ended(run), run.about, run.events().to_pandas())
    page = words(make_report([part], [], made="now", version="1").html)
    changed = "40/2s (20/2s at the start)"
    begun = seen(run).sessions == 1
    for text in (shown, page):
        assert (changed in text) is not begun
        assert "limit 20/2s" in text or not begun


def test_the_chart_of_a_resumed_run_shows_every_session(run: Run) -> None:
    """E: all requests on one axis, a mark where each session but the first began."""
    timeline = RunReader(run, charted=True).view(UTC_S).timeline
    assert timeline is not None
    true = seen(run)
    assert sum(timeline.sent) == true.pages + true.items
    assert {str(status): sum(bins) for status, bins in timeline.by_status} == true.refusals
    assert sum(timeline.refused) == sum(true.refusals.values())
    assert len(timeline.sessions) == true.sessions - 1
    assert list(timeline.sessions) == sorted(timeline.sessions)
    assert timeline.until_s >= true.duration_s


def test_what_infer_prints_of_several_sessions(run: Run) -> None:
    """C13: the three sessions reveal what the 403s and 429s told, in one wording."""
    results = str(run.folder.parent)
    learned = [limit.limit for limit in revealed(run.folder, run.state())]
    printed = command("infer", run.name, "--results", results)
    shown = command("show", run.name, "--results", results)
    assert learned
    assert [limit["limit"] for limit in (run.summary() or {})["learned"]] == learned
    assert all(f"  {limit}  " in text for limit in learned for text in (printed, shown))


@pytest.mark.parametrize("dialect", ["draft-7", "laravel", "none"])
def test_what_infer_prints_is_what_every_view_says(dialect: str, tmp_path: Path) -> None:
    """C13: limits that `auto` found in headers, or by running into them, are one and the same in every view."""
    config = ImportConfig(run="r", pacing="auto", server_limit="30/2s+80/10s", items=250, per_page=50, workers=5)
    run = simulate_run(config, results=tmp_path, server={"dialect": dialect}).run
    assert run is not None
    printed = command("infer", "r", "--results", str(tmp_path)).splitlines()
    limits = [line.split("  ")[1] for line in printed if re.match(r"  \d", line)]
    evidence = [re.sub(r" \(and \d+ more times?\)$", "", line.strip()) for line in printed if line.startswith("    ")]
    assert len(limits) == len(evidence) > 0
    assert printed[0] == f"r reveals {plural(len(limits), 'limit')}"
    assert f"--limit {'+'.join(limits)}" in printed[-1]

    figures = run.summary()
    assert figures is not None
    assert [limit["limit"] for limit in figures["learned"]] == limits
    assert [limit["evidence"] for limit in figures["learned"]] == evidence
    assert json.loads(command("show", "r", "--json", "--results", str(tmp_path)))["learned"] == figures["learned"]
    shown = " ".join(command("show", "r", "--results", str(tmp_path)).split("Learned")[1].split())
    part = RunPart.of(view_ended(run), run.about, run.events().to_pandas())
    page = words(make_report([part], [], made="now", version="1").html)
    panel = words(sections(RunReader(run).view(UTC_S), UTC_S)["learned"])
    for limit, why in zip(limits, evidence, strict=True):
        for text in (shown, page, panel):
            assert f"{limit} {why}" in text
    assert [line.split()[0] for line in panel.split("why ")[1:2]] == limits[:1]
    # Nobody declared a limit, so no view may speak of one.
    assert (figures["limits_source"], figures["refused_within"]) == ("test API", "")


def test_folding_on_keeps_what_a_killed_session_says(tmp_path: Path) -> None:
    """A session without an end was cut short, in the state that is folded on as in the one that is read again."""
    run = start(tmp_path)
    first(run)
    second(run)
    assert run.state().cut_short
    assert fold([]).cut_short is False


def texts(view: RunView) -> dict[str, str]:
    """What every view makes of one object, by its name; nothing else is handed to any of them."""
    screen, stream = Screen(), io.StringIO()
    with Progress("plain", stream) as shown:
        shown.update(view)
    part = RunPart.of(view, {}, pd.DataFrame({name: [] for name in NEEDED}))
    rows = [row_of(view)]
    return {
        "bar": "\n".join(line.plain for line in frame(view, 200)),
        "log": stream.getvalue(),
        "show": show_text(view, screen, settings={}, now_utc_s=UTC_S),
        "summary": summary_text(view.summary, screen),
        "runs": runs_text(rows, screen),
        "panel": words("".join(sections(view, UTC_S).values())),
        "page": words(page(view, UTC_S)),
        "table": words(rows_page(rows)),
        "compared": words(compare([view, view])),
        "report": " ".join(f"{label} {text}" for label, text in run_figures(part)),
    }


@pytest.mark.parametrize("live", [Live(60.0, UTC_S, 4, 2, "working"), None], ids=["under way", "ended"])
def test_every_view_reads_the_one_object(live: Live | None) -> None:
    """E: whatever figures stand in a RunView, each view shows these and no others of its own."""
    status = RunStatus.RUNNING if live else RunStatus.STOPPED
    figures = {"imported": 54_321, "total": 98_765, "failed": 43, "hits": 77, "refused": 82, "listed": 98_765}
    summary = replace(COMPLETE, run="one", status=status, refusals={"429": 77, "503": 5}, **figures)
    failed = tuple(Failure("item", key, 1, UTC_S, 404, "gone", "Not Found", None) for key in range(43))
    seen = texts(view_of(summary, None, live))
    if live is None:
        del seen["bar"], seen["log"]  # which show a session under way alone
    for name, text in seen.items():
        plain = text.replace(",", "")
        assert "54321" in plain, name
        assert "98765" in plain, name
        assert "503: 5" in text or name == "log", name
        assert "77" in text or name == "log", name
        assert "refused=82" in text or name != "log"
        assert "43" in text, name
    shown = replace(view_of(summary, None, live), failures=failed)
    assert "and 23 more" in show_text(shown, Screen(), settings={}, now_utc_s=UTC_S)
    assert "and 38 more" in words(sections(shown, UTC_S)["failures"])


def test_no_view_reads_a_record_by_itself() -> None:
    """A view cannot fold, follow or read what the one object does not hold: it imports nothing that can."""
    reading = {"fold", "follow", "history", "parts", "run", "snapshot", "folder", "items", "files"}
    for path in sorted((Path(harness.__file__).parent / "views").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.ImportFrom) or not (node.module or "").startswith("harness.record."):
                continue
            names = {alias.name for alias in node.names}
            assert str(node.module).rpartition(".")[2] not in reading, path
            assert "State" not in names, path
