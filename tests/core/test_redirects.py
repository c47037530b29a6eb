"""Redirects within the origin: each hop takes a grant, goes to the front, and costs no attempt."""

from __future__ import annotations

from collections.abc import Callable

from harness.core.answers import Fetch, Redirected, Result
from harness.core.rules import Rules
from harness.pacing import Notice
from harness.record import events as e
from harness.record.fold import fold
from harness.record.status import RunStatus
from tests.core.play import Play, Server, catalogue, windowed

LATENCY_S = 0.25
ITEMS = "http://api.test/items"


def moved(hop: Callable[[Fetch], str | None], items: int = 20, status: int = 302) -> Server:
    """A server that points requests elsewhere: `hop` says where to, None: here it is."""
    inner = catalogue(items, 10, LATENCY_S)

    def serve(fetch: Fetch, now: float) -> tuple[float, Notice | None, Result]:
        to = hop(fetch)
        if to is None:
            return inner(fetch, now)
        return LATENCY_S, Notice(status), Redirected(to, fetch.target or f"{ITEMS}/{fetch.key}")

    return serve


def slash(fetch: Fetch) -> str | None:
    return f"{ITEMS}/{fetch.key}/" if fetch.role == "item" and fetch.target is None else None


def test_each_hop_takes_a_grant() -> None:
    """Twenty items, a hop each: 2 + 40 requests, within the limit, all of them in the record."""
    played = Play(moved(slash), Rules(workers=5), windowed("10/1s")).run()
    state = fold(played.events)
    assert (state.imported, state.failed, state.status) == (20, 0, RunStatus.COMPLETE)
    assert (len(played.sent), state.sent, state.requests) == (42, 42, {"list": 2, "item": 40})
    assert state.statuses == {200: 22, 302: 20}
    times = [at for at, _, _, _ in played.sent]
    assert all(later - first >= 1.0 for first, later in zip(times, times[10:]))
    assert {event.attempt for event in played.of(e.ItemImported)} == {1}
    assert {event.reason for event in played.of(e.Returned)} == {"redirected"}


def test_a_page_may_be_moved_too() -> None:
    """The list as well as its items."""
    played = Play(
        moved(lambda fetch: "http://api.test/v2" if fetch.role == "list" and not fetch.target else None)
    ).run()
    assert fold(played.events).imported == 20


def test_a_circle_is_named() -> None:
    """It fails by itself after the second hop, with the way round; the others go on."""

    def hop(fetch: Fetch) -> str | None:
        if fetch.key != 7:
            return None
        return f"{ITEMS}/7" if fetch.target == f"{ITEMS}/x7" else f"{ITEMS}/x7"

    played = Play(moved(hop)).run()
    (failed,) = played.of(e.AttemptFailed)
    assert (failed.key, failed.reason, failed.status, failed.retry_at_utc_s) == (7, "redirected", 302, None)
    assert failed.detail.startswith(f"the redirects lead in a circle: {ITEMS}/7 -> {ITEMS}/x7 -> {ITEMS}/7;")
    assert fold(played.events).imported == 19


def test_five_hops_and_no_more() -> None:
    """The sixth redirect of a request is a failure that says so."""
    played = Play(moved(lambda f: f"{f.target or ITEMS}-" if f.key == 7 else None)).run()
    (failed,) = played.of(e.AttemptFailed)
    assert failed.detail.startswith(f"5 redirects in a row, the last to {ITEMS}------")
    assert len([key for _, _, key, _ in played.sent if key == 7]) == 6

    four = Play(
        moved(lambda f: f"{f.target or ITEMS}-" if f.key == 7 and len(f.target or "") < len(ITEMS) + 5 else None)
    )
    assert fold(four.run().events).imported == 20


def test_a_crash_in_between_only_asks_again() -> None:
    """Killed after some hops: nothing in the record is ahead of what was imported, and a resume ends complete."""
    for killed_s in (0.3, 0.6, 0.9, 1.3):
        first = Play(moved(slash), Rules(workers=3)).run(until=killed_s)
        again = Play(moved(slash), Rules(workers=3), state=fold(first.events)).run()
        assert (again.core.state.imported, again.core.state.failed) == (20, 0)
