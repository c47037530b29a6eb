"""Whose fault a refusal was: a limit's, which costs nothing whatever its status, or that of the item alone.

Histories in virtual time under every strategy. B1 to B8 are the cases of the same numbers.
"""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from random import Random
from typing import Any

import pytest
from hypothesis import example, given, settings, strategies as st

from harness.core.answers import Failed, failed_status
from harness.core.doubts import MOST_MET, Doubts
from harness.core.rules import Rules
from harness.core.rulings import MOST_PROBES
from harness.core.unauthorised import EXPIRED, NO_ITEM
from harness.pacing import Notice, parse_tiers
from harness.pacing.refusals import RefusedWhen, by_body, by_headers
from harness.pacing.strategies import make_pacer
from harness.record import events as e
from harness.record.fold import fold
from tests.core.limits import Limit, attempts, bucket, failed, imported, limited, log, said, window
from tests.core.play import UTC_S, Play, catalogue, failing

pytestmark = pytest.mark.matrix

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


@pytest.mark.parametrize("limit", ["window", "log"])
@pytest.mark.parametrize("strategy", ALL)
def test_403_without_a_hint_after_60_accepted(strategy: str, limit: str) -> None:
    """B3: 300 items, --limit 5000/h; the true limit is 60 requests, in windows or in any span of 10 s."""
    true = {"window": window(60, 10), "log": log(60, 10)}[limit]
    accepted: list[bool] = []

    def admit(now: float) -> bool:
        accepted.append(true(now))
        return accepted[-1]

    lossless(imported(limited(300, admit), strategy))
    assert accepted[:60] == [True] * 60
    assert strategy in ("spaced", "reference") or False in accepted


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
    """B7: 400 {"error": "rate limit exceeded"}, declared: no more doubt than with a 429, whatever the words.

    These words are known where they are not declared, too.
    """
    for text, words in (("rate limit", "rate limit exceeded"), ("come back later", "Come back later")):
        rule = (RefusedWhen(400, text),)
        refusal = by_body(by_headers(Notice(400), rule), {"error": words}, UTC_S, rule)
        assert refusal.certain
        lossless(imported(limited(300, window(60, 10), refusal), strategy))
    lossless(imported(limited(300, window(60, 10), said(400, body={"error": "rate limit exceeded"})), strategy))


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


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_row_of_forbidden_items_is_looked_into_without_a_pause(strategy: str) -> None:
    """50 of them at the end: everyone pauses for the first ones only, then one that was let in goes at once."""
    play = imported(limited(300, own=range(251, 301)), strategy)
    assert failed(play) == set(range(251, 301))
    assert all(held.t_s < 12.0 for held in play.of(e.Held))
    assert play.now < 60.0


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


@pytest.mark.parametrize("status", [429, 400, 200, 404])
@pytest.mark.parametrize("workers", [1, 10])
@pytest.mark.parametrize("strategy", ALL)
def test_a_refusal_beyond_doubt_that_one_request_alone_meets(strategy: str, workers: int, status: int) -> None:
    """429, or what is declared, for ever while the others get through: it fails after three, with the reason."""
    declared = () if status == 429 else (RefusedWhen(status, "not now"),)
    refusal = by_body(by_headers(Notice(status), declared), {"error": "Not now"}, UTC_S, declared)
    assert refusal.certain
    server = failing(catalogue(300), lambda f, _: (refusal, Failed("-")) if (f.role, f.key) == ("item", 150) else None)
    play = imported(server, strategy, workers)
    assert failed(play) == {150}
    failure = play.core.state.failures["item", 150]
    assert failure.status == status
    assert "while other requests got through" in failure.detail
    assert play.core.state.imported == 299
    assert play.core.state.refusals[status] >= 3


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
    keys = Counter((event.role, event.key) for event in play.of(e.Refused))
    assert sum(times >= MOST_MET for times in keys.values()) >= 9


