"""How servers count, written plainly from the rules and sharing no code with harness or server.

Each counter answers `fits(at, cost)` and, asked in order of time, `count(at, cost)`; none looks at a client. All
of them are the lenient reading of their rule (a window is half open), which is what real servers implement.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Protocol


class Counter(Protocol):
    """One limit as a server keeps it. `fits` changes nothing; times never go back."""

    def fits(self, at: float, cost: int) -> bool: ...

    def count(self, at: float, cost: int) -> None: ...


@dataclass
class AnchoredWindow:
    """At most `limit` from the first request after the last window expired, for `period_s`."""

    limit: int
    period_s: float
    opened_at: float = -math.inf
    used: int = 0

    def fits(self, at: float, cost: int) -> bool:
        used = self.used if at < self.opened_at + self.period_s else 0
        return used + cost <= self.limit

    def count(self, at: float, cost: int) -> None:
        if at >= self.opened_at + self.period_s:
            self.opened_at = at
            self.used = 0
        self.used += cost

    def opens_in(self, at: float) -> float:
        """For a Retry-After: the time that is left of the window."""
        return self.opened_at + self.period_s - at


@dataclass
class AlignedWindow:
    """At most `limit` between two multiples of `period_s`, shifted by `phase_s`."""

    limit: int
    period_s: float
    phase_s: float = 0.0
    window: float = -math.inf
    used: int = 0

    def fits(self, at: float, cost: int) -> bool:
        used = self.used if self._window(at) == self.window else 0
        return used + cost <= self.limit

    def count(self, at: float, cost: int) -> None:
        if self._window(at) != self.window:
            self.window = self._window(at)
            self.used = 0
        self.used += cost

    def _window(self, at: float) -> float:
        return math.floor((at - self.phase_s) / self.period_s)


@dataclass
class SlidingLog:
    """At most `limit` in the last `period_s`, at any moment."""

    limit: int
    period_s: float
    log: deque[tuple[float, int]] = field(default_factory=deque)
    used: int = 0

    def fits(self, at: float, cost: int) -> bool:
        while self.log and self.log[0][0] <= at - self.period_s:
            self.used -= self.log.popleft()[1]
        return self.used + cost <= self.limit

    def count(self, at: float, cost: int) -> None:
        self.log.append((at, cost))
        self.used += cost


@dataclass
class TokenBucket:
    """`burst` tokens at most, `limit` refilled each `period_s`, in exact arithmetic; each unit of cost takes one."""

    limit: int
    period_s: float
    burst: int
    tokens: Fraction | None = None
    seen_at: float = 0.0

    def fits(self, at: float, cost: int) -> bool:
        return self._tokens(at) >= cost

    def count(self, at: float, cost: int) -> None:
        self.tokens = self._tokens(at) - cost
        self.seen_at = at

    def _tokens(self, at: float) -> Fraction:
        if self.tokens is None:
            return Fraction(self.burst)
        passed_s = Fraction(at) - Fraction(self.seen_at)
        return min(Fraction(self.burst), self.tokens + passed_s * self.limit / Fraction(self.period_s))


@dataclass
class Gcra:
    """The generic cell rate algorithm: a theoretical arrival time that runs at most `burst` intervals ahead."""

    limit: int
    period_s: float
    burst: int
    arrival_at: Fraction | None = None

    def fits(self, at: float, cost: int) -> bool:
        return self._after(at, cost) - Fraction(at) <= self.burst * self._interval_s()

    def count(self, at: float, cost: int) -> None:
        self.arrival_at = self._after(at, cost)

    def _after(self, at: float, cost: int) -> Fraction:
        earliest = Fraction(at) if self.arrival_at is None else max(self.arrival_at, Fraction(at))
        return earliest + cost * self._interval_s()

    def _interval_s(self) -> Fraction:
        return Fraction(self.period_s) / self.limit


@dataclass
class SlidingCounter:
    """This aligned window plus the part of the last one that is still in sight, as if evenly spread."""

    limit: int
    period_s: float
    phase_s: float = 0.0
    counts: dict[int, int] = field(default_factory=dict)

    def fits(self, at: float, cost: int) -> bool:
        windows = (at - self.phase_s) / self.period_s
        now = math.floor(windows)
        before = self.counts.get(now - 1, 0) * (1.0 - (windows - now))
        return before + self.counts.get(now, 0) + cost <= self.limit

    def count(self, at: float, cost: int) -> None:
        now = math.floor((at - self.phase_s) / self.period_s)
        self.counts[now] = self.counts.get(now, 0) + cost


@dataclass
class Server:
    """Several limits at once: all are checked, then all are charged. `clock` is how much faster its clock runs."""

    counters: list[Counter]
    clock: float = 1.0
    refused: int = 0
    admitted: int = 0

    def arrive(self, at: float, cost: int = 1) -> bool:
        """Whether the request that arrives now is let through."""
        at *= self.clock
        if not all(counter.fits(at, cost) for counter in self.counters):
            self.refused += 1
            return False
        for counter in self.counters:
            counter.count(at, cost)
        self.admitted += 1
        return True

    def retry_after(self, at: float) -> float | None:
        """Seconds until the last of the full windows is over; None where the kind has no such thing to say."""
        windows = [counter for counter in self.counters if isinstance(counter, AnchoredWindow)]
        at *= self.clock
        return max((window.opens_in(at) for window in windows if not window.fits(at, 1)), default=None)
