"""Plan when NOT to open a window: several anchored limits, where sending at once is not the best.

4/7s + 5/11s and 15 requests: greedily 29 s, at best 22 s and a moment. To open a short window just before the long
one renews wastes it; to open it with a single request, so early that it ends just after the long one renews, lets its
limit through before and again after. 500/20s + 2000/100s and 3,030 requests: 140 s greedily, 120 s and a moment.

A best-first search (A*, Hart, Nilsson & Raphael 1968) over groups of requests sent at one moment. Moments worth
trying: the end of a window, and `margin_s` after the moment from which a window lasts until another's end. Sizes worth
trying: all that fit, one less (the one is opened with later), and one. The tests find no small case in which an
exhaustive search does better. Where that takes too many steps only the largest size is tried, and then greedy is kept:
a plan is never worse than greedy.

`Schedule` follows the plan in a running import, for which it notes how much is left, how long a burst takes, and where
each window stands.
"""

from __future__ import annotations

import heapq
import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from harness.pacing.anchored import AnchoredLimiter

# About a tenth of a second, a few times a window.
MOST_STEPS = 4000
# Longer schedules than this many windows are not played through.
MOST_WINDOWS = 2000


@dataclass(frozen=True, slots=True)
class Window:
    """One limit's window: `used` of `limit` until `ends_at`; over if that has passed."""

    limit: int
    period_s: float
    ends_at: float = -math.inf
    used: int = 0

    def headroom(self, at: float) -> int:
        return self.limit - self.used if at < self.ends_at else self.limit

    def take(self, at: float, count: int) -> Window:
        if at < self.ends_at:
            return Window(self.limit, self.period_s, self.ends_at, self.used + count)
        return Window(self.limit, self.period_s, at + self.period_s, count)

    def last_s(self, at: float, count: int) -> float:
        """Return when the last of `count` more can be let through at the earliest, by this limit alone."""
        headroom = self.headroom(at)
        if count <= headroom:
            return at
        ends_at = self.ends_at if at < self.ends_at else at + self.period_s
        return ends_at + ((count - headroom - 1) // self.limit) * self.period_s


Windows = tuple[Window, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """Send `count` at `at`, and be done at `done_at`, if all goes on as planned."""

    at: float
    count: int
    done_at: float


def plan(windows: Windows, requests: int, now: float, margin_s: float) -> Plan | None:
    """Return the first step of the best schedule found for `requests`, or None where sending at once is as good.

    margin_s: how much longer a window must last than the moment for whose sake it is opened early.
    """
    if requests < 1 or requests > MOST_WINDOWS * min(window.limit for window in windows):
        return None
    least_s = _least_s(windows, now, requests)
    greedy_s = greedily(windows, requests, now)
    if greedy_s <= least_s + margin_s:
        return None
    for frugal in (True, False):
        found = _search(windows, requests, now, margin_s, frugal)
        if found is not None:
            return found if found.done_at < greedy_s - margin_s else None
    return None


def greedily(windows: Windows, requests: int, now: float) -> float:
    """Return when the last is sent if each goes as soon as every limit allows."""
    while True:
        headroom = min(window.headroom(now) for window in windows)
        if headroom >= requests:
            return now
        if headroom > 0:
            windows = tuple(window.take(now, headroom) for window in windows)
            requests -= headroom
        now = max([now, *(window.ends_at for window in windows if window.headroom(now) <= 0)])


def _least_s(windows: Windows, at: float, requests: int) -> float:
    return max(window.last_s(at, requests) for window in windows)


def _search(windows: Windows, requests: int, now: float, margin_s: float, frugal: bool) -> Plan | None:
    order = itertools.count()
    first = (_least_s(windows, now, requests), requests, next(order), now, windows, None)
    heap: list[tuple[float, int, int, float, Windows, tuple[float, int] | None]] = [first]
    seen: set[object] = set()
    for _ in range(MOST_STEPS):
        if not heap:
            return None
        _, left, _, at, state, step = heapq.heappop(heap)
        if left == 0 and step is not None:
            return Plan(*step, at)
        key = (round(at, 6), left, tuple((round(max(0.0, w.ends_at - at), 6), w.used) for w in state))
        if key in seen:
            continue
        seen.add(key)
        for when, count in _steps(state, left, at, margin_s, frugal, fresh=step is None):
            after = tuple(window.take(when, count) for window in state)
            rest = left - count
            least_s = _least_s(after, when, rest) if rest else when
            heapq.heappush(heap, (least_s, rest, next(order), when, after, step or (when, count)))
    return None


def _steps(
    state: Windows, left: int, at: float, margin_s: float, frugal: bool, fresh: bool
) -> Iterator[tuple[float, int]]:
    """Yield (when, how many) might be sent next."""
    ends = {window.ends_at for window in state if window.ends_at > at}
    early = {end - window.period_s + margin_s for end in ends for window in state}
    for when in {at} | ends | early if fresh else ends | early:
        if when < at or (when == at and not fresh):
            continue
        headroom = min(left, *(window.headroom(when) for window in state))
        for count in {headroom, headroom - 1, 1} if frugal else {headroom}:
            if 1 <= count <= headroom:
                yield when, count


# A burst may take this much longer than the longest so far.
_CAUTION = 1.5


class Schedule:
    """Holds back requests that `plan` would rather send later. It only ever delays: the limiters alone keep the limits.

    A step of the plan is a group of requests; they go as fast as workers take them, then the next step is planned from
    what has become of the windows.
    """

    def __init__(self, limiters: Sequence[AnchoredLimiter], left: int = 0) -> None:
        self.left = left  # requests not yet granted
        self._limiters = limiters
        self._group = 0  # of the step under way, how many may still go
        self._group_began = math.inf
        self._burst_s = 0.0
        self._round_trip_s = 0.0
        self._planned: tuple[object, float, int] | None = None

    def wait_until(self, now: float) -> float | None:
        """Return the absolute time before which nothing should go although it might; None: go."""
        if self.left < 1 or self._group > 0:
            return None
        windows = tuple(self._window(limiter, now) for limiter in self._limiters)
        # When a window ends is known with its first answer; until then, each moment's guess is no reason to plan anew.
        key = (self.left, tuple((limiter.used, limiter.ends_at()) for limiter in self._limiters))
        if self._planned is None or self._planned[0] != key:
            step = plan(windows, self.left, now, self._margin_s())
            at, count = (
                (now, min(window.headroom(now) for window in windows)) if step is None else (step.at, step.count)
            )
            self._planned = (key, at, count)
        _, at, count = self._planned
        if at > now:
            return at
        self._group, self._group_began, self._planned = count, now, None
        return None

    def granted(self, now: float) -> None:
        """Count one more on its way."""
        self.left -= 1
        self._group -= 1
        self._burst_s = max(self._burst_s, now - self._group_began)

    def settled(self, sent_at: float, now: float, back: bool) -> None:
        """Note that it was answered; `back`: or comes back to be sent again."""
        self._round_trip_s = max(self._round_trip_s, now - sent_at)
        self.left += back

    def _margin_s(self) -> float:
        return 0.01 + _CAUTION * (self._burst_s + self._round_trip_s)

    @staticmethod
    def _window(limiter: AnchoredLimiter, now: float) -> Window:
        if limiter.used == 0:
            return Window(limiter.limit, limiter.span_s)
        return Window(limiter.limit, limiter.span_s, min(limiter.ends_at(), limiter.latest_end(now)), limiter.used)
