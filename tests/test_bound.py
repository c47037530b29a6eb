"""The bound, held against an exhaustive search of small cases by rules written anew.

The search decides at every tick whether to admit a page, an item or nothing, and keeps every state it can reach. Why
ticks suffice when periods, round trips and gaps are whole seconds: every rule compares the difference of two times
(or of a time and a border) with a whole number of seconds, so whether a schedule is allowed depends on the whole
parts of its times and on the *order* of their fractions, not on their size. Fractions can be squeezed towards 0 in
that order: the least last arrival is a whole number of seconds, reached or approached. With `fine` ticks a second the
search tries up to `fine` different fractions and counts the last arrival in whole seconds. For logs, buckets and
borders on whole seconds, rounding every time down breaks no rule: one tick a second is exact. For anchored windows
and unknown phases too few ticks may miss a schedule: the figure is then too high, never too low. So `bound <= search`
is as sharp as the ticks are fine, while `bound == search` proves the bound to be the optimum whatever they are.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from harness.bound import Work, admissible, bound
from harness.bound.greedy import MAX_BURSTS
from harness.bound.paths import Link, fill_s
from harness.errors import NeverFits
from harness.pacing.tiers import Tier, by_route, parse_tiers

State = Any


# The servers' rules, each a state of whole ticks that counts down: `admit` gives the next state, or None for no.


@dataclass(frozen=True)
class Log:
    limit: int
    period: int
    start: State = ()

    def admit(self, left: State) -> State | None:
        return None if len(left) == self.limit else (*left, self.period)

    def tick(self, left: State) -> State:
        return tuple(ticks - 1 for ticks in left if ticks > 1)


@dataclass(frozen=True)
class Anchored:
    limit: int
    period: int
    start: State = (0, 0)  # ticks to go, used

    def admit(self, state: State) -> State | None:
        left, used = state
        if left == 0:
            return self.period, 1
        return None if used == self.limit else (left, used + 1)

    def tick(self, state: State) -> State:
        left, used = state
        return (left - 1, used) if left > 1 else (0, 0)


@dataclass(frozen=True)
class Aligned:
    """A plain window, or one that slides: then what was used in the one before counts by its share of the last W."""

    limit: int
    period: int
    start: State  # ticks to the border, used in the window before, used
    sliding: bool

    def admit(self, state: State) -> State | None:
        left, before, used = state
        weighted = before * left + (used + 1) * self.period
        return None if weighted > self.limit * self.period else (left, before, used + 1)

    def tick(self, state: State) -> State:
        left, before, used = state
        return (left - 1, before, used) if left > 1 else (self.period, used if self.sliding else 0, 0)


@dataclass(frozen=True)
class Bucket:
    burst: int
    each: int
    start: State = 0  # ticks until it is full again

    def admit(self, debt: State) -> State | None:
        return None if debt + self.each > self.burst * self.each else debt + self.each

    def tick(self, debt: State) -> State:
        return max(0, debt - 1)


def rule(tier: Tier, fine: int, border: int) -> Any:
    period = int(tier.period_s * fine)
    if tier.kind in ("bucket", "gcra"):
        return Bucket(tier.burst or tier.limit, period // tier.limit)
    if tier.kind in ("aligned", "counter"):
        return Aligned(tier.limit, period, (border % period or period, 0, 0), tier.kind == "counter")
    return (Anchored if tier.kind == "anchored" else Log)(tier.limit, period)


def answered(work: Work, listing: State) -> State:
    """The listing, with the pages whose answer is due turned into items and further pages."""
    pages, items, pages_hidden, items_hidden, due = listing
    while due and due[0] == 0:
        opened = pages_hidden if work.paging == "numbered" else min(1, pages_hidden)
        named = min(work.page_size, items_hidden)
        pages, items = pages + opened, items + named
        pages_hidden, items_hidden = pages_hidden - opened, items_hidden - named
        due = due[1:]
    return pages, items, pages_hidden, items_hidden, due


def ask(work: Work, listing: State, what: str, rtt: int) -> State | None:
    pages, items, pages_hidden, items_hidden, due = listing
    if what == "page" and pages:
        return answered(work, (pages - 1, items, pages_hidden, items_hidden, (*due, rtt)))
    if what == "item" and items:
        return pages, items - 1, pages_hidden, items_hidden, due
    return None


def search(
    work: Work, tiers: tuple[Tier, ...], rtt: int, workers: int | None = None, fine: int = 1, border: int = 0
) -> int:
    """Whole seconds from the first arrival to the last in the best schedule there is; `border` is in ticks."""
    rules = [rule(tier, fine, border) for tier in tiers]
    counted = [{"list": ("page",), "item": ("item",)}.get(tier.route, ("page", "item")) for tier in tiers]
    if workers is not None and rtt > 0:
        rules.append(Log(workers, rtt * fine))
        counted.append(("page", "item"))

    def admitted(used: State, what: str) -> State:
        return tuple(r.admit(s) if what in whats else s for r, s, whats in zip(rules, used, counted))

    unasked = (1, 0, work.pages - 1, work.details, ())
    states = {(admitted(tuple(r.start for r in rules), "page"), ask(work, unasked, "page", rtt * fine))}
    for tick in range(10_000):
        reached, todo = set(), list(states)
        while todo:
            state = todo.pop()
            used, listing = state
            if not any(listing[:4]):
                return tick // fine
            if state in reached:
                continue
            reached.add(state)
            for what in ("page", "item"):
                next_used, after = admitted(used, what), ask(work, listing, what, rtt * fine)
                if None not in next_used and after is not None:
                    todo.append((next_used, after))
        states = {(tuple(r.tick(s) for r, s in zip(rules, used)), later(work, listing)) for used, listing in reached}
    raise AssertionError("the search came to no end")


def best(work: Work, tiers: tuple[Tier, ...], rtt: int, workers: int | None = None, fine: int = 1) -> int:
    """The search over every common phase of the tiers' borders, if they have one that nobody knows."""
    periods = [int(tier.period_s * fine) for tier in tiers if tier.kind in ("aligned", "counter")]
    return min(search(work, tiers, rtt, workers, fine, border) for border in range(math.lcm(1, *periods)))