@pytest.mark.parametrize("own", [1, 50, 100])
@pytest.mark.parametrize("workers", [1, 10, 64])
@pytest.mark.parametrize("strategy", ["backoff", "auto", "retry-after"])
def test_a_429_of_its_own_among_those_of_a_limit(strategy: str, workers: int, own: int) -> None:
    """The same with one that is 429 for ever: it is found out in the end, and the others lose nothing by it."""
    base = limited(100, bucket(10), said(429))

    def server(fetch: Any, now: float) -> Any:
        latency_s, notice, result = base(fetch, now)
        mine = (fetch.role, fetch.key) == ("item", own)
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
    """What was sent is what the events say: refused, failed, imported, or sent for comparison."""
    for own in (OWN, set(range(251, 301))):
        play = imported(limited(300, window(60, 5), own=own), "window")
        sent = sorted(
            (event.sent_s, event.role) for event in play.events if hasattr(event, "sent_s") and hasattr(event, "role")
        )
        items = [(event.sent_s, "item") for event in play.of(e.ItemImported)]
        pages = [(event.sent_s, "list") for event in play.of(e.PageListed)]
        assert sorted([*sent, *items, *pages]) == sorted((now, role) for now, role, _, _ in play.sent)
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


OWN_401 = {
    "one": {150},
    "the first": {1},
    "the last": {300},
    "two neighbours": {150, 151},
    "the first of the list": set(range(1, 13)),
    "neighbours": set(range(100, 112)),
    "all at the end": set(range(290, 301)),
    "every second": set(range(1, 301, 2)),
    "nearly all": {item for item in range(1, 301) if item % 20},
    "a fifth": set(OWN),
}


@pytest.mark.parametrize("sequential", [False, True])
@pytest.mark.parametrize("own", OWN_401.values(), ids=OWN_401)
@pytest.mark.parametrize("workers", [1, 10])
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_401_of_its_own(strategy: str, workers: int, own: set[int], sequential: bool) -> None:
    """In one run exactly these fail, each once, and all others are imported; the token is never blamed."""
    play = imported(limited(300, own=own, own_status=401), strategy, workers, sequential=sequential)
    assert failed(play) == attempts(play) == own
    assert play.core.state.imported == 300 - len(own)
    assert len(play.of(e.AttemptFailed)) == len(own)
    assert sum(len(page.ids) for page in play.of(e.PageListed)) == 300
    assert len(play.of(e.PageListed)) == 3


@pytest.mark.parametrize("workers", [1, 3, 10])
def test_401s_of_their_own_cost_few_comparisons(workers: int) -> None:
    """Once the token has proved good, whatever is imported next proves it again; those under way are not in a row."""
    for own, most in ((OWN_401["every second"], 2), (OWN_401["a fifth"], 2), (set(range(100, 160)), 16)):
        play = imported(limited(300, own=own, own_status=401), "window", workers)
        assert failed(play) == own
        assert len(play.of(e.Returned)) <= most


@pytest.mark.parametrize("own", [{20}, set(range(2, 301, 2))], ids=["one", "every second"])
@pytest.mark.parametrize("workers", [1, 10])
def test_a_token_that_expires_after_it_proved_good(workers: int, own: set[int]) -> None:
    """Some 401s were the items' own; then all are: the run stops, and none of those fails."""

    def serve(fetch: Any, now: float) -> Any:
        return unauthorised(fetch, now) if now >= 2.0 or (fetch.role == "item" and fetch.key in own) else None

    play = imported(failing(catalogue(300), serve), "window", workers, limits="20/s")
    assert play.done is not None
    assert (play.done.status, play.done.reason) == ("failed", EXPIRED)
    assert failed(play) == attempts(play) <= own
    assert attempts(play)
    assert len([now for now, *_ in play.sent if now >= 2.0]) <= 2 * workers + 5
    again = Play(limited(300, own=own, own_status=401), Rules(workers), state=fold(play.events)).run()
    assert failed(again) == own
    assert again.core.state.imported == 300 - len(own)


