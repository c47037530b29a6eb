"""Why nobody was sending: histories whose every moment is known."""

from __future__ import annotations

from typing import Any

import pytest

from harness.core.answers import Failed
from harness.core.rules import Rules
from harness.pacing import Notice
from harness.record import events as e
from harness.record.explain import Explanation, explain
from harness.record.fold import fold
from harness.views.explain import explain_text
from harness.views.screen import Screen
from tests.core.play import UTC_S, Play, catalogue, failing, windowed

GONE = (Notice(404), Failed("gone", "Not Found", passing=False))
# A bare 503 amid a run is taken for a refusal; a 502 is a failure.
DOWN = (Notice(502), Failed("status 502", "Bad Gateway"))


def at(events: list[e.Event], seconds: float) -> Explanation:
    return explain(iter(events), UTC_S + seconds)


def limited() -> list[e.Event]:
    """1,000 items at 500/20s with 10 workers and 50 ms: sent at once from 0 s, from 20 s and from 40 s on."""
    return Play(catalogue(1000), Rules(10), windowed("500/20s")).run().events


def test_a_wait_for_a_limit_names_it_and_its_ends() -> None:
    """In the middle of it: all of the limit is used, nothing in flight, and work was ready."""
    told = at(limited(), 10.0)
    assert (told.why, told.reason, told.limit, told.used) == ("waiting", "limit", "500/20s", 500)
    assert told.began_utc_s is not None
    assert told.ended_utc_s is not None
    assert 2.0 < told.began_utc_s - UTC_S < 3.0
    assert 20.0 < told.ended_utc_s - UTC_S < 20.2
    assert (told.in_flight, told.workers, told.limits) == (0, 10, "500/20s")
    assert told.ready > 400
    assert told.last_sent_utc_s is not None
    assert told.next_sent_utc_s == pytest.approx(told.ended_utc_s)


def test_busy_workers_and_the_beginning_and_the_end() -> None:
    """Ten of ten in flight is a lack of workers; before the first session and after the last there was nobody."""
    assert at(limited(), 1.02).why == "workers"
    assert at(limited(), -5.0).why == "before"
    told = at(limited(), 500.0)
    assert told.why == "after"
    assert told.before is not None
    assert told.before.status == "complete"


def test_a_lack_of_work() -> None:
    """While the first page is on its way, and while the last item is, one worker of ten has something to do."""
    events = Play(catalogue(3, latency_s=1.0), Rules(10)).run().events
    told = at(events, 0.5)
    assert (told.why, told.pages_in_flight, told.ready) == ("no work", 1, 0)
    told = at(events, 1.5)
    assert (told.why, told.in_flight, told.pages_in_flight) == ("no work", 3, 0)


def test_a_pause_by_a_person_and_one_after_a_refusal() -> None:
    """Who paused it, from when to when; a refusal pauses everyone, then a probe's answer is waited for."""
    by_hand: list[Any] = [(1.0, lambda core, now: core.pause(now)), (61.0, lambda core, now: core.resume(now))]
    told = at(Play(catalogue(600), Rules(5), at=by_hand).run().events, 30.0)
    assert (told.why, told.began_utc_s, told.ended_utc_s) == ("paused", UTC_S + 1.0, UTC_S + 61.0)
    refusing = failing(
        catalogue(600), lambda f, now: (Notice(429, 5.0, refused=True), Failed("-")) if 1.0 < now < 1.1 else None
    )
    events = Play(refusing, Rules(5)).run().events
    assert (at(events, 3.0).why, at(events, 3.0).reason) == ("waiting", "refused")
    probe = next(event for event in events if isinstance(event, e.Waited) and event.reason == "probe")
    assert at(events, (probe.began_s + probe.ended_s) / 2).reason == "probe"


def test_retries_and_outages() -> None:
    """Nothing left but an item that waits for its retry; and a pause because everything failed."""
    once = failing(catalogue(5), lambda f, _: DOWN if f.role == "item" and f.key == 3 and f.attempt == 1 else None)
    told = at(Play(once, Rules(5)).run().events, 10.0)
    assert (told.reason, told.later, told.ready) == ("retry", 1, 0)
    assert told.next_retry_utc_s == pytest.approx(UTC_S + 30.1)
    down = failing(catalogue(200, latency_s=0.1), lambda f, now: DOWN if 1.0 <= now < 5.0 else None)
    assert at(Play(down, Rules(10, breaker=20)).run().events, 5.0).reason == "failing"


def test_between_two_sessions() -> None:
    """How the one ended and when the next began."""
    first = Play(catalogue(600), Rules(5), at=[(1.0, lambda core, now: core.stop(now, "Ctrl-C"))]).run()
    second = Play(catalogue(600), Rules(5), state=fold(first.events), utc_s=UTC_S + 100.0).run()
    told = at(first.events + second.events, 50.0)
    assert told.why == "between"
    assert (told.before, told.after) != (None, None)
    assert told.before is not None
    assert told.after is not None
    assert (told.before.reason, told.after.began_utc_s) == ("Ctrl-C", UTC_S + 100.0)
    assert at(first.events + second.events, 100.5).why in ("workers", "sending")


def test_a_wait_that_a_kill_cut_short() -> None:
    """Its end was never recorded: it is told from when it began."""
    events = Play(catalogue(1000), Rules(10), windowed("500/20s")).run(until=3.0).events
    killed = [*events, e.Learned(19.0, "api", None, "trust", "-", "none", "500/20s")]
    told = at(killed, 10.0)
    assert (told.why, told.limit, told.ended_utc_s) == ("waiting", "500/20s", None)


def test_in_words_at_80_columns() -> None:
    """Every line fits; the reason comes first; sentences for each of the reasons."""
    text = explain_text("nightly", at(limited(), 10.0), Screen(80))
    lines = text.splitlines()
    assert lines[0].endswith("10.0 s after its start")
    assert lines[1] == "  why        waiting for 500/20s"
    assert "  counted    500 requests sent within the period of 500/20s or in flight" in lines
    assert "  in flight  0 of 10 workers" in lines
    assert max(map(len, lines)) <= 80
    assert "all 10 were waiting for answers" in explain_text("r", at(limited(), 1.02), Screen(80))
    assert "the run had not begun" in explain_text("r", at(limited(), -5.0), Screen(80))
    assert "not running: session 1 had ended (complete)" in explain_text("r", at(limited(), 500.0), Screen(80))
