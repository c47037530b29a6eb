"""Whose fault a refusal was: a limit's, which costs nothing whatever its status, or that of the item alone.

Histories in virtual time under every strategy. B1 to B8 are the cases of the same numbers.
"""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.engine.answers import Failed, failed_status
from harness.engine.doubts import MOST_MET, MOST_PROBES, Doubts
from harness.engine.rules import Rules
from harness.engine.unauthorised import EXPIRED
from harness.pacing import Notice
from harness.pacing.refusals import RefusedWhen, by_body, by_headers
from harness.record import events as e
from harness.record.fold import fold
from tests.engine.limits import Limit, attempts, bucket, failed, imported, limited, log, said, window
from tests.engine.play import UTC_S, Play, catalogue, failing

STRATEGIES = ["window", "backoff", "auto"]
ALL = [*STRATEGIES, "spaced", "reference", "retry-after", "aimd"]
OWN = frozenset(Random(5).sample(range(1, 301), 60))


def lossless(play: Play, items: int = 300) -> None:
    """Everything was imported, at no cost to any item."""
    assert play.done is not None
    assert (play.done.status, play.core.state.imported) == ("complete", items)
    assert attempts(play) == set()


# --- refusals by a limit ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("strategy", ALL)
def test_418_for_three_seconds_amid_a_run(strategy: str) -> None:
    """B1: 418 with Retry-After: 5: everyone pauses as told, once, and nothing is lost."""
    server = failing(catalogue(300), lambda f, now: (said(418, 5.0), Failed("-")) if 0.5 <= now < 3.5 else None)
    play = imported(server, strategy)
    lossless(play)
    assert play.core.state.refusals.keys() == {418}
    assert play.core.state.refused <= 11
    if strategy not in ("backoff",):  # which is deaf to what servers say
        first = play.of(e.Held)[0]
        assert first.until_s - first.t_s == pytest.approx(5.0, abs=0.1)


@pytest.mark.parametrize("strategy", ALL)
def test_418_on_the_first_request(strategy: str) -> None:
    """B2: waits as told, though nothing was ever let in."""
    server = failing(catalogue(50), lambda f, now: (said(418, 5.0), Failed("-")) if now < 4.5 else None)
    play = imported(server, strategy)
    lossless(play, 50)
    if strategy not in ("backoff",):
        assert play.sent[1][0] - 0.05 >= 5.0


@pytest.mark.parametrize("limit", ["window", "log", "bucket", "strict"])
@pytest.mark.parametrize("status", [403, 503])
@pytest.mark.parametrize("strategy", ALL)
def test_a_hidden_limit_that_refuses_without_a_word(strategy: str, status: int, limit: str) -> None:
    """B3: --limit 5000/h is declared, the true one is tighter: suspected under every strategy, at no cost."""
    true = {"window": window(60, 10), "log": log(60, 10), "bucket": bucket(5, 10), "strict": bucket(6)}[limit]
    lossless(imported(limited(150, true, Notice(status), jitter=0.5), strategy), 150)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_limit_that_only_the_body_tells(strategy: str) -> None:
    """B4: rateLimitExceeded in the body of a 403."""
    refusal = said(403, body={"error": {"errors": [{"reason": "rateLimitExceeded"}]}})
    lossless(imported(limited(300, window(60, 10), refusal), strategy))


@pytest.mark.parametrize("status", [500, 502, 503, 504, 529])
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_any_5xx_with_retry_after(strategy: str, status: int) -> None:
    """B5: as a 503 is: nobody waits for a retry, and no attempt is used up."""
    lossless(imported(limited(300, window(60, 5), said(status, 2.0)), strategy))


@pytest.mark.parametrize("strategy", ["window", "auto", "retry-after", "aimd"])
def test_seconds_in_the_body(strategy: str) -> None:
    """B6: retry_after: 1.5 and no header: everyone pauses so long."""
    refusal = said(429, body={"retry_after": 1.5})
    play = imported(limited(300, window(60, 1.5), refusal), strategy)
    lossless(play)
    held = play.of(e.Held)[0]
    assert held.retry_after_s == 1.5
    assert held.until_s - held.t_s == pytest.approx(1.5, abs=0.01)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_declared_refusal(strategy: str) -> None:
    """B7: 400 and words that nobody knows, declared: no more doubt than with a 429."""
    rule = (RefusedWhen(400, "come back later"),)
    refusal = by_body(by_headers(Notice(400), rule), {"error": "Come back later"}, UTC_S, rule)
    assert refusal.certain
    lossless(imported(limited(300, window(60, 10), refusal), strategy))