def test_an_answer_that_was_under_way_when_the_token_expired_proves_nothing() -> None:
    """It took a second, and was sent before the 401 came that it seems to contradict."""
    base = catalogue(300)

    def serve(fetch: Any, now: float) -> Any:
        _, notice, result = base(fetch, now)
        latency_s = 1.0 if fetch.role == "item" and fetch.key % 2 else 0.05
        if now >= 2.0 or (fetch.role == "item" and fetch.key == 4):
            return latency_s, *unauthorised(fetch, now)
        return latency_s, notice, result

    play = imported(serve, "window", 10)
    assert play.done is not None
    assert (play.done.status, play.done.reason) == ("failed", EXPIRED)
    assert failed(play) == attempts(play) == {4}


def test_an_answer_that_was_under_way_proves_nothing_where_all_happens_at_one_instant() -> None:
    """Item 21 was sent with 20 and handled before it: read after its 401, it blames nobody and lets nobody go on."""
    seen: set[Any] = set()

    def serve(fetch: Any, now: float) -> Any:
        _, notice, result = catalogue(300)(fetch, now)
        expired = 20 in seen | {fetch.key} and (fetch.key != 21 or 21 in seen)
        seen.add(fetch.key)
        return (0.0, *unauthorised(fetch, now)) if expired else (0.0, notice, result)

    play = imported(serve, "window", 10, limits="500/20s")
    assert play.done is not None
    assert (play.done.status, play.done.reason, attempts(play)) == ("failed", EXPIRED, set())
    after = [key for _, _, key, _ in play.sent][[key for _, _, key, _ in play.sent].index(20) :]
    assert len(after) <= 10 + 1


@settings(max_examples=200, deadline=None)
@given(
    st.integers(1, 60),
    st.sets(st.integers(1, 60), max_size=30),
    st.integers(2, 70),
    st.lists(st.sampled_from([0.0, 0.05, 0.3, 1.0]), min_size=1, max_size=9),
    st.sampled_from([1, 3, 10]),
)
def test_an_expired_token_blames_no_item(
    items: int, own: set[int], lasts: int, latencies_s: list[float], workers: int
) -> None:
    """Whatever answers overtake each other, and however many come at one instant: only items that always answer 401
    fail for it, and few requests follow once the token has expired.
    """
    sent: list[float] = []

    def serve(fetch: Any, now: float) -> Any:
        _, notice, result = catalogue(items)(fetch, now)
        sent.append(now)
        latency_s = latencies_s[len(sent) % len(latencies_s)]
        expired = len(sent) > lasts
        if expired or (fetch.role == "item" and fetch.key in own):
            return (latency_s, *unauthorised(fetch, now))
        return latency_s, notice, result

    play = imported(serve, "window", workers, limits="500/20s")
    assert play.done is not None
    assert failed(play) <= own
    assert attempts(play) <= own
    if len(sent) > lasts:
        assert len(sent) - lasts <= 2 * workers + 12


def test_a_list_that_is_public_where_its_items_are_not() -> None:
    """The list is let in without a token, no item is: no item has failed, and the run says what to do."""

    def serve(fetch: Any, now: float) -> Any:
        return unauthorised(fetch, now) if fetch.role == "item" else None

    for workers in (1, 10):
        play = imported(failing(catalogue(300), serve), "window", workers)
        assert play.done is not None
        assert (play.done.status, play.done.reason) == ("failed", NO_ITEM)
        assert attempts(play) == set()
        again = Play(catalogue(300), state=fold(play.events)).run()
        assert again.core.state.imported == 300
    few = imported(failing(catalogue(3), serve), "window")
    assert failed(few) == {1, 2, 3}  # there is nothing else that could be let in


