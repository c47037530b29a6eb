"""Every figure, worked out here from the Parquet events by nothing that the program uses, in each view of each run.

The runs are of the kinds that views have disagreed about: refusals of several statuses, several sessions, a killed one,
limits and workers set on the way, pauses by hand, failures, retries, requests without an answer, and audits.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pyarrow.parquet as pq
import pytest

from harness.config import ImportConfig
from harness.core.answers import Failed, Fetch, ItemRead, PageRead, Result
from harness.core.rules import Rules
from harness.pacing import Notice, parse_tiers
from harness.record import events as e
from harness.record.recorder import Recorder
from harness.record.run import Run, create_run
from harness.record.run_view import RunView
from harness.record.summary import Summary
from harness.reporting import part_of
from harness.session.importing import write_results
from harness.session.reader import RunReader, view_ended
from harness.session.retry_failed import forget, reopen
from harness.views import plots
from harness.views.panel.html import sections
from harness.views.panel.runs import cells
from harness.views.report import RunPart, page
from harness.views.report.content import run_failures, run_headline, run_time, run_waits
from harness.views.report.tables import sessions_table, use_table
from harness.views.runs import row_of, runs_text
from harness.views.screen import Screen
from harness.views.summary import summary_text
from harness.views.text import count, duration
from tests.core.play import Play, windowed
from tests.views.test_agreement import command, words

UTC_S = 1_800_000_000.0
LIMIT = "20/2s"
RULES = Rules(workers=4, retry_delays_s=(0.5, 0.5))
PER_PAGE = 20
Server = Callable[[Fetch, float], tuple[float, Notice | None, Result]]


def server(items: int = 90, refusing: tuple[tuple[int, int], ...] = (), *, failing: bool = False) -> Server:
    """Every so-many-th item is refused once, with a status; with `failing` item 50 is gone, 77 fails for good, and the
    answers for 31 are lost once.
    """
    met: set[Any] = set()

    def serve(fetch: Fetch, now: float) -> tuple[float, Notice | None, Result]:
        if fetch.role == "list":
            first = ((fetch.page.number or 0) - 1) * PER_PAGE + 1
            ids = tuple(range(first, min(items, first + PER_PAGE - 1) + 1))
            return 0.05, Notice(200), PageRead(ids, items, -(-items // PER_PAGE))
        item = int(fetch.item)
        for every, status in refusing:
            if item % every == 0 and item not in met:
                met.add(item)
                return 0.05, Notice(status, 0.2, refused=True), Failed("refused")
        if failing and item == 31 and item not in met:
            met.add(item)
            return 0.4, None, Failed("timed out")
        if failing and item == 50:
            return 0.05, Notice(404), Failed("gone", "Not Found", passing=False)
        if failing and item == 77:
            return 0.05, Notice(500), Failed("server error", "upstream")
        return 0.04 + 0.001 * (item % 30), Notice(200), ItemRead(10)

    return serve


@dataclass
class Making:
    """A run in the making: each `session` goes on from what the folder holds."""

    run: Run
    number: int = 0

    def session(
        self, serve: Server, limit: str = LIMIT, *, killed_at: float | None = None, relist: bool = False, **more: Any
    ) -> None:
        """Play one session and write it as an import does; one that is killed leaves its events alone."""
        self.number += 1
        utc_s = UTC_S + 1000.0 * self.number
        state = self.run.state() if self.number > 1 else None
        pacer = windowed(limit, linger_s=0.1)
        play = Play(serve, RULES, pacer, state=state, utc_s=utc_s, relist=relist, predicts=True, **more)
        play.run(1e7 if killed_at is None else killed_at)
        recorder = Recorder(self.run.folder, self.run.name, self.number)
        for event in play.events:
            if isinstance(event, e.SessionStarted):  # a play always says that it is the first
                event = replace(event, number=self.number)
            if isinstance(event, e.ItemImported):
                recorder.put(event.item, json.dumps({"id": event.item}))
            recorder.record(event)
        recorder.flush()
        began = [*self.run.about.get("sessions_utc_s", []), utc_s]
        self.run.note(sessions_utc_s=began, status="running")
        if limit != LIMIT:
            self.run.note(in_force={**self.run.about["config"], "limit": limit})
        if killed_at is None:
            config = ImportConfig(url="http://x.test/api", limit=limit, per_page=PER_PAGE)
            write_results(self.run, self.run.state(), config, None)


def undisturbed(making: Making) -> None:
    making.session(server())


def overloaded(making: Making) -> None:
    making.session(server(refusing=((13, 503), (31, 429))))


def forbidden(making: Making) -> None:
    making.session(server(refusing=((29, 403),)))


def failures(making: Making) -> None:
    making.session(server(failing=True))


def resumed(making: Making) -> None:
    """Stopped amid a wait, so that what was waited after the last answer is nobody's time."""
    making.session(server(), at=[(1.7, lambda core, now: core.stop(now, "Ctrl-C"))])
    making.session(server(refusing=((13, 503),)))


