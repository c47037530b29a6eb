"""The course of a run: as told while it goes on, and as read from its events."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from harness.record import events as e
from harness.record.course import tape_of
from harness.record.parts import clear_replaced, list_parts, opened, part_path, read_table, write_table
from harness.record.recorder import Recorder
from harness.record.tape import MOST_BINS, Course, Tape


def test_bins_widen_and_lose_nothing() -> None:
    """However long it goes on, there are no more bins than can be drawn, and their sum is every request."""
    tape = Tape()
    for second in range(1000):
        tape.add(float(second), 3, 1)
    course = tape.course()
    assert (course.bin_s, course.until_s) == (8.0, 999.0)
    assert len(course.sent) == 125 <= MOST_BINS
    assert (sum(course.sent), sum(course.refused)) == (3000, 1000)
    assert course.sent[0] == 24


def test_waits_that_touch_are_one() -> None:
    """A wait told in pieces is one; one for something else, or after a visible gap, is another."""
    tape = Tape()
    tape.wait(1.0, 1.25, "a")
    tape.wait(1.25, 1.5, "a")
    tape.wait(1.5, 2.0, "b")
    tape.wait(5.0, 6.0, "b")
    tape.wait(6.0, 6.0, "b")
    assert tape.course().waits == ((1.0, 1.5, "a"), (1.5, 2.0, "b"), (5.0, 6.0, "b"))


def test_waits_grow_together_when_the_bins_do() -> None:
    """What no eye can tell apart any more is one interval, so that their number stays bounded."""
    tape = Tape()
    for second in range(2000):
        tape.wait(float(second), second + 0.4, "a")
        tape.add(second + 0.5, 1, 0)
    assert len(tape.course().waits) < 10
    assert sum(tape.course().sent) == 2000


def test_a_course_is_a_copy() -> None:
    """What was handed out does not change under its reader."""
    tape = Tape()
    tape.add(0.1, 1, 0)
    course = tape.course()
    tape.add(0.1, 1, 0)
    assert course == Course(0.5, 0.1, (1,), (0,), ())


def test_the_same_from_the_events(tmp_path: Path) -> None:
    """Requests by the second in which they were answered, over sessions without a gap; what was never sent is none."""
    first: list[e.Event] = [
        e.PageListed(0.2, e.FIRST_PAGE, 1, 0.1, 0.2, 200, (1, 2, 3), 3, 1, None),
        e.ItemImported(0.4, 1, 1, 0.3, 0.4, 200, 9),
        e.AttemptFailed(0.6, "item", 2, 1, 0.5, None, None, "time-out", "", True, 30.0),
        e.AttemptFailed(0.7, "item", 2, 1, 0.5, None, None, "no connection", "", False, 30.0),
        e.Refused(0.8, "item", 3, 1, 0.7, 0.8, 429, 2.0),
        e.Waited(3.0, 1.0, 3.0, 2.0, 1, "limit", "10/1s"),
        e.Waited(3.5, 3.499, 3.5, 0.001, 0, "limit", "10/1s"),
        e.SessionEnded(4.0, "stopped", ""),
    ]
    write(tmp_path, 1, first)
    write(tmp_path, 2, [e.ItemImported(0.25, 3, 1, 0.2, 0.25, 200, 9), e.SessionEnded(1.0, "complete", "")])
    course = tape_of(tmp_path).course()
    assert (course.bin_s, course.until_s) == (0.5, 5.0)
    assert course.sent == (2, 2, 0, 0, 0, 0, 0, 0, 1)
    assert course.refused == (0, 1, 0, 0, 0, 0, 0, 0, 0)
    assert course.waits == ((1.0, 3.0, "10/1s"),)
    assert tape_of(tmp_path / "nothing").course().sent == ()


def test_parts_that_are_compacted_while_they_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The list of parts is older than what lies there by then: they are listed again, and nothing is missed."""
    recorder = Recorder(tmp_path, "r", 1)
    for second in range(3):
        recorder.record(e.ItemImported(second + 0.25, second, 1, second + 0.2, second + 0.25, 200, 9))
        recorder.flush()
    before = tape_of(tmp_path).course()
    stale = [list_parts(tmp_path / "events")]
    monkeypatch.setattr("harness.record.parts.list_parts", lambda folder: stale.pop() if stale else list_parts(folder))
    pending = [once]

    def opening(path: Path) -> AbstractContextManager[pq.ParquetFile]:
        if not stale and pending:
            pending.pop()(tmp_path)
        return opened(path)

    monkeypatch.setattr("harness.record.parts.opened", opening)
    assert (before.sent, tape_of(tmp_path).course()) == ((1, 0, 1, 0, 1), before)
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
