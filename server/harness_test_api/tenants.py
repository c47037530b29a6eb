"""Other tenants: background consumers that use up part of the quota the client thinks is its own.

`5/s` (evenly), `5/s:poisson`, `50/10s:burst` (all at once, each period); `from=10s`, `until=60s`. They ask for items,
are refused as a client is, and do not retry. Their requests are worked off when the client's next one comes, each
at its own time: nothing runs in the background, and the same seed gives the same history.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

from harness_test_api.errors import BadConfig
from harness_test_api.spec import read_spec
from harness_test_api.units import duration_s, whole


@dataclass(frozen=True, slots=True)
class Tenant:
    """`count` requests each `period_s`, in seconds since the server's start from `from_s` up to `until_s`."""

    count: int
    period_s: float
    pattern: str = "even"
    from_s: float = 0.0
    until_s: float = math.inf

    def arrivals(self, random: Random) -> Iterator[float]:
        """When this tenant's requests arrive, in seconds since the server's start, for ever or to its end."""
        gap_s = self.period_s / self.count
        at_s, sent = self.from_s, 0
        while at_s < self.until_s:
            yield at_s
            sent += 1
            if self.pattern == "poisson":
                at_s += random.expovariate(1 / gap_s)
            elif self.pattern == "burst":
                at_s = self.from_s + (sent // self.count) * self.period_s
            else:
                at_s = self.from_s + sent * gap_s


def parse_tenant(text: str) -> Tenant:
    """A tenant; BadConfig for what cannot be read."""
    spec = read_spec("tenant", text)
    count, slash, period = spec.word().partition("/")
    if not slash:
        raise BadConfig(f"the {spec.where} has no rate; write it like 5/s or 50/10s:burst")
    pattern = spec.words.pop(0) if spec.words else "even"
    if pattern not in ("even", "poisson", "burst"):
        raise BadConfig(f"{pattern!r} in the {spec.where} is unknown; use even, poisson or burst")
    since, until = spec.take("from"), spec.take("until")
    spec.end(("even, poisson or burst", "from", "until"))
    period_s = duration_s(period, spec.where)
    if period_s <= 0:
        raise BadConfig(f"the {spec.where} has a period of zero; write it like 5/s")
    return Tenant(
        whole(count, spec.where, least=1, most=1_000_000),
        period_s,
        pattern,
        0.0 if since is None else duration_s(since, spec.label("from")),
        math.inf if until is None else duration_s(until, spec.label("until")),
    )


class Background:
    """All tenants of one server. Each quota shared with them has its own stream of their requests."""

    def __init__(self, tenants: tuple[Tenant, ...], seed: int) -> None:
        self._tenants = tenants
        self._seed = seed
        self._streams: dict[str, Iterator[float]] = {}
        self._next_s: dict[str, float] = {}

    def due(self, quota: str, elapsed_s: float) -> Iterator[float]:
        """When the tenants of `quota` asked, up to `elapsed_s` since the start, and not told before; in order."""
        if quota not in self._streams:
            draws = [Random(f"{self._seed} tenant {index}") for index in range(len(self._tenants))]
            self._streams[quota] = heapq.merge(*(t.arrivals(r) for t, r in zip(self._tenants, draws)))
            self._next_s[quota] = next(self._streams[quota], math.inf)
        while self._next_s[quota] <= elapsed_s:
            yield self._next_s[quota]
            self._next_s[quota] = next(self._streams[quota], math.inf)