def later(work: Work, listing: State) -> State:
    return answered(work, (*listing[:4], tuple(ticks - 1 for ticks in listing[4])))


# What is asked and what the search is given.

KINDS = ("any", "log", "anchored", "aligned", "counter", "bucket", "gcra")


@st.composite
def some_tiers(draw: st.DrawFn, kinds: tuple[str, ...] = KINDS) -> tuple[Tier, ...]:
    return tuple(dict.fromkeys(draw(a_tier(kinds)) for _ in range(draw(st.integers(1, 2)))))


@st.composite
def a_tier(draw: st.DrawFn, kinds: tuple[str, ...]) -> Tier:
    kind, limit = draw(st.sampled_from(kinds)), draw(st.integers(1, 3))
    if kind in ("bucket", "gcra"):  # the gap between two requests is whole
        return Tier(limit, float(limit * draw(st.integers(1, 3))), kind, draw(st.none() | st.integers(1, limit)))
    if kind == "counter":  # so are the moments at which a counter has room again
        return Tier(limit, 6.0, kind)
    return Tier(limit, float(draw(st.integers(1, 6))), kind)


@st.composite
def some_work(draw: st.DrawFn, most_pages: int = 4, most_items: int = 5) -> Work:
    pages, items = draw(st.integers(1, most_pages)), draw(st.integers(0, most_items))
    return Work(pages, items, draw(st.sampled_from(("numbered", "cursor"))), draw(st.sampled_from((True, True, False))))


round_trips = st.integers(0, 4)
worker_counts = st.integers(1, 4)
histories = settings(max_examples=120, deadline=None)


def held_against(work: Work, tiers: tuple[Tier, ...], rtt: int, workers: int, fine: int) -> None:
    """Never above the optimum, with or without workers; equal to it where exact; and no schedule beats the greedy."""
    found = bound(work, tiers, rtt, workers)
    optimum = best(work, tiers, rtt, None, fine) + rtt
    assert found.bound_s <= optimum
    assert found.bound_s <= found.bound_workers_s <= best(work, tiers, rtt, workers, fine) + rtt
    if found.exact:
        assert (found.bound_s, found.greedy_s) == (optimum, None)
    elif found.greedy_s is not None:
        assert found.greedy_s >= optimum


