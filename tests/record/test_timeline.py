"""The timeline of a run: as folded while it goes on, and as replayed from its parts."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import fields, replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from harness.record import events as e
from harness.record.fold import fold
from harness.record.follow import Replay, timeline_of
from harness.record.parts import clear_replaced, compact, list_parts, opened, part_path, read_table, write_table
from harness.record.recorder import Recorder
from harness.record.run import create_run
from harness.record.timeline import MOST_BINS, Timeline, TimelineBins
from tests.record.samples import history


def add(timeline: Timeline, t_s: float, sent: int, refused: int = 0) -> None:
    """`sent` requests at one moment, `refused` of them refused."""
    timeline.reach(t_s)
    timeline.count(timeline.bin_of(t_s), sent=sent, refused=refused)


def test_bins_widen_and_lose_nothing() -> None:
    """However long it goes on, there are no more bins than can be drawn, and their sum is every request."""
    timeline = Timeline()
    for second in range(1000):
        add(timeline, float(second), 3, 1)
    bins = timeline.bins()
    assert (bins.bin_s, bins.until_s) == (8.0, 999.0)
    assert len(bins.sent) == 125 <= MOST_BINS
    assert (sum(bins.sent), sum(bins.refused)) == (3000, 1000)
    assert bins.sent[0] == 24


def test_waits_that_touch_are_one() -> None:
    """A wait told in pieces is one; one for something else, or after a visible gap, is another."""
    timeline = Timeline()
    timeline.wait(1.0, 1.25, "a")
    timeline.wait(1.25, 1.5, "a")
    timeline.wait(1.5, 2.0, "b")
    timeline.wait(5.0, 6.0, "b")
    timeline.wait(6.0, 6.0, "b")
    assert timeline.bins().waits == ((1.0, 1.5, "a"), (1.5, 2.0, "b"), (5.0, 6.0, "b"))


def test_waits_grow_together_when_the_bins_do() -> None:
    """What no eye can tell apart any more is one interval, so that their number stays bounded."""
    timeline = Timeline()
    for second in range(2000):
        timeline.wait(float(second), second + 0.4, "a")
        add(timeline, second + 0.5, 1)
    assert len(timeline.bins().waits) < 10
    assert sum(timeline.bins().sent) == 2000


def test_waits_for_two_limits_in_turn_are_bounded_too() -> None:
    """A night of waits for one limit and then the other: each grows together by itself."""
    timeline = Timeline()
    for second in range(20_000):
        timeline.wait(float(second), second + 0.9, "ab"[second % 2])
    assert len(timeline.bins().waits) == 2


def test_bins_are_a_copy() -> None:
    """What was handed out does not change under its reader."""
    timeline = Timeline()
    add(timeline, 0.1, 1)
    bins = timeline.bins()
    add(timeline, 0.1, 1)
    assert bins == TimelineBins(0.5, 0.1, (1,), (0,), ())


FIRST: list[e.Event] = [
    e.PageListed(0.2, e.FIRST_PAGE, 1, 0.1, 0.2, 200, (1, 2, 3), 3, 1, None),
    e.ItemImported(0.4, 1, 1, 0.3, 0.4, 200, 9),
    e.AttemptFailed(0.6, "item", 2, 1, 0.5, None, None, "time-out", "", True, 30.0),
    e.AttemptFailed(0.7, "item", 2, 1, 0.5, None, None, "no connection", "", False, 30.0),
    e.Refused(0.8, "item", 3, 1, 0.7, 0.8, 429, 2.0),
    e.WaitBegan(1.0, "limit", "10/1s", 3.0),
    e.Waited(3.0, 1.0, 3.0, 2.0, 1, "limit", "10/1s"),
    e.Waited(3.5, 3.499, 3.5, 0.001, 0, "limit", "10/1s"),
    e.SessionEnded(4.0, "stopped", ""),
]
SECOND: list[e.Event] = [e.ItemImported(0.25, 3, 1, 0.2, 0.25, 200, 9), e.SessionEnded(1.0, "complete", "")]


def test_the_same_from_the_events(tmp_path: Path) -> None:
    """Requests by the second in which they were answered, over sessions without a gap; what was never sent is none."""
    write(tmp_path, 1, FIRST)
    write(tmp_path, 2, SECOND)
    bins = timeline_of(tmp_path).bins()
    assert (bins.bin_s, bins.until_s) == (0.5, 5.0)
    assert bins.sent == (2, 2, 0, 0, 0, 0, 0, 0, 1)
    assert bins.refused == (0, 1, 0, 0, 0, 0, 0, 0, 0)
    assert bins.waits == ((1.0, 3.0, "10/1s"),)
    assert bins.sessions == (4.0,)
    assert bins.by_status == ((429, (0, 1, 0, 0, 0, 0, 0, 0, 0)),)
    assert timeline_of(tmp_path / "nothing").bins().sent == ()


def test_what_goes_on_is_drawn_up_to_now() -> None:
    """A wait that is not over, and a person's pause; the end of a session ends both."""
    timeline = Timeline()
    for event in FIRST[:6]:
        timeline.apply(event)
    assert timeline.bins().waits == ()
    assert timeline.bins(2.5).waits == ((1.0, 2.5, "10/1s"),)
    assert timeline.bins(2.5).until_s == 2.5
    timeline.apply(e.Waited(2.0, 1.0, 2.0, 1.0, 1, "limit", "10/1s"))
    timeline.apply(e.Paused(2.0))
    assert timeline.bins(9.0).waits == ((1.0, 2.0, "10/1s"), (2.0, 9.0, "paused"))
    timeline.apply(e.SessionEnded(9.5, "stopped", ""))
    assert timeline.bins(10.0).waits == ((1.0, 2.0, "10/1s"), (2.0, 9.5, "paused"))


