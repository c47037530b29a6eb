"""Greedy admission, played through: each request is sent as soon as every limit allows it, pages first.

A schedule that can be kept, so never below the bound; where it equals the bound, both are the optimum. It steps from
one burst to the next, not from request to request.
"""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from typing import Protocol

from harness.bound.paths import Work, earliest_arrivals, to_border_s
from harness.pacing.tiers import MAX_LIMIT, Route, Tier, Tiers, names_routes

# Bursts (and looks in between) played through before giving up: a tenth of a second. Only limits of a few requests,
# or counted one by one, and a very long import come to so many.
MAX_BURSTS = 40_000
# A border nobody knows is tried this long after a moment: a schedule may come this much closer to the bound.
NUDGE_S = 1e-6
# Rounding in counts that grow with time: far below one request.
_SLACK = 1e-9


def greedy_s(work: Work, tiers: Tiers, rtt_s: float, epoch_s: float | None, least_s: float) -> float | None:
    """The last arrival of the best greedy schedule, in seconds after the first; costs are taken to be 1.

    Borders nobody knows are tried just after each moment at which the list lets more through (the first two and the
    last), and halfway to least_s, the bound. None: it takes more than MAX_BURSTS bursts.
    """
    tries = [NUDGE_S]
    if any(tier.kind == "counter" or (tier.kind == "aligned" and epoch_s is None) for tier in tiers):
        starts = [t_s for t_s, _ in earliest_arrivals(work, rtt_s)]
        tries = [t_s + NUDGE_S for t_s in sorted({*starts[:2], starts[-1], least_s / 2})]
    routed = names_routes(tiers)
    found = []
    for border_s in tries:
        limiters = [(tier.route, _limiter(tier, border_s, epoch_s, rtt_s)) for tier in tiers]
        listing = _Listing(work, rtt_s)
        found.append(_play_by_route(listing, limiters) if routed else _play(listing, [one for _, one in limiters]))
    return min((end_s for end_s in found if end_s is not None), default=None)


def _play(listing: _Listing, limiters: list[_Limiter]) -> float | None:
    now, last = 0.0, 0.0
    for _ in range(MAX_BURSTS):
        if not listing.left:
            return last
        ready = listing.ready(now)
        headrooms = [limiter.headroom(now) for limiter in limiters]
        count = min([ready, *headrooms])
        if count > 0:
            listing.take(now, count)
            for limiter in limiters:
                limiter.take(now, count)
            last = now
            continue
        waits = [limiter.opens_s() for limiter, headroom in zip(limiters, headrooms) if headroom < 1]
        now = max(waits, default=now) if ready else max([listing.next_s(), *waits])
    return None


def _play_by_route(listing: _Listing, limiters: list[tuple[Route, _Limiter]]) -> float | None:
    """As `_play`, where pages and items are held by limiters of their own besides those of every route."""
    of: list[list[_Limiter]] = [[one for route, one in limiters if route in ("*", role)] for role in ("list", "item")]
    now, last = 0.0, 0.0
    for _ in range(MAX_BURSTS):
        if not listing.left:
            return last
        opens = listing.answers_s(now)
        taken = 0
        for pages, mine in zip((True, False), of):
            ready = listing.ready_of(now, pages=pages)
            count = min([ready, *(limiter.headroom(now) for limiter in mine)])
            if count > 0:
                listing.take_of(now, count, pages=pages)
                for limiter in mine:
                    limiter.take(now, count)
                taken, last = taken + count, now
            elif ready:
                opens.append(max(limiter.opens_s() for limiter in mine if limiter.headroom(now) < 1))
        now = now if taken else min(opens)
    return None


class _Listing:
    """Which requests the list has made possible, each page one round trip after the last."""

    def __init__(self, work: Work, rtt_s: float) -> None:
        self.left = work.requests
        self._rtt_s = rtt_s
        self._together = work.paging == "numbered"
        self._page_size = work.page_size
        self._pages, self._details = 1 if self._together else min(work.parts, work.pages), 0
        self._pages_to_come, self._details_to_come = work.pages - self._pages, work.details
        self._answers: deque[tuple[float, int]] = deque()  # (time, pages answered)

    def ready(self, now: float) -> int:
        while self._answers and self._answers[0][0] <= now:
            _, pages = self._answers.popleft()
            named = min(pages * self._page_size, self._details_to_come)
            self._details_to_come -= named
            self._details += named
            opened = self._pages_to_come if self._together else min(pages, self._pages_to_come)
            self._pages_to_come -= opened
            self._pages += opened
        return self._pages + self._details

    def next_s(self) -> float:
        return self._answers[0][0]

    def answers_s(self, now: float) -> list[float]:
        """Return when the next page after `now` is answered, in a list of one or none."""
        self.ready(now)
        return [self._answers[0][0]] if self._answers else []

    def ready_of(self, now: float, *, pages: bool) -> int:
        self.ready(now)
        return self._pages if pages else self._details

    def take(self, now: float, count: int) -> None:
        pages = min(count, self._pages)
        if pages:
            self.take_of(now, pages, pages=True)
        self.take_of(now, count - pages, pages=False)

    def take_of(self, now: float, count: int, *, pages: bool) -> None:
        self.left -= count
        if pages:
            self._pages -= count
            self._answers.append((now + self._rtt_s, count))
        else:
            self._details -= count