@histories
@given(some_work(), some_tiers(("any", "log", "bucket", "gcra")), round_trips, worker_counts)
def test_logs_and_buckets_are_the_optimum(work: Work, tiers: tuple[Tier, ...], rtt: int, workers: int) -> None:
    """Logs and buckets, alone and together: the bound is the exhaustive optimum, with workers too."""
    held_against(work, tiers, rtt, workers, fine=1)
    found = bound(work, tiers, rtt, workers)
    if work.paging == "numbered" and all(
        rtt * tier.limit <= tier.period_s * (tier.burst or tier.limit) for tier in tiers
    ):
        assert found.exact
        assert found.bound_workers_s == search(work, tiers, rtt, workers) + rtt


@settings(histories, max_examples=60)
@given(some_work(3, 4), some_tiers(("anchored",)), round_trips, worker_counts)
def test_anchored_windows(work: Work, tiers: tuple[Tier, ...], rtt: int, workers: int) -> None:
    """One and two anchored windows: never above the exhaustive optimum, equal to it where exact is claimed."""
    held_against(work, tiers, rtt, workers, fine=3)


@settings(histories, max_examples=60)
@given(some_work(3, 4), some_tiers(("aligned",)), round_trips, worker_counts)
def test_aligned_windows_of_unknown_phase(work: Work, tiers: tuple[Tier, ...], rtt: int, workers: int) -> None:
    """Aligned windows whose border nobody knows: the kindest phase counts, and nothing beats it."""
    held_against(work, tiers, rtt, workers, fine=2)


@settings(histories, max_examples=25)
@given(some_work(3, 4), some_tiers(("counter",)), round_trips, worker_counts)
def test_sliding_counters(work: Work, tiers: tuple[Tier, ...], rtt: int, workers: int) -> None:
    """Sliding counters at their kindest phase: never above the exhaustive optimum."""
    held_against(work, tiers, rtt, workers, fine=2)


@settings(histories, max_examples=40)
@given(some_work(3, 4), some_tiers(), round_trips, worker_counts)
def test_any_two_kinds_together(work: Work, tiers: tuple[Tier, ...], rtt: int, workers: int) -> None:
    """Two limits of any kinds at once: still never above the exhaustive optimum."""
    held_against(work, tiers, rtt, workers, fine=2)


ROUTED = ("any", "log", "anchored", "bucket", "gcra", "aligned")


@st.composite
def routed_tiers(draw: st.DrawFn) -> tuple[Tier, ...]:
    """One to three limits, of the list, of items and of every request."""
    routes = draw(st.lists(st.sampled_from(("*", "list", "item")), min_size=1, max_size=3))
    return by_route(dict.fromkeys(replace(draw(a_tier(ROUTED)), route=route) for route in routes))


@settings(histories, max_examples=150)
@given(some_work(3, 4), routed_tiers(), round_trips, worker_counts)
def test_limits_of_routes(work: Work, tiers: tuple[Tier, ...], rtt: int, workers: int) -> None:
    """Limits of the list, of items and of both: never above the exhaustive optimum; the optimum where it says so."""
    held_against(work, tiers, rtt, workers, fine=2)


@settings(histories, max_examples=60)
@given(some_work(3, 4), some_tiers(("log", "bucket")), round_trips, worker_counts)
def test_a_limit_of_one_route_costs_no_more_than_one_of_all(
    work: Work, tiers: tuple[Tier, ...], rtt: int, workers: int
) -> None:
    """Whatever a limit of the list or of items alone makes wait, the same limit of every request does as well."""
    of_all = bound(work, tiers, rtt, workers)
    for route in ("list", "item"):
        of_one = bound(work, tuple(replace(tier, route=route) for tier in tiers), rtt, workers)
        assert of_one.bound_s <= of_all.bound_s
        assert of_one.bound_workers_s <= of_all.bound_workers_s


def test_a_list_that_is_slower_than_its_items() -> None:
    """30 pages at 10 a minute: the 22nd goes a round trip into the third window, and the items of the last follow."""
    found = bound(Work(30, 3000), parse_tiers("list=10/m+item=1000/m"), 0.5, 1000)
    assert (found.bound_s, found.exact) == (120.0 + 0.5 + 0.5 + 0.5, True)
    assert found.binding == parse_tiers("list=10/m")[0]