def test_refusals_by_status_and_changes_of_settings(tmp_path: Path) -> None:
    """Each status by itself; a change by hand, and one that a later session began with; what holds from the start, and
    what was learned, is none."""
    first: list[e.Event] = [
        e.SessionStarted(0.0, 1, 1e9, 10, "", "auto", "h"),
        e.Refused(0.8, "item", 3, 1, 0.7, 0.8, 503, 2.0),
        e.Refused(1.6, "item", 3, 1, 1.5, 1.6, 429, 2.0),
        e.Learned(2.0, "b", "10/1s", "log", "why", "high", "10/1s"),
        e.WorkersSet(2.1, 11),
        e.WorkersSet(2.2, 12),
        e.LimitsSet(2.3, "10/1s"),
        e.SessionEnded(3.0, "stopped", ""),
    ]
    second: list[e.Event] = [
        e.SessionStarted(0.0, 2, 2e9, 12, "20/1s", "window", "h"),
        e.SessionEnded(0.2, "failed", ""),
    ]
    timeline = Timeline()
    for number, events in enumerate((first, second), 1):
        write(tmp_path, number, events)
        for event in events:
            timeline.apply(event)
    bins = timeline.bins()
    assert bins == timeline_of(tmp_path).bins()
    assert bins.by_status == ((429, (0, 0, 0, 1)), (503, (0, 1, 0, 0)))
    assert bins.refused == (0, 1, 0, 1)
    assert bins.changes == ((2.2, "workers", "12"), (3.0, "limits", "20/1s"))
    timeline.reach(500.0)  # bins of 4 s
    assert timeline.bins().changes == bins.changes
    timeline.settings(0.5, workers=9)
    assert timeline.bins().changes == ((3.0, "limits", "20/1s"), (3.5, "workers", "9"))


