"""Decide how many requests may be in flight, and find that number for `--workers auto`. No IO, no clock.

Limits say how many are allowed, and the list how many are useful. `--workers auto` has as many workers as raise the
throughput, found by trying.

The throughput of a number of workers is measured over rounds in which every one of them was busy. If twice as many
raise it by at least half of what they would if nothing queued, they stay; else they only made the server's queue
longer, and the number before is kept for a while, longer after each try in vain. A saturated server is therefore asked
for at most twice what it can do, more and more rarely. Rounds in which a limit or a lack of work held anyone up measure
nothing. Latency is not judged: its jitter is larger than what a short queue adds (compare Netflix's concurrency-limits,
which does judge it, and TCP Vegas).
"""

from __future__ import annotations

import math

from harness.bound import Paging, Work, bound
from harness.pacing import Tiers
from harness.record.state import State

GROWTH = 2.0
# Of the throughput that so many more workers would add if nothing queued.
WORTH_IT = 0.5
# Rounds at the number found before more are tried again: few at first, for luck may have decided; doubled each time.
FIRST_REST, LONGEST_REST = 3, 48
# So that jittered latency (lognormal, sigma 0.5) moves a round's throughput by about 7 %.
LEAST_ANSWERS = 60


# Latency as drawn is longer than the least of it, which the bound goes by.
_HEADROOM = 1.5


def useful_workers(state: State, tiers: Tiers, detail: bool, batch: int | None = None) -> int | None:
    """Return how many workers the limits can keep busy with what the list promises; None while nothing is known.

    For a long import that is the quota times the latency; a short one may use up a window at once.
    """
    if not tiers or state.total is None or state.least_latency_s is None:
        return None
    pages = max(1, len(state.pages), state.last_page or 1)
    paging: Paging = "cursor" if state.last_page is None else "numbered"
    work = Work(pages, state.total, paging, detail, batch=batch or 1, parts=len(state.parts) or 1)
    return math.ceil(_HEADROOM * bound(work, tiers, state.least_latency_s, 1).enough_workers)


class Concurrency:
    """Answers with `workers` how many there should be, and is told what happens.

    start: the first number. most: never more than this; `cap` lowers it to what the limits can use.
    """

    def __init__(self, start: int = 4, most: int = 200) -> None:
        self.workers = min(start, most)
        self._most = most
        self._before: tuple[int, float] | None = None  # the last number that was worth it, and its answers per second
        self._rest = 0
        self._next_rest = FIRST_REST
        self._begin(None)

    def cap(self, most: int) -> None:
        """Use no more than `most`: more is of no use, by the quota times the latency, say."""
        self._most = max(1, min(self._most, most))
        if self.workers > self._most:
            self._set(self._most)

    def held(self) -> None:
        """Measure anew: a limit or a lack of work held somebody up, so what was measured so far says nothing."""
        self._begin(None)

    def answered(self, now: float) -> None:
        """Count one more answer, and judge the number of workers once a round is over."""
        self._answers += 1
        if self._began is None:
            # Those that were on their way when the number changed do not count.
            if self._answers >= self.workers:
                self._begin(now)
        elif self._answers >= max(LEAST_ANSWERS, 3 * self.workers) and now > self._began:
            rate = self._answers / (now - self._began)
            self._begin(now)
            self._judge(rate)

    def _begin(self, now: float | None) -> None:
        self._began = now
        self._answers = 0

    def _judge(self, rate: float) -> None:
        if self._rest > 0:
            self._rest -= 1
            if self._rest == 0:
                self._before = (self.workers, rate)
                self._grow()
            return
        if self._before is not None:
            workers, before = self._before
            worth = before * (1 + WORTH_IT * (self.workers / workers - 1))
            if self.workers > workers and rate < worth:
                self._take_rest()
                self._set(self._fewest(workers, before, rate))
                return
            self._next_rest = FIRST_REST
        self._before = (self.workers, rate)
        self._grow()

    def _take_rest(self) -> None:
        self._rest = self._next_rest
        self._next_rest = min(LONGEST_REST, 2 * self._next_rest)

    def _fewest(self, workers: int, before: float, rate: float) -> int:
        """Return how many do as well: fewer where more made it slower by far, for then the server breaks under load or
        has slowed.
        """
        return workers if rate > 0.7 * before else max(1, int(workers / GROWTH))

    def _grow(self) -> None:
        more = min(self._most, max(self.workers + 1, int(self.workers * GROWTH)))
        if more > self.workers:
            self._set(more)
        else:
            self._take_rest()

    def _set(self, workers: int) -> None:
        self.workers = workers
        self._begin(None)