def test_items_that_are_slower_than_their_list() -> None:
    """3000 items at 50 a minute: 59 minutes after the first page is answered; the list has time enough."""
    found = bound(Work(30, 3000), parse_tiers("list=20/m+item=50/m"), 0.5, 1000)
    assert (found.bound_s, found.exact) == (0.5 + 59 * 60.0 + 0.5, True)
    assert found.binding == parse_tiers("item=50/m")[0]


def test_what_two_routes_could_have_been_let_through() -> None:
    """Each its own, and no more than what holds for both; nothing is known where one of them has no limit."""
    assert admissible(60.0, parse_tiers("list=20/m+item=50/m")) == 2 * 20 + 2 * 50
    assert admissible(59.0, parse_tiers("list=20/m+item=50/m")) == 70
    assert admissible(59.0, parse_tiers("30/m+list=20/m+item=50/m")) == 30
    assert admissible(59.0, parse_tiers("list=20/m")) is None


@histories
@given(some_work(), a_tier(("aligned",)), round_trips, worker_counts, st.integers(0, 5))
def test_aligned_windows_of_known_phase(work: Work, tier: Tier, rtt: int, workers: int, epoch: int) -> None:
    """With the Unix time of the start known, an aligned window ends where it does, not where it suits."""
    found = bound(work, (tier,), rtt, workers, float(epoch))
    border = int(tier.period_s) - epoch % int(tier.period_s)
    optimum = search(work, (tier,), rtt, None, 1, border) + rtt
    assert found.bound_s <= optimum
    assert found.bound_workers_s <= search(work, (tier,), rtt, workers, 1, border) + rtt
    assert found.bound_s == optimum or not found.exact


# Histories. Without a round trip there is no chain: all requests are ready at once.


def history(requests: int, limits: str, rtt: float = 0.0, workers: int = 1_000_000) -> Any:
    return bound(Work(1, requests - 1), parse_tiers(limits), rtt, workers)


@pytest.mark.parametrize(
    ("requests", "limits", "greedy", "whole_seconds", "optimum"),
    [(15, "4/7s:anchored+5/11s:anchored", 29, 23, 22), (9, "3/6s:anchored+5/12s:anchored", 18, 13, 12)],
)
def test_two_anchored_windows_where_greedy_loses(
    requests: int, limits: str, greedy: int, whole_seconds: int, optimum: int
) -> None:
    """Greedy opens a window too early; on whole seconds 23 and 13 are best, between them all but 22 and 12."""
    found, work = history(requests, limits), Work(1, requests - 1)
    assert (found.greedy_s, found.exact) == (greedy, False)
    assert search(work, parse_tiers(limits), 0) == whole_seconds
    assert found.bound_s == search(work, parse_tiers(limits), 0, None, fine=2) == optimum


def test_the_same_as_logs_is_what_greedy_takes() -> None:
    """Sliding logs leave no choice: greedy's 29 s is the optimum, and an undeclared kind is held to it."""
    assert history(15, "4/7s:log+5/11s:log").bound_s == history(15, "4/7s+5/11s").bound_s == 29
    assert history(9, "3/6s:log+5/12s:log").bound_s == search(Work(1, 8), parse_tiers("3/6s+5/12s"), 0) == 18


def test_the_reference_limits() -> None:
    """10,000 items in 100 pages under 500/20s + 2000/100s: 500 s and one round trip, and greedy gets there."""
    found = bound(Work(100, 10_000), parse_tiers("500/20s:anchored+2000/100s:anchored"), 0.1, 10)
    assert (found.bound_s, found.exact, found.greedy_s) == (500.1, True, None)
    assert found.binding == Tier(2000, 100.0, "anchored")
    assert found.enough_workers == 2


def test_a_log_remembers_the_first_round_trip() -> None:
    """Under a sliding log the wait for page 1 comes back in every window, so the end is one round trip later."""
    assert bound(Work(100, 10_000), parse_tiers("500/20s+2000/100s"), 0.125, 500).bound_s == 500.25