def test_what_people_ask_of_an_ended_run_takes_no_time(tmp_path: Path) -> None:
    """Retried an hour after its end, the session is as long as it was."""
    later = [*FIRST, e.Retried(3600.0, "item", 2)]
    write(tmp_path, 1, later)
    assert timeline_of(tmp_path).bins().until_s == 4.0
    timeline = Timeline(number=1)
    for event in later:
        timeline.apply(event)
    assert timeline.bins() == timeline_of(tmp_path).bins()


def sessions_of(seed: int, stretch: float) -> list[list[e.Event]]:
    """The events of a played run, session by session, as a record numbers them; times made longer."""
    found: list[list[e.Event]] = []
    for event in history(seed):
        if isinstance(event, e.SessionStarted):
            found.append([])
            event = replace(event, number=len(found))
        names = [f.name for f in fields(event) if f.name.endswith("_s") and not f.name.endswith("utc_s")]
        longer = {name: stretch * at for name in names if (at := getattr(event, name)) is not None}
        found[-1].append(replace(event, **longer))
    return found


@given(st.integers(0, 10**6), st.sampled_from([1.0, 7.5, 1000.0]), st.sampled_from([7, 25, 80]), st.booleans())
@settings(
    max_examples=15,
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_live_and_replay_are_one(
    tmp_path_factory: pytest.TempPathFactory, seed: int, stretch: float, size: int, compacted: bool
) -> None:
    """Event by event, part by part as they are written, and all at once: the same timeline at every part.

    Over sessions that were killed, paused and resumed, with 429s, 503s and failures, compacted on the way or not.
    """
    run = create_run(tmp_path_factory.mktemp("timeline"), "r", {}, 0.0)
    live, following = Timeline(), Replay(run.folder)
    sessions = sessions_of(seed, stretch)
    for number, events in enumerate(sessions, 1):
        recorder = Recorder(run.folder, "r", number)
        for at in range(0, len(events), size):
            for event in events[at : at + size]:
                live.apply(event)
                recorder.record(event)
            recorder.flush()
            now_s = events[min(at + size, len(events)) - 1].t_s + 1.0
            assert following.read().bins(now_s) == live.bins(now_s)
        if compacted:
            compact(run.folder)
            assert following.read().bins() == live.bins()
    assert timeline_of(run.folder).bins() == live.bins()
    assert sum(live.sent) == fold([event for session in sessions for event in session]).sent


def test_parts_that_are_compacted_while_they_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The list of parts is older than what lies there by then: they are listed again, and nothing is missed."""
    recorder = Recorder(tmp_path, "r", 1)
    for second in range(3):
        recorder.record(e.ItemImported(second + 0.25, second, 1, second + 0.2, second + 0.25, 200, 9))
        recorder.flush()
    before = timeline_of(tmp_path).bins()
    stale = [list_parts(tmp_path / "events")]
    monkeypatch.setattr("harness.record.parts.list_parts", lambda folder: stale.pop() if stale else list_parts(folder))
    pending = [once]

    def opening(path: Path) -> AbstractContextManager[pq.ParquetFile]:
        if not stale and pending:
            pending.pop()(tmp_path)
        return opened(path)

    monkeypatch.setattr("harness.record.parts.opened", opening)
    assert (before.sent, timeline_of(tmp_path).bins()) == ((1, 0, 1, 0, 1), before)
    assert len(list_parts(tmp_path / "events")) == 1


def once(folder: Path) -> None:
    """Compact, unless that has been done."""
    if len(list_parts(folder / "events")) > 1:
        writer, first, path = list_parts(folder / "events")[0]
        tables = [read_table(each) for _, _, each in list_parts(folder / "events")]
        rows = pa.concat_tables(tables)
        write_table(part_path(folder / "events", writer, first, first + rows.num_rows - 1), rows)
        clear_replaced(folder / "events")
        assert not path.exists()


def write(folder: Path, session: int, events: list[e.Event]) -> None:
    folder.mkdir(exist_ok=True)
    recorder = Recorder(folder, "r", session)
    for event in events:
        recorder.record(event)
    recorder.flush()