def test_what_it_is_compared_with_is_gone_or_tells_nothing() -> None:
    """A 404 was let in; after a 429, a 500 or no answer something else is tried, after a pause."""
    rest = iter([(said(429, 1.0), Failed("-")), (Notice(500), Failed("status 500")), (None, Failed("timed out"))])
    met: list[int] = []

    def serve(fetch: Any, now: float) -> Any:
        if fetch.role == "item" and fetch.key == 150:
            met.append(fetch.key)
            return unauthorised(fetch, now)
        return next(rest, None) if met else None

    play = imported(failing(catalogue(300), serve), "window", workers=1)
    assert failed(play) == attempts(play) == {150}
    assert play.core.state.imported == 299
    asked: list[Any] = []

    def gone(fetch: Any, now: float) -> int | None:
        asked.append(fetch.key)
        return 404 if fetch.key == 149 and asked.count(149) == 2 else None

    play = imported(limited(300, own={150}, own_status=401, also=gone), "window", 1)
    assert failed(play) == {150}
    assert asked.count(149) == 2


def test_a_401_on_the_first_request() -> None:
    """At once, with the status: nothing was ever let in."""
    play = imported(failing(catalogue(9), unauthorised), "window")
    assert play.done is not None
    assert (play.done.status, len(play.sent)) == ("failed", 1)
    assert "401" in play.done.reason
    assert "credentials" in play.done.reason


# --- comparisons that tell nothing ----------------------------------------------------------------------------------


@pytest.mark.parametrize("breaker", [0, 20])
@pytest.mark.parametrize(
    "down", [(Notice(500), Failed("status 500")), (None, Failed("timed out"))], ids=["500", "lost"]
)
@pytest.mark.parametrize("status", [401, 403])
@pytest.mark.parametrize("workers", [1, 10])
def test_the_server_breaks_down_amid_a_doubt(workers: int, status: int, down: Any, breaker: int) -> None:
    """Everything that is compared with fails: eight probes over half an hour, and the run ends; nothing was lost."""
    begun: list[float] = []
    last = set(range(296, 301)) if workers > 1 else {300}

    def serve(fetch: Any, now: float) -> Any:
        if fetch.role == "item" and fetch.key in last:
            begun.append(now)
            return Notice(status), Failed(f"status {status}", passing=False)
        return down if begun else None

    play = Play(failing(catalogue(300), serve), Rules(workers, breaker=breaker)).run()
    assert play.done is not None
    assert play.done.status == "failed"
    assert "8 probes in a row failed, the last with: " in play.done.reason
    assert attempts(play) == set()
    since = [now for now, *_ in play.sent if now > begun[0]]
    assert len(since) <= MOST_PROBES + workers
    assert 1800.0 < play.now - begun[0] < 2400.0
    again = Play(limited(300, own=last, own_status=status), Rules(workers), state=fold(play.events)).run()
    assert failed(again) == last
    assert again.core.state.imported == 300 - len(last)


@pytest.mark.parametrize("status", [401, 403])
def test_it_is_back_before_the_last_probe(status: int) -> None:
    """A quarter of an hour's outage amid a doubt is outlived, and the verdict is right."""

    def serve(fetch: Any, now: float) -> Any:
        if fetch.role == "item" and fetch.key == 300:
            return Notice(status), Failed(f"status {status}", passing=False)
        return (None, Failed("timed out")) if 16.0 < now < 900.0 else None

    play = imported(failing(catalogue(300), serve), "window", 1)
    assert failed(play) == {300}
    assert play.core.state.imported == 299


@pytest.mark.parametrize("status", [401, 403])
@pytest.mark.parametrize("workers", [1, 10])
def test_what_it_is_compared_with_is_broken_itself(workers: int, status: int) -> None:
    """Some that were imported fail for ever now: something else is compared with."""
    broken = {1, *range(140, 150)}
    seen: set[Any] = set()

    def serve(fetch: Any, now: float) -> Any:
        if fetch.role != "item":
            return None
        if fetch.key in (150, 300):
            return Notice(status), Failed(f"status {status}", passing=False)
        again = fetch.key in seen
        seen.add(fetch.key)
        return (Notice(500), Failed("status 500")) if again and fetch.key in broken else None

    play = imported(failing(catalogue(300), serve), "window", workers)
    assert failed(play) == {150, 300}
    assert play.core.state.imported == 298


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