def killed(making: Making) -> None:
    making.session(server(failing=True), killed_at=3.0)
    making.session(server(failing=True))


def changed(making: Making) -> None:
    """Limit and workers set on the way, then resumed with another limit."""
    hands = [
        (1.0, lambda core, now: core.set_limits(parse_tiers("40/2s"), now)),
        (1.5, lambda core, now: core.set_workers(2, now)),
        (4.1, lambda core, now: core.stop(now, "Ctrl-C")),
    ]
    making.session(server(160), at=hands)
    making.session(server(160), "30/2s")


def paused(making: Making) -> None:
    """Twice by hand, once with requests in flight and once amid a wait; then stopped while paused, and resumed."""
    hands = [(0.07, "pause"), (3.0, "resume"), (4.5, "pause"), (6.0, "resume"), (6.5, "pause")]
    at = [(t_s, lambda core, now, what=what: getattr(core, what)(now)) for t_s, what in hands]
    making.session(server(), at=[*at, (8.0, lambda core, now: core.stop(now, "Ctrl-C"))])
    making.session(server())


def audited(making: Making) -> None:
    """Read again by an audit, when there are five more than the list had declared."""
    making.session(server())
    making.session(server(95), relist=True)


def retried(making: Making) -> None:
    """Failed items are made ready an hour later, and fetched by a session of their own."""
    making.session(server(failing=True))
    assert reopen(making.run) == 2
    making.session(server())


def forgotten(making: Making) -> None:
    making.session(server(failing=True))
    assert forget(making.run, [50]) == 1


KINDS = (undisturbed, overloaded, forbidden, failures, resumed, killed, changed, paused, audited, retried, forgotten)


@pytest.fixture(scope="module", params=KINDS, ids=lambda kind: kind.__name__)
def run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Run:
    config = ImportConfig(url="http://x.test/api", limit=LIMIT, per_page=PER_PAGE, workers=4)
    about = {"config": config.as_written(), "seed": 1, "versions": {}, "created": "2027-01-15T08:00:00Z"}
    made = create_run(tmp_path_factory.mktemp("results"), request.param.__name__, about, UTC_S)
    request.param(Making(made))
    return made