@pytest.mark.parametrize("strategy", ALL)
def test_ten_in_flight_are_refused_at_once(strategy: str) -> None:
    """A whole burst of bare 403s comes back at no cost, and one request at a time finds out what it was."""
    times: list[float] = []

    def shut(fetch: Any, now: float) -> Any:
        if 1.0 <= now < 2.0:
            times.append(now)
            return Notice(403), Failed("-")
        return None

    play = imported(failing(catalogue(300, latency_s=0.08), shut), strategy)
    lossless(play)
    assert play.core.state.refused <= 13


def test_an_outage_of_503_costs_nothing_and_is_outlived() -> None:
    """Half an hour of 503 without a word: eight probes at most, and no attempt."""
    down = failing(catalogue(300), lambda f, now: (Notice(503), Failed("-")) if 1.0 <= now < 1700.0 else None)
    play = imported(down, "window")
    lossless(play)
    assert len([now for now, *_ in play.sent if 2.0 < now < 1700.0]) < MOST_PROBES


def test_maintenance_for_an_hour() -> None:
    """503 with Retry-After: 3600: an hour of silence, one request, and everyone goes on."""
    down = failing(catalogue(300), lambda f, now: (said(503, 3600.0), Failed("-")) if 1.0 <= now < 3600.0 else None)
    play = imported(down, "window")
    lossless(play)
    assert [now for now, *_ in play.sent if 2.0 < now < 3600.0] == []


@pytest.mark.parametrize("status", [403, 503, 418, 400])
def test_when_nobody_gets_through_the_run_ends_and_nothing_is_lost(status: int) -> None:
    """Eight probes in vain, each of another request: failed, with what the server said; resumed, it goes on."""
    refusal = said(status, 1.0) if status in (418, 400) else Notice(status)
    refusal.body = '{"message": "no more today"}'
    shut = failing(catalogue(300), lambda f, now: (refusal, Failed("-")) if now >= 1.0 else None)
    play = imported(shut, "window", workers=1)
    assert play.done is not None
    assert play.done.status == "failed"
    assert f"8 probes in a row were refused with status {status}" in play.done.reason
    assert "no more today" in play.done.reason
    assert attempts(play) == set()
    probes = [key for now, _, key, _ in play.sent if now > play.of(e.Held)[0].t_s]
    assert len(probes) == MOST_PROBES
    assert len(set(probes[:3])) == 3
    again = Play(catalogue(300), state=fold(play.events)).run()
    assert (again.core.state.status, again.core.state.imported) == ("complete", 300)


def test_a_wrong_key_is_said_at_once() -> None:
    """A 403 on the very first request is no limit's: one request, and the run has failed."""
    play = imported(failing(catalogue(9), lambda f, now: (Notice(403), Failed("status 403", passing=False))), "auto")
    assert play.done is not None
    assert (play.done.status, len(play.sent)) == ("failed", 1)


# --- statuses of the items' own -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "own",
    [OWN, {150}, {300}, {1, 2, 3}, set(range(100, 160)), set(range(251, 301))],
    ids=["a fifth", "one", "the last", "the first", "neighbours", "all at the end"],
)
@pytest.mark.parametrize("workers", [1, 10])
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_forbidden_items_fail_and_no_others(strategy: str, workers: int, own: set[int]) -> None:
    """A bare 403 for some amid successes: these fail as such, the others are imported."""
    play = imported(limited(300, own=own), strategy, workers)
    assert failed(play) == attempts(play) == set(own)
    assert play.core.state.imported == 300 - len(own)
    assert {f.status for f in play.core.state.failures.values()} == {403}