KINDS = ["ok", 401, 403, 404, 429, 500, 503, "lost", "malformed"]
Script = tuple[str | int, ...]


def scripted(scripts: list[Script], phases: list[tuple[float, str | int | None]]) -> Any:
    """A server whose answer is a function of the item, of how often it was asked for, and of the time.

    scripts: what an item answers the first time, the second time ...; the last holds on. phases: from when on
    everything is answered alike (None: as the scripts say).
    """
    asked: dict[Any, int] = {}
    base = catalogue(30, per_page=10)

    def serve(fetch: Any, now: float) -> Any:
        key = fetch.role, fetch.key
        count = asked[key] = asked.get(key, 0) + 1
        script = scripts[hash(fetch.key) % len(scripts)] if fetch.role == "item" else ("ok",)
        what = script[min(count, len(script)) - 1]
        for since, instead in phases:
            if now >= since:
                what = script[min(count, len(script)) - 1] if instead is None else instead
        latency_s, notice, result = base(fetch, now)
        if what == "ok":
            return latency_s, notice, result
        if what == "lost":
            return latency_s, None, Failed("timed out")
        if what == "malformed":
            return latency_s, notice, Failed("malformed", passing=False)
        assert isinstance(what, int)
        return latency_s, by_headers(Notice(what)), failed_status(what)

    return serve


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.lists(st.sampled_from(KINDS), min_size=1, max_size=4).map(tuple), min_size=1, max_size=8),
    st.lists(st.tuples(st.floats(0.0, 60.0), st.sampled_from([None, *KINDS])), max_size=3).map(
        lambda phases: sorted(phases, key=lambda phase: phase[0])
    ),
    st.sampled_from(["window", "auto"]),
    st.sampled_from([1, 3, 10]),
    st.sampled_from([0, 5, 20]),
)
@example([(403, "ok")], [(0.03125, 403), (1.0, None)], "auto", 3, 0)
def test_no_server_is_knocked_at_without_end(
    scripts: list[Script], phases: list[tuple[float, Any]], strategy: str, workers: int, breaker: int
) -> None:
    """Whatever the answers: it ends, or at most 300 requests an hour go while nothing gets through.

    And never more than the workers' number at one instant, nor more than 60 in 10 s, with nothing imported or failed.
    """
    pacer = make_pacer(strategy, parse_tiers("5000/h") if strategy == "window" else (), 30.0, 0.0, 1, ())
    play = Play(scripted(scripts, phases), Rules(workers, breaker=breaker), pacer).run(until=20_000.0)
    sent = [now for now, *_ in play.sent]
    moved = (e.ItemImported, e.PageListed, e.AttemptFailed)
    progress = [event.t_s for event in play.events if isinstance(event, moved)]
    assert all(sent.count(now) <= workers for now in set(sent))
    for span_s, most in ((10.0, 60), (3600.0, 300)):
        for start in sent:
            if not any(start <= moment < start + span_s for moment in progress):
                assert sum(start <= now < start + span_s for now in sent) <= most
    if play.done is None:
        # 429 for ever, which nobody doubts; or items still get through: 403s had taught a limit that is not there
        assert 429 in play.core.state.refusals or max(progress, default=0.0) > 20_000.0 - 7200.0
    recorded = [event for event in play.events if hasattr(event, "sent_s")]
    assert play.done is None or len(recorded) == len(play.sent)


def test_a_suspect_that_is_sent_again_for_want_of_another_is_recorded_each_time() -> None:
    """With nothing else to compare with, a judged request goes once more: the record holds both of its answers."""
    scripts: list[Script] = [(403,), (403, 401), (401,), (404,), ("malformed",), (401,), (401,)]
    pacer = make_pacer("window", parse_tiers("5000/h"), 30.0, 0.0)
    play = Play(scripted(scripts, []), Rules(1), pacer).run(until=20_000.0)
    assert play.done is not None
    recorded = [event.sent_s for event in play.events if hasattr(event, "sent_s")]
    assert sorted(recorded) == sorted(now for now, *_ in play.sent)


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