@dataclass(frozen=True)
class Truth:
    """What happened, by the rows of the events alone."""

    rows: list[dict[str, Any]]

    @classmethod
    def of(cls, run: Run) -> Truth:
        files = sorted(run.folder.glob("**/events*.parquet")) + sorted(run.folder.glob("events/*.parquet"))
        rows = [row for path in dict.fromkeys(files) for row in pq.ParquetFile(path).read().to_pylist()]
        return cls(sorted(rows, key=lambda row: (row["session"], row["writer"], row["seq"])))

    def named(self, *names: str) -> list[dict[str, Any]]:
        return [row for row in self.rows if row["event"] in names]

    @property
    def sent(self) -> list[dict[str, Any]]:
        tried = [row for row in self.named("AttemptFailed", "Returned") if row["sent"]]
        return self.named("PageListed", "ItemImported", "Refused") + tried

    @property
    def kinds(self) -> Counter[str]:
        of = {"PageListed": "list", "ItemImported": "item"}
        return Counter(of.get(row["event"]) or row["role"] for row in self.sent)

    @property
    def states(self) -> Counter[str]:
        state: dict[str, str] = {}
        for row in self.rows:
            if row["event"] == "ItemImported":
                state[row["key"]] = "imported"
            elif row["event"] == "AttemptFailed" and row["role"] == "item":
                state[row["key"]] = "failed" if row["retry_at_utc_s"] is None else "waiting"
            elif row["event"] in ("Retried", "Forgotten"):
                state[row["key"]] = "forgotten" if row["event"] == "Forgotten" else "pending"
        return Counter(state.values())

    @property
    def total(self) -> int:
        listed = {item for row in self.named("PageListed") for item in row["ids"] or []}
        return max(self.named("PageListed")[-1]["total"], len(listed))

    @property
    def refusals(self) -> dict[str, int]:
        return dict(sorted(Counter(str(row["status"]) for row in self.named("Refused")).items()))

    @property
    def refused_said(self) -> str:
        others = ", ".join(f"{status}: {number}" for status, number in self.refusals.items() if status != "429")
        hits = self.refusals.get("429", 0)
        return (f"429: {hits}" if hits else "no 429s") + (f", {others}" if others else "")

    @property
    def hits_cell(self) -> str:
        others = ", ".join(f"{status}: {n}" for status, n in self.refusals.items() if status != "429")
        return f"{self.refusals.get('429', 0)}{f' ({others})' if others else ''}"

    @property
    def lost(self) -> int:
        return sum(row["status"] is None for row in self.named("AttemptFailed") if row["sent"])

    @property
    def sessions(self) -> list[int]:
        return sorted({row["session"] for row in self.rows})

    def session_s(self, number: int) -> float:
        """First request to last answer, less the pauses that ended, each from its last answer in flight on."""
        mine = [row for row in self.sent if row["session"] == number]
        lost_s, began = 0.0, None
        for row in self.rows:
            if row["session"] == number and row["event"] == "Paused":
                began = row["t_s"]
            elif row["session"] == number and row["event"] == "Resumed" and began is not None:
                done = max([one["t_s"] for one in mine if one["t_s"] <= row["t_s"]], default=None)
                lost_s += 0.0 if done is None else max(0.0, row["t_s"] - max(began, done))
                began = None
        return max(row["t_s"] for row in mine) - min(row["sent_s"] for row in mine) - lost_s if mine else 0.0

    @property
    def duration_s(self) -> float:
        return sum(map(self.session_s, self.sessions))

    @property
    def waits(self) -> dict[str, float]:
        """Seconds asleep by limit or reason, but for what was slept after the last answer of a session."""
        last = {n: max((row["t_s"] for row in self.sent if row["session"] == n), default=0.0) for n in self.sessions}
        found: dict[str, float] = {}
        for row in self.named("Waited"):
            if row["reason"] != "retry":
                by = row["tier"] or ("refused" if row["reason"] == "probe" else row["reason"])
                after = max(0.0, row["ended_s"] - max(row["began_s"], last[row["session"]]))
                found[by] = found.get(by, 0.0) + row["asleep_s"] - min(row["asleep_s"], after)
        return found

    @property
    def latencies(self) -> list[float]:
        answered = [row for row in self.sent if row["event"] != "Refused" and row["status"] is not None]
        return sorted(row["t_s"] - row["sent_s"] for row in answered)

    @property
    def predictions(self) -> list[dict[str, Any]]:
        """What each session was thought to take, what it took once it had ended, and whether that is to be judged."""
        found = []
        for number in self.sessions:
            rows = [row for row in self.rows if row["session"] == number]
            names = [row["event"] for row in rows]
            ended = rows[names.index("SessionEnded")] if "SessionEnded" in names else None
            for at, row in enumerate(rows):
                if row["event"] == "Predicted":
                    one = {"least_s": row["least_s"], "most_s": row["most_s"], "occasion": row["reason"]}
                    one |= {"session": number, "aside": self._aside(rows, at, ended), "inside": None, "took_s": None}
                    if ended is not None:
                        one["took_s"] = self.session_s(number)
                    if ended is not None and not one["aside"]:
                        one["inside"] = row["least_s"] <= one["took_s"] <= row["most_s"]
                    found.append(one)
        return found

    @staticmethod
    def _aside(rows: list[dict[str, Any]], at: int, ended: dict[str, Any] | None) -> str:
        """Why the prediction rows[at] is not judged: what came first after it, or a pause before it."""
        if any(row["event"] == "Paused" for row in rows[:at]):
            return "paused by hand"
        for row in rows[at + 1 :]:
            if row["event"] == "Paused":
                return "paused by hand"
            if row["event"] == "Predicted":
                return "settings changed"
        if ended is None:
            return "interrupted"
        return "" if ended["status"].startswith("complete") else ended["status"]

    @property
    def shown(self) -> dict[str, Any]:
        """The prediction that is set beside what happened: the newest under the settings in force at the end."""
        last = [one for one in self.predictions if one["session"] == self.sessions[-1]]
        return last[-1] if last[0]["aside"] == "settings changed" else last[0]

    @property
    def limits(self) -> str:
        return str(self.named("SessionStarted", "LimitsSet")[-1]["limits"])

    @property
    def workers(self) -> int:
        return int(self.named("SessionStarted", "WorkersSet")[-1]["workers"])