@pytest.mark.parametrize("own", [OWN, {300}, set(range(251, 301))], ids=["a fifth", "the last", "all at the end"])
def test_forbidden_items_after_the_whole_list(own: set[int]) -> None:
    """Read first with `sequential`: what is set aside holds nobody up for ever."""
    play = imported(limited(300, own=own), "window", sequential=True)
    assert failed(play) == own
    assert play.core.state.imported == 300 - len(own)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_forbidden_items_take_little_time(strategy: str) -> None:
    """60 of 300: once it is known whose fault it is, nobody pauses for the next ones; two requests each."""
    play = imported(limited(300, own=OWN), strategy)
    assert play.now < 16.0
    assert len(play.sent) < 303 + 70
    assert len(play.of(e.Held)) <= 2
    one = imported(limited(300, own={150}), strategy)
    assert one.now < 5.0


@pytest.mark.parametrize("limit", ["window", "log", "bucket", "strict"])
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_forbidden_items_behind_a_limit_that_refuses_the_same_way(strategy: str, limit: str) -> None:
    """Bare 403s from both: every forbidden item fails, and no other does, however often it was refused."""
    true = {"window": window(60, 10), "log": log(60, 10), "bucket": bucket(5, 5), "strict": bucket(6)}[limit]
    workers = 1 if limit == "strict" else 10
    own = set(range(7, 150, 8))
    play = imported(limited(150, true, own=own, jitter=0.0 if limit == "strict" else 0.5), strategy, workers)
    assert failed(play) == attempts(play) == own
    assert play.core.state.imported == 150 - len(own)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_503_of_its_own_uses_up_attempts_and_then_fails(strategy: str) -> None:
    """One item is 503 for ever: as a passing failure it is retried, and fails after its attempts."""
    rules = {"retry_delays_s": (5.0, 5.0)}
    play = imported(limited(300, own={150}, own_status=503), strategy, **rules)
    assert failed(play) == {150}
    assert play.core.state.failures["item", 150].attempts == 3
    assert play.core.state.imported == 299


@pytest.mark.parametrize("workers", [1, 10])
@pytest.mark.parametrize("strategy", ALL)
def test_a_429_of_its_own(strategy: str, workers: int) -> None:
    """One item is 429 for ever while the others get through: it fails after three, with the reason."""
    server = failing(
        catalogue(300), lambda f, _: (said(429), Failed("-")) if (f.kind, f.key) == ("item", 150) else None
    )
    play = imported(server, strategy, workers)
    assert failed(play) == {150}
    failure = play.core.state.failures["item", 150]
    assert failure.status == 429
    assert "while other requests got through" in failure.detail
    assert play.core.state.imported == 299
    assert play.core.state.refusals[429] >= 3