@pytest.mark.parametrize(
    ("work", "trips"),
    [
        (Work(1, 0), 1),
        (Work(1, 7), 2),
        (Work(1, 7, detail=False), 1),
        (Work(5, 50, detail=False), 2),
        (Work(5, 50), 3),
        (Work(5, 50, "cursor"), 6),
        (Work(5, 50, "cursor", detail=False), 5),
        (Work(6, 50, "cursor", per_page=10), 6),  # the last page came empty: nothing waits for it
        (Work(5_000, 50_000, "cursor"), 5_001),
        (Work(5, 50, "cursor", parts=2), 4),  # 3 pages in the longer of the parts
        (Work(5, 50, "cursor", detail=False, parts=2), 3),
        (Work(5, 50, "cursor", detail=False, parts=9), 1),
        (Work(200, 20_000, "cursor", detail=False, parts=8), 25),
    ],
)
def test_without_limits_the_round_trips_of_the_list_count(work: Work, trips: int) -> None:
    """Page 1 before any other, cursors one by one, each page before its items; zero items are one request."""
    found = bound(work, (), 0.5, 100_000)
    assert (found.bound_s, found.exact, found.binding) == (trips * 0.5, True, None)


def test_the_longest_part_of_a_list_says_how_long_it_takes() -> None:
    """Where it is known; nothing is claimed of whether it can be reached then."""
    work = Work(20, 200, "cursor", detail=False, parts=4, chain=11)
    found = bound(work, (), 0.5, 100)
    assert (found.bound_s, found.exact) == (5.5, False)
    for chain in (4, 21):
        with pytest.raises(ValueError, match="the longest of 4 parts has not"):
            replace(work, chain=chain)
    with pytest.raises(ValueError, match="parts are at least 1"):
        Work(1, 0, parts=0)


def test_parts_gain_nothing_where_the_limit_is_what_takes_long() -> None:
    alone, parts = (
        bound(Work(200, 20_000, "cursor", detail=False, parts=parts), parse_tiers("5/s"), 0.2, 100) for parts in (1, 8)
    )
    assert alone.bound_s == pytest.approx(40.0, abs=0.4)
    assert parts.bound_s == pytest.approx(39.2, abs=0.4)


def test_one_worker_takes_a_round_trip_each() -> None:
    """One worker asks for one thing at a time; as many as can be asked for at once are enough."""
    found = bound(Work(1, 9), (), 1.0, 1)
    assert (found.bound_s, found.bound_workers_s, found.enough_workers) == (2, 10, 9)


def test_workers_count_in_the_last_window_too() -> None:
    """The last window opens when the limit says, and then its requests still pass through the workers."""
    found = bound(Work(1, 39), parse_tiers("10/10s:anchored"), 0.5, 1)
    assert (found.bound_s, found.bound_workers_s) == (30.5, 35)


def test_a_day_quota_begins_at_midnight_in_its_zone() -> None:
    """At 23:00 in Berlin a quota of the Berlin day renews in an hour, one of the UTC day in three."""
    summer_2100_utc = 1_782_939_600.0  # 2026-07-01 21:00 UTC, 23:00 in Berlin
    for zone, hours in (("Europe/Berlin", 1), ("UTC", 3)):
        found = bound(Work(1, 1), parse_tiers(f"1/d:aligned:tz={zone}"), 0.0, 1, summer_2100_utc)
        assert (found.bound_s, found.exact) == (hours * 3600, True)


@pytest.mark.parametrize(
    ("start", "borders", "exact"),
    [
        (1_774_648_800.0, [1, 25, 48, 72], [True] * 4),  # 2026-03-27 23:00; the 29th has 23 hours
        (1_792_789_200.0, [1, 25, 50, 74], [True, True, False, False]),  # 2026-10-23 23:00; the 25th has 25 hours
    ],
)
def test_a_day_is_not_always_24_hours(start: float, borders: list[int], exact: list[bool]) -> None:
    """A border that comes early lowers the bound; one that comes late is seen by the greedy figure alone."""
    tiers = parse_tiers("1/d:aligned:tz=Europe/Berlin")
    found = [bound(Work(1, days), tiers, 0.0, 1, start) for days in (1, 2, 3, 4)]
    assert [each.exact for each in found] == exact
    assert [(each.greedy_s or each.bound_s) / 3600 for each in found] == borders
    assert all(each.bound_s <= hours * 3600 for each, hours in zip(found, borders))