@pytest.fixture(scope="module")
def part(run: Run) -> RunPart:
    """What the report is made of."""
    return part_of(run)


@pytest.fixture(scope="module")
def view(run: Run) -> RunView:
    """What terminal, board and table of runs are made of."""
    return RunReader(run, charted=True).view(UTC_S)


@pytest.fixture(scope="module")
def said(run: Run, part: RunPart, view: RunView) -> dict[str, str]:
    """What each view makes of the run, as text in one line; the report without its drawings, which take seconds."""
    placed, row = sections(view, UTC_S), row_of(view)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(page, "svg", lambda *_: '<svg viewBox="0 0 1 1"></svg>')
        report = page.make_report([part], [], made="now", version="1").html
    return {
        "show": " ".join(command("show", run.name, "--results", str(run.folder.parent)).split()),
        "runs": " ".join(runs_text([row], Screen()).split()),
        "end": " ".join(summary_text(Summary.from_dict(run.summary() or {}), Screen()).split()),
        "bar": words(placed["bar"]),
        "totals": words(placed["totals"]),
        "quality": words(placed["quality"]),
        "report": words(report),
    }


def test_summary_show_and_run_view_have_the_figures_of_the_events(run: Run, view: RunView) -> None:
    """summary.json, `show --json` and the RunView, figure by figure."""
    true, results = Truth.of(run), str(run.folder.parent)
    figures = run.summary()
    assert figures is not None
    assert json.loads(command("show", run.name, "--json", "--results", results)) == figures
    assert json.loads(json.dumps(view.summary.as_dict())) == figures
    assert json.loads(json.dumps(view_ended(run, run.state()).summary.as_dict())) == figures
    hits, sent = true.refusals.get("429", 0), sum(true.kinds.values())
    assert figures["total"] == true.total
    for state in ("imported", "failed", "forgotten"):
        assert figures[state] == true.states[state], state
    assert (figures["hits"], figures["refusals"]) == (hits, true.refusals)
    assert figures["refused"] == sum(true.refusals.values())
    assert (figures["requests_page"], figures["requests_item"]) == (true.kinds["list"], true.kinds["item"])
    assert figures["lost"] == true.lost
    assert figures["hits_per_1000"] == pytest.approx(1000 * hits / sent)
    assert figures["refused_per_1000"] == pytest.approx(1000 * sum(true.refusals.values()) / sent)
    assert figures["duration_s"] == pytest.approx(true.duration_s)
    assert figures["requests_per_s"] == pytest.approx(sent / true.duration_s)
    assert {wait["by"]: wait["seconds"] for wait in figures["waits"]} == pytest.approx(true.waits)
    assert figures["waiting_s"] == pytest.approx(min(true.duration_s, sum(true.waits.values())))
    assert figures["active_s"] == pytest.approx(true.duration_s - figures["waiting_s"])
    assert figures["sleeps"] == sum(row["sleeps"] for row in true.named("Waited") if row["reason"] != "retry")
    assert figures["sessions"] == len(true.sessions)
    assert (figures["limits"], figures["workers"]) == (true.limits, true.workers)
    assert (view.elapsed_s, view.waiting_s) == (figures["duration_s"], figures["waiting_s"])
    assert len(view.failures) == true.states["failed"]