@pytest.mark.parametrize("workers", [10, 64])
@pytest.mark.parametrize("strategy", ["backoff", "retry-after"])
def test_a_429_that_everyone_meets_is_never_doubted(
    strategy: str, workers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bucket without any burst refuses requests three times and more, and the others with them: no comparison."""
    phases, heard = set(), Doubts.heard

    def noted(self: Doubts, *what: Any) -> Any:
        ruling = heard(self, *what)
        phases.add(self.phase)
        return ruling

    monkeypatch.setattr(Doubts, "heard", noted)
    play = imported(limited(100, bucket(10), said(429)), strategy, workers)
    lossless(play, 100)
    assert phases == {None}
    keys = Counter((event.kind, event.key) for event in play.of(e.Refused))
    assert sum(times >= MOST_MET for times in keys.values()) >= 9


@pytest.mark.parametrize("own", [1, 50, 100])
@pytest.mark.parametrize("workers", [1, 10, 64])
@pytest.mark.parametrize("strategy", ["backoff", "auto", "retry-after"])
def test_a_429_of_its_own_among_those_of_a_limit(strategy: str, workers: int, own: int) -> None:
    """The same with one that is 429 for ever: it is found out in the end, and the others lose nothing by it."""
    base = limited(100, bucket(10), said(429))

    def server(fetch: Any, now: float) -> Any:
        latency_s, notice, result = base(fetch, now)
        mine = (fetch.kind, fetch.key) == ("item", own)
        return (latency_s, said(429), failed_status(429)) if mine else (latency_s, notice, result)

    play = imported(server, strategy, workers)
    assert play.done is not None
    assert failed(play) == {own}
    assert play.core.state.imported == 99


def test_blips_cost_next_to_nothing() -> None:
    """One answer in a hundred is 503 without a word: sent again, no attempt, hardly a pause."""
    random = Random(3)
    server = limited(1000, also=lambda fetch, now: 503 if random.random() < 0.01 else None)
    play = imported(server, "window")
    lossless(play, 1000)
    assert play.now < 25.0


def test_every_request_is_recorded_once() -> None:
    """What was sent is what the events say: refused, failed, imported, or sent to compare with."""
    for own in (OWN, set(range(251, 301))):
        play = imported(limited(300, window(60, 5), own=own), "window")
        sent = sorted(
            (event.sent_s, event.kind) for event in play.events if hasattr(event, "sent_s") and hasattr(event, "kind")
        )
        items = [(event.sent_s, "item") for event in play.of(e.ItemImported)]
        pages = [(event.sent_s, "page") for event in play.of(e.PageListed)]
        assert sorted([*sent, *items, *pages]) == sorted((now, kind) for now, kind, _, _ in play.sent)
        assert play.core.state.refused == len(play.of(e.Refused)) == sum(play.core.state.refusals.values())


def test_an_item_is_never_asked_for_twice_at_a_time() -> None:
    """Nor again once it has been imported, unless to compare with it; attempts are numbered without a gap."""
    play = imported(limited(300, log(60, 10), own=OWN, jitter=0.5), "window")
    assert {attempt for _, _, _, attempt in play.sent} == {1}
    done = [event.item for event in play.of(e.ItemImported)]
    assert len(done) == len(set(done)) == 240


# --- 401 ----------------------------------------------------------------------------------------------------------


def unauthorised(fetch: Any, now: float) -> Any:
    return (Notice(401), Failed("status 401", "Unauthorized", passing=False))


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("workers", [1, 10])
def test_a_token_that_expires_amid_a_run(strategy: str, workers: int) -> None:
    """B8: those in flight and one more; everyone stops, attempts are kept, and the message says what to do."""
    play = imported(
        failing(catalogue(300), lambda f, now: unauthorised(f, now) if now >= 1.0 else None), strategy, workers
    )
    assert play.done is not None
    assert (play.done.status, play.done.reason) == ("failed", EXPIRED)
    assert "renew the token" in EXPIRED
    assert attempts(play) == set()
    assert len([now for now, *_ in play.sent if now >= 1.0]) <= workers + 1
    again = Play(catalogue(300), state=fold(play.events)).run()
    assert (again.core.state.status, again.core.state.imported) == ("complete", 300)
    still = Play(failing(catalogue(300), unauthorised), state=fold(play.events)).run()
    assert still.done is not None
    assert (still.done.reason, attempts(still)) == (EXPIRED, set())


@pytest.mark.parametrize("own", [{150}, {1}, {300}, set(range(100, 112)), set(range(290, 301))], ids=str)
@pytest.mark.parametrize("workers", [1, 10])
def test_a_401_of_its_own(workers: int, own: set[int]) -> None:
    """One other request is let in: the 401 was the item's failure, and everyone goes on."""
    play = imported(limited(300, own=own, own_status=401), "window", workers)
    if len(own) > 1:  # a whole row of them looks like an expired token, which costs nothing
        assert failed(play) <= own
        return
    assert failed(play) == attempts(play) == own
    assert play.core.state.imported == 300 - len(own)
    assert play.core.state.listed_twice == 0
    assert len(play.of(e.PageListed)) == 3


def test_the_other_request_is_gone_or_tells_nothing() -> None:
    """A 404 was let in; after a 429, a 500 or no answer another one is tried."""
    rest = iter([(said(429, 1.0), Failed("-")), (Notice(500), Failed("status 500")), (None, Failed("timed out"))])

    def serve(fetch: Any, now: float) -> Any:
        if fetch.kind == "item" and fetch.key == 150:
            return unauthorised(fetch, now)
        if fetch.kind == "item" and fetch.key > 150 and fetch.attempt == 1:
            return next(rest, None)
        return None

    play = imported(failing(catalogue(300), serve), "window", workers=1)
    assert failed(play) == {150}
    gone = imported(
        limited(300, own={150}, own_status=401, also=lambda f, _: 404 if f.key == 151 else None), "window", 1
    )
    assert failed(gone) == {150, 151}


def test_a_401_on_the_first_request() -> None:
    """At once, with the status: nothing was ever let in."""
    play = imported(failing(catalogue(9), unauthorised), "window")
    assert play.done is not None
    assert (play.done.status, len(play.sent)) == ("failed", 1)
    assert "401" in play.done.reason
    assert "credentials" in play.done.reason


# --- any server ---------------------------------------------------------------------------------------------------

LIMITS: list[tuple[str, Any]] = [
    ("window", lambda: window(40, 7.0)),
    ("log", lambda: log(25, 5.0)),
    ("bucket", lambda: bucket(8.0, 12.0)),
    ("strict", lambda: bucket(5.0)),
]


@st.composite
def refusals(draw: st.DrawFn) -> Notice:
    """Any status from 400 on, told by a header, by the body or by a declaration."""
    status = draw(st.integers(400, 599).filter(lambda status: status not in (401, 404, 410)))
    how = draw(st.sampled_from(["header", "body", "declared", "bare"]))
    if how == "header":
        return said(status, draw(st.sampled_from([0.0, 1.0, 3.0])))
    if how == "body":
        words = draw(st.sampled_from(["Rate limit exceeded", "too many requests", "THROTTLED"]))
        return said(status, body={"error": {"message": words}})
    if how == "declared":
        return by_headers(Notice(status), (RefusedWhen(status),))
    return Notice(draw(st.sampled_from([403, 503, 429])), refused=False)


@settings(max_examples=60, deadline=None)
@given(
    refusals(),
    st.sampled_from(LIMITS),
    st.sampled_from(ALL),
    st.sampled_from([1, 3, 10, 30]),
    st.sampled_from([0.0, 0.3, 0.8]),
    st.sets(st.integers(1, 80), max_size=8),
)
def test_a_refusal_never_costs_an_item_anything(
    refusal: Notice, kind: tuple[str, Any], strategy: str, workers: int, jitter: float, gone: set[int]
) -> None:
    """Whatever the status, the limit and the strategy: no attempt is used up, and only what is gone has failed."""
    limit: Limit = kind[1]()
    refusal = by_headers(refusal) if refusal.status == 429 else refusal
    play = imported(limited(80, limit, refusal, own=gone, own_status=404, jitter=jitter), strategy, workers)
    assert play.done is not None
    assert failed(play) == attempts(play) == gone
    assert play.core.state.imported == 80 - len(gone)


def test_a_stop_amid_a_doubt_leaves_nothing_behind() -> None:
    """Stopped at any moment of a trial: nothing failed, each request recorded, and resume imports all that can be."""
    whole = imported(limited(300, own={150}), "window")
    moments = sorted({round(now + 0.04, 3) for now, *_ in whole.sent if 1.0 < now < 4.0})[::3]
    for moment in moments:
        play = Play(
            limited(300, own={150}),
            Rules(10, breaker=20),
            at=[(moment, lambda core, now: core.stop(now, "asked"))],
        ).run()
        assert failed(play) <= {150}
        recorded = [event for event in play.events if hasattr(event, "sent_s")]
        assert len(recorded) == len(play.sent)
        again = Play(limited(300, own={150}), Rules(10), state=fold(play.events)).run()
        assert failed(again) == {150}
        assert again.core.state.imported == 299


def test_pauses_grow_from_probe_to_probe() -> None:
    """Nobody knocks at a steady rate on a door that is shut."""
    shut = failing(catalogue(300), lambda f, now: (Notice(403), Failed("-")) if now >= 1.0 else None)
    lengths = [held.until_s - held.t_s for held in imported(shut, "window", workers=1).of(e.Held)]
    assert all(later >= earlier - 1e-9 for earlier, later in pairwise(lengths))
    assert sum(lengths) > 120.0