def test_costs_are_bounded_by_their_volume() -> None:
    """Requests that cost 3, 3, 2, 2 under 5 at a time cannot take less than two windows, and no more is claimed."""
    found = bound(Work(2, 2, list_cost=3, item_cost=2), parse_tiers("5/10s:anchored"), 0.0, 5)
    assert (found.bound_s, found.exact, found.greedy_s) == (10, False, None)


def test_a_request_that_never_fits_is_an_error() -> None:
    """A cost above a limit, or above a bucket's burst, has no least time."""
    for limits in ("4/s", "10/s:bucket:burst=4"):
        with pytest.raises(NeverFits, match="a request that costs 5 never fits the limit"):
            bound(Work(1, 1, item_cost=5), parse_tiers(limits), 0.1, 1)


@pytest.mark.parametrize("wrong", [{"pages": 0}, {"items": -1}, {"item_cost": 0}, {"per_page": 1}, {"per_page": 0}])
def test_impossible_work_is_refused(wrong: dict[str, int]) -> None:
    """Figures that no import can have are refused where they are made."""
    with pytest.raises(ValueError, match="cannot be"):
        Work(**{"pages": 2, "items": 5, **wrong})


def test_a_greedy_figure_that_would_take_too_long_is_left_out() -> None:
    """Two anchored windows of a few requests, a very long import: no greedy figure, and exact is not claimed."""
    found = bound(Work(1, 5 * MAX_BURSTS + 10), parse_tiers("5/s:anchored+100/m:anchored"), 0.1, 10)
    assert (found.exact, found.greedy_s) == (False, None)


@histories
@given(some_work(9, 60), some_tiers(), round_trips, worker_counts)
def test_more_workers_never_raise_it(work: Work, tiers: tuple[Tier, ...], rtt: int, workers: int) -> None:
    """A worker more never raises the bound; enough_workers is the first count within 1 % of any number's."""
    fewer, more = bound(work, tiers, rtt, workers), bound(work, tiers, rtt, workers + 1)
    assert more.bound_workers_s <= fewer.bound_workers_s
    assert more.bound_s == fewer.bound_s
    assert bound(work, tiers, rtt, fewer.enough_workers).bound_workers_s <= 1.01 * fewer.bound_s
    if fewer.enough_workers > 1:
        assert bound(work, tiers, rtt, fewer.enough_workers - 1).bound_workers_s > 1.01 * fewer.bound_s


@histories
@given(some_work(9, 60), some_tiers(), round_trips, worker_counts)
def test_more_requests_never_lower_it(work: Work, tiers: tuple[Tier, ...], rtt: int, workers: int) -> None:
    """An item more, of a list with as large pages, never lowers the bound."""
    size = work.items + 1
    less = Work(work.pages, work.items, work.paging, work.detail, size)
    more = Work(work.pages, work.items + 1, work.paging, work.detail, size)
    assert bound(more, tiers, rtt, workers).bound_s >= bound(less, tiers, rtt, workers).bound_s
    assert bound(more, tiers, rtt, workers).bound_workers_s >= bound(less, tiers, rtt, workers).bound_workers_s