def test_the_latencies_are_those_of_the_answers(run: Run, part: RunPart) -> None:
    """Percentiles within 2 %, never outside the least and the most; the figure's table and words say the same."""
    true, summary = Truth.of(run), view_ended(run).summary
    ranked = true.latencies
    for share, said in ((0.50, summary.latency_p50_s), (0.95, summary.latency_p95_s), (1.0, summary.latency_max_s)):
        assert said == pytest.approx(ranked[math.ceil(share * len(ranked)) - 1], rel=0.021)
    assert summary.latency_min_s == pytest.approx(ranked[0])
    assert ranked[0] <= (summary.latency_p50_s or 0) <= (summary.latency_p95_s or 0) <= ranked[-1]
    events = part.events
    table = plots.latency_table(events)
    assert table["n"].sum() == len(ranked)
    half, most = duration(summary.latency_p50_s), duration(summary.latency_p95_s)
    assert f"p50 {half}, p95 {most}" in plots.latency_alt(events)
    assert plots.latency_finding(events).startswith(f"Half of the answers came within {half}, 95 % within {most}")


def test_a_share_of_the_best_possible_is_said_of_whole_runs_alone(run: Run, said: dict[str, str]) -> None:
    """Of the undisturbed run as worked out here: the first page takes a round trip, the fifth window of 20 opens four
    windows after what follows it, and its last answer takes another round trip. Of runs in pieces nowhere; a complete
    run is never said to be none.
    """
    true, figures = Truth.of(run), run.summary() or {}
    shown = [said[place] for place in ("quality", "report", "show")]
    if run.name == "undisturbed":
        windows = (sum(true.kinds.values()) - 1) // 20
        best_s = 2.0 * windows + 2 * true.latencies[0]
        assert figures["bound_s"] == pytest.approx(best_s)
        assert figures["optimality"] == pytest.approx(best_s / true.duration_s)
        share = f"{100 * best_s / true.duration_s:.1f} %"
        assert all(share in text for text in shown)
    elif run.name in ("resumed", "killed", "changed", "paused"):
        assert figures["optimality"] is None
        assert all(not re.search(r"\d % of best|suffice|would be enough", text) for text in shown)
    if figures["status"].startswith("complete"):
        assert "only a complete run" not in " ".join(shown)
        assert figures["unmeasured"] != "only a complete run is measured"
    assert figures["optimality"] is None or 0 < figures["optimality"] <= 1


def test_every_view_says_them(run: Run, view: RunView, said: dict[str, str]) -> None:
    """`show`, what is printed at the end, both tables of runs, the board and the report, each in its own words."""
    true = Truth.of(run)
    done, total = count(true.states["imported"]), count(true.total)
    for place in ("show", "end", "bar", "report"):
        assert re.search(rf"\b{done} of {total}\b", said[place]), place
    for place in ("show", "end", "runs", "totals", "report"):
        assert duration(true.duration_s) in said[place], place
    for place in ("show", "end", "quality", "report"):
        assert true.refused_said in said[place], place
    assert f" {done}/{total} " in said["runs"]
    assert f" {true.hits_cell} " in said["runs"]
    requests = f"{true.kinds['list']} pages + {true.kinds['item']} items"
    for place in ("show", "end", "totals", "report"):
        assert requests in said[place], place
    waiting = duration(min(true.duration_s, sum(true.waits.values())))
    for place in ("show", "end", "totals", "report"):
        assert waiting in said[place], place