class _Limiter(Protocol):
    """How one limit counts. `opens_s` is asked after a `headroom` below 1: look again then, there may be room."""

    def headroom(self, now: float) -> int: ...
    def take(self, now: float, count: int) -> None: ...
    def opens_s(self) -> float: ...


def _limiter(tier: Tier, border_s: float, epoch_s: float | None, rtt_s: float) -> _Limiter:
    """border_s: a moment at which windows end whose phase nobody knows."""
    unknown_s = border_s % tier.period_s or tier.period_s
    match tier.kind:
        case "leaky":  # when the next is worked on: those that queue meanwhile are not answered earlier
            return _Bucket(replace(tier, kind="bucket", burst=1))
        case "concurrency":
            # With no round trip nobody is ever in flight for long: then it does not limit.
            return _Log(replace(tier, limit=tier.limit if rtt_s > 0 else MAX_LIMIT, period_s=max(rtt_s, 0.001)))
        case "bucket" | "gcra":
            return _Bucket(tier)
        case "counter":
            return _Counter(tier, unknown_s)
        case "anchored":
            return _Anchored(tier)
        case "aligned":
            return _Aligned(tier, unknown_s if epoch_s is None else to_border_s(tier, epoch_s), epoch_s)
        case "any" | "log":
            return _Log(tier)


class _Log:
    def __init__(self, tier: Tier) -> None:
        self._tier, self._used = tier, 0
        self._bursts: deque[tuple[float, int]] = deque()  # (time free again, count)

    def headroom(self, now: float) -> int:
        while self._bursts and self._bursts[0][0] <= now:
            self._used -= self._bursts.popleft()[1]
        return self._tier.limit - self._used

    def take(self, now: float, count: int) -> None:
        self._used += count
        self._bursts.append((now + self._tier.period_s, count))

    def opens_s(self) -> float:
        return self._bursts[0][0]


class _Anchored:
    def __init__(self, tier: Tier) -> None:
        self._tier, self._used, self._end_s = tier, 0, 0.0

    def headroom(self, now: float) -> int:
        return self._tier.limit - (self._used if now < self._end_s else 0)

    def take(self, now: float, count: int) -> None:
        if now >= self._end_s:
            self._used, self._end_s = 0, now + self._tier.period_s
        self._used += count

    def opens_s(self) -> float:
        return self._end_s


class _Aligned:
    def __init__(self, tier: Tier, end_s: float, epoch_s: float | None) -> None:
        self._tier, self._used, self._end_s = tier, 0, end_s
        self._epoch_s = epoch_s if tier.tz is not None else None

    def headroom(self, now: float) -> int:
        while now >= self._end_s:
            self._end_s += self._window_s()
            self._used = 0
        return self._tier.limit - self._used

    def take(self, now: float, count: int) -> None:
        self._used += count

    def opens_s(self) -> float:
        return self._end_s

    def _window_s(self) -> float:
        if self._epoch_s is None:
            return self._tier.period_s
        inside_s = self._end_s + self._tier.period_s / 2  # from its middle: a border itself may round to either side
        return self._tier.period_s / 2 + to_border_s(self._tier, self._epoch_s + inside_s)


class _Counter:
    """Used now, and of the window before as much as its share of the last period: together at most the limit."""

    def __init__(self, tier: Tier, end_s: float) -> None:
        self._tier, self._used, self._before, self._end_s = tier, 0, 0, end_s

    def headroom(self, now: float) -> int:
        while now >= self._end_s:
            self._end_s += self._tier.period_s
            self._before, self._used = self._used, 0
        share = (self._end_s - now) / self._tier.period_s
        return int(self._tier.limit - self._used - self._before * share + _SLACK)

    def take(self, now: float, count: int) -> None:
        self._used += count

    def opens_s(self) -> float:
        spare = self._tier.limit - self._used - 1
        if spare < 1 or self._before == 0:
            return self._end_s
        return self._end_s - self._tier.period_s * spare / self._before


class _Bucket:
    """One comes back each `each_s`; all of them are there at `full_s`."""

    def __init__(self, tier: Tier) -> None:
        self._burst, self._each_s, self._full_s = tier.burst or tier.limit, tier.period_s / tier.limit, 0.0

    def headroom(self, now: float) -> int:
        return int(self._burst - max(0.0, self._full_s - now) / self._each_s + _SLACK)

    def take(self, now: float, count: int) -> None:
        self._full_s = max(now, self._full_s) + count * self._each_s

    def opens_s(self) -> float:
        return self._full_s - (self._burst - 1) * self._each_s
