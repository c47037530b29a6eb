"""Waits: exact time asleep, and a count that means pauses people would notice."""

from __future__ import annotations

import pytest

from harness.core.rules import Rules
from harness.core.waits import WaitLog
from harness.record import events as e
from tests.core.play import Play, catalogue, windowed


def waited(log_calls: list[tuple[str, float]], period_s: float = 20.0) -> list[e.Waited]:
    events: list[e.Event] = []
    log = WaitLog(events.append)
    for call, now in log_calls:
        if call == "begin":
            log.begin(now, "limit", "500/20s", now + 1.0, period_s)
        else:
            log.end(now)
    log.flush(log_calls[-1][1])
    return [event for event in events if isinstance(event, e.Waited)]


def test_two_pauses_of_a_default_import_count_as_two() -> None:
    """1,010 requests at 500/20s with jitter-free 50 ms: two waits of about 17.5 s, however slots come free."""
    play = Play(catalogue(1000), Rules(workers=10), windowed("500/20s+2000/100s")).run()
    state = play.core.state
    assert state.sleeps == 2
    assert state.asleep_s == pytest.approx(2 * (20.0 - 2.5), abs=0.3)
    assert set(state.waits) == {"500/20s"}


def test_active_and_waiting_add_up_to_the_duration() -> None:
    """Time asleep is the union of the moments in which nobody could send, neither more nor less."""
    play = Play(catalogue(400), Rules(workers=1), windowed("10/1s")).run()
    busy = len(play.sent) * 0.05  # one worker: whenever it is not asking, it waits
    assert play.core.state.duration_s - play.core.state.asleep_s == pytest.approx(busy, abs=1e-6)


def test_short_pauses_add_time_and_no_count() -> None:
    """Under 1 % of the window a pause is the rhythm of pacing."""
    events = waited([("begin", 1.0), ("end", 1.1), ("begin", 1.15), ("end", 1.25)])
    assert [(event.sleeps, pytest.approx(event.asleep_s)) for event in events] == [(0, 0.2)]


def test_long_pauses_close_together_are_one() -> None:
    """Two pauses with less than 1 % of the window between them count once; further apart, twice."""
    near = waited([("begin", 0.0), ("end", 5.0), ("begin", 5.1), ("end", 9.0)])
    far = waited([("begin", 0.0), ("end", 5.0), ("begin", 6.0), ("end", 9.0)])
    assert [event.sleeps for event in near] == [1, 0]
    assert [event.sleeps for event in far] == [1, 1]
    assert sum(event.asleep_s for event in near) == pytest.approx(8.9)


def test_a_wait_that_is_asked_for_again_goes_on() -> None:
    """However many workers ask, it is one wait."""
    events = waited([("begin", 0.0), ("begin", 1.0), ("begin", 2.0), ("end", 10.0)])
    assert [(event.began_s, event.ended_s, event.sleeps) for event in events] == [(0.0, 10.0, 1)]