@histories
@given(st.integers(1, 60), st.integers(1, 20), st.sampled_from(("numbered", "cursor")), some_tiers(), round_trips)
def test_an_unknown_page_size_is_the_kindest(
    items: int, size: int, paging: Any, tiers: tuple[Tier, ...], rtt: int
) -> None:
    """Without per_page the bound is never above that of any page size that makes so many pages."""
    pages = -(-items // size)
    told, untold = Work(pages, items, paging, per_page=size), Work(pages, items, paging)
    assert bound(untold, tiers, rtt, 3).bound_s <= bound(told, tiers, rtt, 3).bound_s


def test_the_kindest_page_size_is_the_largest_that_fits() -> None:
    """101 items on 2 pages: the first may have named 100 of them, not just half."""
    tiers = parse_tiers("49/1s")
    found = [bound(Work(2, 101, per_page=size), tiers, 2.0, 200).bound_s for size in (None, 100, 51)]
    assert found == [6, 6, 7]


@given(st.integers(0, 80), st.lists(st.tuples(st.integers(1, 9), st.integers(1, 9)), max_size=3))
def test_the_longest_fill_is_the_longest(size: int, pairs: list[tuple[int, int]]) -> None:
    """The closed form finds what trying every link at every size finds."""
    tried = [0] * (size + 1)
    for filled in range(size + 1):
        tried[filled] = max((tried[filled - take] + gain for take, gain in pairs if take <= filled), default=0)
    links = sorted((Link(take, float(gain)) for take, gain in pairs), key=lambda link: -link.seconds / link.size)
    assert fill_s(size, tuple(links)) == tried[size]


def test_what_could_have_been_admitted() -> None:
    """At 0 s a burst, and each window's worth when it opens; of several limits, what all let through."""
    both = parse_tiers("500/20s+2000/100s")
    assert [admissible(t_s, both) for t_s in (-1, 0, 19.999, 20, 60, 80, 100)] == [0, 500, 500, 1000, 2000, 2000, 2500]
    assert admissible(10, parse_tiers("10/10s:bucket:burst=2")) == 12
    assert admissible(0, parse_tiers("10/10s:aligned")) == 20
    assert admissible(0, parse_tiers("10/10s:aligned"), epoch_s=3.0) == 10
    assert admissible(7, parse_tiers("10/10s:aligned"), epoch_s=3.0) == 20
    assert admissible(10, ()) is None


@histories
@given(st.integers(1, 40), some_tiers())
def test_the_bound_and_what_is_admissible_agree(requests: int, tiers: tuple[Tier, ...]) -> None:
    """So many requests are admissible by the time the bound gives for them, and not all of them any sooner."""
    least_s = bound(Work(requests, 0, detail=False), tiers, 0.0, 1).bound_s
    by_then = admissible(least_s, tiers)
    assert by_then is not None
    assert by_then >= requests
    if least_s > 0:
        before = admissible(least_s - 0.001, tiers)
        assert before is not None
        assert before < requests


def test_a_leaky_bucket_answers_one_after_the_other() -> None:
    """Eleven may queue at once, but the last of 21 requests is worked on two seconds after the first."""
    found = bound(Work(1, 20), parse_tiers("10/s:leaky:burst=10"), 0.1, 50)
    assert (found.bound_s, found.exact) == (pytest.approx(2.1), True)


def test_requests_at_once_bound_as_workers_do() -> None:
    """`4:concurrency` is what four workers are; at no round trip it is no limit."""
    work = Work(1, 40)
    limited, few = (
        bound(work, parse_tiers(limit), 0.5, count) for limit, count in (("4:concurrency", 99), ("99/s", 4))
    )
    assert limited.bound_s == few.bound_workers_s
    assert bound(work, parse_tiers("4:concurrency"), 0.0, 99).bound_s == 0.0


@pytest.mark.parametrize("requests", [1, 40, 41, 42, 100, 1000])
@pytest.mark.parametrize("kind", ["bucket", "gcra"])
def test_a_burst_above_the_limit(kind: str, requests: int) -> None:
    """C11: 40 at once, then two a second: the last of n arrives (n - 40) / 2 s after the first, and that is exact."""
    found = bound(Work(1, requests - 1), parse_tiers(f"2/s:{kind}:burst=40"), 0.0, 100)
    assert (found.bound_s, found.exact) == (max(0, requests - 40) / 2, True)
    assert admissible(10.0, parse_tiers(f"2/s:{kind}:burst=40")) == 60


@given(
    work=some_work(),
    each=st.integers(1, 3),
    burst=st.integers(1, 9),
    rtt=round_trips,
    workers=worker_counts,
)
@histories
def test_a_bucket_is_its_rate_and_its_burst_however_it_is_written(
    work: Work, each: int, burst: int, rtt: int, workers: int
) -> None:
    """C11: one in `each` seconds with a burst above that has the bound of as many in as much longer a time."""
    short = (Tier(1, float(each), "bucket", burst),)
    long = (Tier(burst, float(each * burst), "bucket", burst),)
    one, other = bound(work, short, rtt, workers), bound(work, long, rtt, workers)
    assert (one.bound_s, one.bound_workers_s, one.exact) == (other.bound_s, other.bound_workers_s, other.exact)
    assert one.bound_s <= search(work, short, rtt, None) + rtt