def test_the_board_s_table_says_them_cell_by_cell(run: Run, view: RunView) -> None:
    """Each cell that holds a figure, also those that are shown only when somebody chooses them."""
    true, told = Truth.of(run), cells(row_of(view), UTC_S)["cells"]
    sent = sum(true.kinds.values())
    expected = {
        "run": run.name,
        "limit": true.limits,
        "workers": str(true.workers),
        "items": f"{true.states['imported']}/{true.total}",
        "failed": str(true.states["failed"]),
        "hits": true.hits_cell,
        "sleeps": str(sum(row["sleeps"] for row in true.named("Waited") if row["reason"] != "retry")),
        "duration": duration(true.duration_s),
        "waiting": duration(min(true.duration_s, sum(true.waits.values()))),
        "requests": str(sent),
        "rate": f"{sent / true.duration_s:.1f}",
        "sessions": str(len(true.sessions)),
    }
    assert {name: told[name] for name in expected} == expected
    best = (run.summary() or {})["optimality"]
    assert told["best"] == ("-" if best is None else f"{100 * best:.1f} %")
    failed = f", {true.states['failed']} failed" if true.states["failed"] else ""
    ended = str(true.named("SessionEnded")[-1]["status"])
    assert told["status"] == f"{'complete' if ended.startswith('complete') else ended}{failed}"


def test_every_view_sets_what_was_predicted_beside_what_it_took(run: Run, view: RunView, said: dict[str, str]) -> None:
    """Interval, what the session took, and why it is not judged, from the events; a second session says which it is."""
    true = Truth.of(run)
    expected = true.predictions
    assert {one["session"] for one in expected} >= {true.sessions[-1]}
    results = str(run.folder.parent)
    recorded = json.loads(command("show", run.name, "--json", "--results", results))["predictions"]
    assert [{name: one[name] for name in expected[0]} for one in recorded] == [
        {**one, "took_s": None if one["took_s"] is None else pytest.approx(one["took_s"])} for one in expected
    ]
    one = true.shown
    words_of = [duration(one[name]).split() for name in ("least_s", "most_s", "took_s")]
    least, most, took = (rf"{re.escape(number)}( {' '.join(unit)})?" for number, *unit in words_of)
    which = rf"session {one['session']}\b.*" if one["session"] > 1 else ""
    for place in ("show", "end", "totals", "report"):
        text = said[place][said[place].index("predicted") :][:120]
        assert re.search(rf"{which}({least} to )?{most}\b.*\btook {took}\b", text), (place, text)
        assert one["aside"] in text, (place, text)
    assert view.prediction is not None
    assert view.prediction.took_s == pytest.approx(one["took_s"])


def test_the_chart_of_the_board_is_of_the_same_events(run: Run, view: RunView) -> None:
    """Requests, refusals by status, waits by what they were for, and a mark for each session but the first."""
    true = Truth.of(run)
    timeline = view.timeline
    assert timeline is not None
    assert sum(timeline.sent) == sum(true.kinds.values())
    assert sum(timeline.refused) == sum(true.refusals.values())
    assert {str(status): sum(bins) for status, bins in timeline.by_status} == true.refusals
    assert len(timeline.sessions) == len(true.sessions) - 1
    for began_s, ended_s, by in timeline.waits:
        assert 0 <= began_s < ended_s <= timeline.until_s, by
    drawn = {by for _, _, by in timeline.waits}
    assert drawn - {"paused"} == {
        row["tier"] or row["reason"] for row in true.named("Waited") if row["asleep_s"] >= 0.01
    }
    assert ("paused" in drawn) is bool(true.named("Paused"))


