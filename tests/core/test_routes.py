"""Limits by route: each is kept, none costs another anything, and no request waits that every limit would let through.

The server's side is counted anew here: a log of arrivals for each limit, by rules that share nothing with the pacer's.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable

import pytest
from hypothesis import example, given, settings, strategies as st

from harness.config import ImportConfig
from harness.core.answers import Failed, Fetch, Result
from harness.core.eta import eta_s
from harness.core.rules import Rules
from harness.pacing import Notice, format_tiers, parse_tiers
from harness.record import events as e
from harness.record.fold import fold
from harness.session.factory import budgets_for
from tests.core.play import Play, Server, catalogue

LATENCY_S = 0.25


def budgets(limit: str, **config: object) -> dict:  # type: ignore[type-arg]
    return dict(budgets_for(ImportConfig(url="http://api.test/items", limit=limit, **config)))


def play(limit: str, items: int = 300, per_page: int = 10, workers: int = 20, **more: object) -> Play:
    server = catalogue(items, per_page, LATENCY_S)
    return Play(server, Rules(workers=workers), budgets=budgets(limit), **more).run()  # type: ignore[arg-type]


def refusing(base: Server, when: Callable[[Fetch, float], bool], retry_after_s: float) -> Server:
    """`base`, but some requests are refused by a limit."""

    def serve(fetch: Fetch, now: float) -> tuple[float, Notice | None, Result]:
        latency_s, notice, result = base(fetch, now)
        if not when(fetch, now):
            return latency_s, notice, result
        return latency_s, Notice(429, retry_after_s, refused=True, certain=True), Failed("refused")

    return serve


def exceeded(sent: list[tuple[float, str]], limit: str) -> list[str]:
    """The limits that arrivals at these times exceed: arrivals are taken to be at the answers, or at the sends."""
    found = []
    for tier in parse_tiers(limit):
        times = [at for at, role in sent if tier.route in ("*", role)]
        late = [b - a for a, b in zip(times, times[tier.limit :])]
        if any(span < tier.period_s for span in late):
            found.append(str(tier))
    return found


LIMITS = st.lists(
    st.builds(
        lambda route, limit, period: f"{route}{limit}/{period}s",
        st.sampled_from(("", "list=", "item=")),
        st.integers(1, 12),
        st.integers(1, 5),
    ),
    min_size=1,
    max_size=4,
    unique_by=lambda text: text,
)


@settings(max_examples=60, deadline=None)
@given(LIMITS, st.integers(1, 40), st.integers(1, 12), st.integers(1, 30))
def test_no_limit_of_any_route_is_exceeded(limits: list[str], items: int, per_page: int, workers: int) -> None:
    """Counted at the sends and at the answers: whenever between them the server counts, it counts no more."""
    limit = format_tiers(tuple(tier for text in limits for tier in parse_tiers(text)))
    played = Play(catalogue(items, per_page, LATENCY_S), Rules(workers=workers), budgets=budgets(limit)).run()
    assert fold(played.events).imported == items
    assert exceeded([(at, role) for at, role, _, _ in played.sent], limit) == []
    assert exceeded([(at + LATENCY_S, role) for at, role, _, _ in played.sent], limit) == []


@settings(max_examples=60, deadline=None)
@given(LIMITS, st.integers(1, 40), st.integers(1, 12))
@example(["4/2s", "list=3/3s", "item=2/4s"], 7, 1)  # a slot comes free in the very moment of the wait, but for rounding
def test_no_request_waits_that_every_limit_would_let_through(limits: list[str], items: int, per_page: int) -> None:
    """Maximality, by route: whenever everyone waits, of each role that has something ready some limit is full.

    With books of its own: a slot is taken from the send on, and free one window and a guard of 1 ms after the answer.
    """
    limit = format_tiers(tuple(tier for text in limits for tier in parse_tiers(text)))
    taken: dict[str, list[float]] = defaultdict(list)
    tiers = parse_tiers(limit)

    def serve(fetch: Fetch, now: float) -> tuple[float, Notice | None, Result]:
        for tier in tiers:
            if tier.route in ("*", fetch.role):
                taken[str(tier)].append(now + LATENCY_S + tier.period_s + 0.001)
        return inner(fetch, now)

    inner = catalogue(items, per_page, LATENCY_S)
    played = Play(serve, Rules(workers=1000), budgets=budgets(limit))
    waits: list[tuple[float, set[str]]] = []
    before = played._wait

    def wait(answer: object) -> None:
        ready = {role for role in ("list", "item") if played.core.work.ready[role]}  # type: ignore[index]
        full = {
            role
            for role in ready
            for tier in tiers
            if tier.route in ("*", role) and sum(free > played.now - 1e-9 for free in taken[str(tier)]) >= tier.limit
        }
        waits.append((played.now, ready - full))
        before(answer)  # type: ignore[arg-type]

    played._wait = wait  # type: ignore[method-assign]
    played.run()
    assert [(at, roles) for at, roles in waits if roles] == []


def test_a_list_has_limits_of_its_own_and_items_do_not_wait_for_it() -> None:
    """list=2/10s: pages two each 10 s after the answer of the last two; items all at once when they are known."""
    played = play("list=2/10s+item=50/10s", items=60)
    pages = [at for at, role, _, _ in played.sent if role == "list"]
    assert pages == pytest.approx([0.0, 0.25, 10.251, 10.501, 20.502, 20.752], abs=1e-9)  # with a guard of 1 ms
    items = [at for at, role, _, _ in played.sent if role == "item"]
    assert items[::10] == items[9::10] == pytest.approx([0.25, 0.5, 10.501, 10.751, 20.752, 21.002], abs=1e-9)


def test_a_limit_of_every_route_counts_all() -> None:
    """10/10s for all, and 1/10s for the list: of ten requests in a window one is a page."""
    played = play("10/10s+list=1/10s", items=40)
    first = [role for at, role, _, _ in played.sent if at < 10.0]
    assert (len(first), first.count("list")) == (10, 1)
    assert exceeded([(at, role) for at, role, _, _ in played.sent], "10/10s+list=1/10s") == []


def test_events_name_routes() -> None:
    """The limits as they are kept, the budget of each request, and the limit that is waited for."""
    played = play("item=50/10s+*=500/20s+list=2/10s", items=60)
    assert played.of(e.SessionStarted)[0].limits == "500/20s+list=2/10s+item=50/10s"
    assert {event.endpoint.budget for event in played.of(e.PageListed) if event.endpoint} == {"- list"}
    assert {event.endpoint.budget for event in played.of(e.ItemImported) if event.endpoint} == {"- item"}
    assert {event.tier for event in played.of(e.Waited)} == {"list=2/10s"}


def test_a_refused_list_does_not_hold_its_items() -> None:
    """Each route pauses for itself: the items go on while the list is told to wait for a minute."""
    server = refusing(catalogue(40, 10, LATENCY_S), lambda fetch, now: fetch.role == "list" and 1 < now < 50, 60.0)
    played = Play(server, Rules(workers=2), budgets=budgets("list=1/2s+item=5/2s")).run()
    refused = played.of(e.Refused)
    assert {event.role for event in refused} == {"list"}
    held = played.of(e.Held)[0]
    assert (held.budget, held.until_s) == ("- list", refused[0].t_s + 60.0)
    assert any(held.t_s < event.t_s < held.until_s for event in played.of(e.ItemImported))
    assert fold(played.events).imported == 40


def test_where_no_route_is_named_one_budget_pays_for_all() -> None:
    """To the digit as before: the same budget, the same name."""
    found = budgets("500/20s")
    assert len({id(budget) for budget in found.values()}) == 1
    assert {endpoint.budget for endpoint in found} == {"- *"}


@pytest.mark.parametrize("strategy", ["auto", "spaced", "reference", "backoff", "aimd", "retry-after"])
def test_every_strategy_can_be_told(strategy: str) -> None:
    """What keeps limits keeps them by route; what knows none is as it was; nothing gets stuck."""
    made = budgets("100/9s+list=5/2s+item=20/2s", pacing=strategy)
    played = Play(catalogue(50, 10, LATENCY_S), Rules(workers=5), budgets=made).run()
    assert fold(played.events).imported == 50
    if strategy in ("auto", "spaced", "reference"):
        assert len({id(budget) for budget in made.values()}) == 2
        limits = played.of(e.SessionStarted)[0].limits
        assert limits == "100/9s+list=5/2s+item=20/2s"
    if strategy in ("auto", "spaced"):
        assert exceeded([(at, role) for at, role, _, _ in played.sent], "100/9s+list=5/2s+item=20/2s") == []


def test_limits_of_routes_amid_a_session() -> None:
    """`set limit`: each route gets a budget of its own, and what was sent so far still counts."""
    limit = "list=1/10s+item=3/10s"
    played = play(
        "100/10s", items=60, workers=3, at=[(1.0, lambda core, now: core.set_limits(parse_tiers(limit), now))]
    )
    after = [(at, role) for at, role, _, _ in played.sent if at >= 1.0]
    assert played.of(e.LimitsSet)[0].limits == limit
    assert exceeded(after, limit) == []
    assert fold(played.events).imported == 60
    before = [at for at, role, _, _ in played.sent if at < 1.0 and role == "item"]
    assert min(at for at, role in after if role == "item") >= before[-3] + 10.0


def test_and_back_again() -> None:
    """Limits of every route after limits of each: what is not named any more is not kept."""
    played = play(
        "list=1/10s+item=1/10s",
        items=30,
        at=[(15.0, lambda core, now: core.set_limits(parse_tiers("100/1s"), now))],
    )
    assert played.now < 20.0
    assert fold(played.events).limits == "100/1s"


def test_a_route_that_is_at_its_concurrency_limit() -> None:
    """Two pages at once, and five items; a place is held until the body is read."""
    most: dict[str, int] = {"list": 0, "item": 0}
    played = Play(catalogue(200, 10, 1.0), Rules(workers=50), budgets=budgets("list=2:concurrency+item=5:concurrency"))
    inner = played.server

    def serve(fetch: Fetch, now: float) -> tuple[float, Notice | None, Result]:
        flying = sum(flight.fetch.role == fetch.role for flight in played.core.in_flight.values())
        most[fetch.role] = max(most[fetch.role], flying)
        return inner(fetch, now)

    played.server = serve
    played.run()
    assert most == {"list": 2, "item": 5}
    assert fold(played.events).imported == 200


def test_the_eta_goes_by_the_slower_route() -> None:
    """100 items left at 10 a minute: the eta is about when the last window opens, whatever the list may do."""
    seen: list[float | None] = []
    played = play(
        "list=100/m+item=10/m", items=100, per_page=100, at=[(5.0, lambda core, now: seen.append(eta_s(core, now)))]
    )
    assert seen == [pytest.approx(played.now - 5.0, abs=3.0)]


def test_the_common_limit_is_planned_for_all() -> None:
    """Two anchored limits of every route: their schedule counts what is left of both roles."""
    played = play("3/4s:anchored+10/20s:anchored+list=9/s", items=40)
    assert fold(played.events).imported == 40
    assert exceeded([(at, role) for at, role, _, _ in played.sent], "list=9/s") == []