def test_the_report_tells_the_same_in_each_of_its_parts(run: Run, part: RunPart) -> None:
    """Headline, sessions, waits, failures, and every figure with its table and its words."""
    true = Truth.of(run)
    took, refused = duration(true.duration_s), sum(true.refusals.values())
    sent = sum(true.kinds.values())
    assert f" in {took}" in run_headline(part)
    assert dict(run_time(part))["duration"].startswith(took)

    sessions = sessions_table(part.events)
    assert list(sessions["duration_s"]) == pytest.approx([true.session_s(number) for number in true.sessions])
    assert sessions["duration_s"].sum() == pytest.approx(true.duration_s)
    assert (sessions["requests"].sum(), sessions["refused"].sum()) == (sent, refused)
    assert list(sessions["limits"])[-1].rpartition(", then ")[2] == true.limits
    assert list(sessions["workers"])[-1].rpartition(", then ")[2] == str(true.workers)
    assert any(", then " in said for said in sessions["workers"]) is bool(true.named("WorkersSet"))
    assert any(", then " in said for said in sessions["limits"]) is bool(true.named("LimitsSet"))

    waits = {what.removeprefix("waiting for "): seconds for what, _, seconds, _ in run_waits(part)}
    active_s = waits.pop("active")
    assert sorted(waits.values()) == pytest.approx(sorted(true.waits.values()))
    assert active_s + min(true.duration_s, sum(true.waits.values())) == pytest.approx(true.duration_s)

    counted = dict(run_failures(part))
    assert sum(n for what, n in counted.items() if what.startswith("items failed")) == true.states["failed"]
    refusals = {what.removeprefix("requests refused with "): n for what, n in counted.items() if "refused with" in what}
    assert refusals == true.refusals
    assert counted.get("requests without an answer", 0) == true.lost
    assert counted.get("items forgotten", 0) == true.states["forgotten"]


def test_the_figures_of_the_report_are_of_all_sessions_and_of_one_duration(run: Run, part: RunPart) -> None:
    """Timeline, workers busy, strip and the use of each limit, by tables and by words."""
    true = Truth.of(run)
    took, refused, sent = duration(true.duration_s), sum(true.refusals.values()), sum(true.kinds.values())
    assert plots.timeline_alt(part.events).startswith(f"{sent} requests in {took}, {refused} of them refused; ")
    table = plots.timeline_table(part.events)
    assert (table["requests"].sum(), table["hits"].sum()) == (sent, refused)
    waited = min(true.duration_s, sum(true.waits.values()))
    assert plots.timeline_finding(part.events).startswith(f"Waiting took {duration(waited)} of {took}")
    (row,) = plots.strip_table({run.name: part.events}).to_dict("records")
    assert row["duration_s"] == pytest.approx(true.duration_s)
    assert (row["requests"], row["hits"]) == (sent, refused)
    busy = plots.occupancy_table(part.events)
    in_flight_s = sum(one["t_s"] - one["sent_s"] for one in true.sent)
    assert (busy["busy"] * busy["seconds"]).sum() == pytest.approx(in_flight_s)
    assert busy["seconds"].sum() == pytest.approx(true.duration_s)
    use = use_table(part.events)
    kept = {row["limits"] for row in true.named("SessionStarted", "LimitsSet")}
    assert set(use["limit"]) == kept
    assert not (use["most"] > 1.0).any()
    if len(kept) == len(true.sessions) == 1:
        assert list(use["most"]) == pytest.approx([_most_in_a_window(true, 20, 2.0)])


def _most_in_a_window(true: Truth, limit: int, period_s: float) -> float:
    """The largest share of the limit that was let through in windows opened by their first request."""
    admitted = sorted(row["sent_s"] for row in true.sent if row["event"] != "Refused" and row["status"] is not None)
    shares, at = [], 0
    while at < len(admitted):
        inside = [sent_s for sent_s in admitted[at:] if sent_s < admitted[at] + period_s]
        shares.append(len(inside) / limit)
        at += len(inside)
    return max(shares)


def test_the_settings_shown_are_those_in_force(run: Run, said: dict[str, str]) -> None:
    """E: with those of the start beside them where they differ, in `show` and in the report."""
    true = Truth.of(run)
    began = true.named("SessionStarted")[0]["limits"]
    for text in (said["show"], said["report"]):
        assert (f"{true.limits} ({began} at the start)" in text) is (true.limits != began)
    assert f"limit {true.limits}" in said["show"]
