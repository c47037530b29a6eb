"""Which of several measured settings are as fast as one another, and which of them to take. Pure.

Two means are told apart only where their difference is more than the noise: where their 95 % confidence intervals do
not overlap. Of single runs nobody knows the noise, so that they have to be more than 1 % apart. What cannot be told
apart is not ranked. Every view that names a best setting (`compare`, the report of a sweep, its figures) asks here, so
that no two of them advise differently.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

# A setting is as fast as the fastest within this share: nobody would change settings for less.
FULL_SPEED = 1.01
# The same work on the same server: what differs in these cannot be compared by its duration.
WORLD = ("items", "max_items", "scenario", "server_limit", "latency", "url")


@dataclass(frozen=True, slots=True)
class Measured:
    """The mean of a figure over repeats, with the ends of its 95 % interval, which are the mean where there is none."""

    mean: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Candidate:
    """A setting to choose: how long it takes, how often it is refused, and its workers (infinite: not a number)."""

    duration_s: Measured
    refused_per_1000: float
    workers: float


def tied(one: Measured, other: Measured) -> bool:
    """Return True where the two cannot be told apart: their intervals overlap, or without any, within 1 %."""
    less, more = sorted((one, other), key=lambda measured: measured.mean)
    if _spread(one) or _spread(other):
        return more.low < less.high
    return more.mean <= FULL_SPEED * less.mean


def _spread(measured: Measured) -> bool:
    return measured.low < measured.high


def beats(fast: Measured, refused: Measured, other_fast: Measured, other_refused: Measured) -> bool:
    """Return True where the first is better in one of speed (more is better) and refusals, and in neither worse.

    What cannot be told apart is neither better nor worse.
    """
    faster = 0 if tied(fast, other_fast) else 1 if fast.mean > other_fast.mean else -1
    fewer = 0 if tied(refused, other_refused) else 1 if refused.mean < other_refused.mean else -1
    return faster + fewer > 0 and min(faster, fewer) >= 0


def choose(candidates: Sequence[Candidate]) -> int | None:
    """Return which to take: of those within 1 % of the fastest the least refused, then the fewest workers, then the
    fastest. None where there is none.
    """
    if not candidates:
        return None
    shortest_s = min(candidate.duration_s.mean for candidate in candidates)
    fast = [at for at, one in enumerate(candidates) if one.duration_s.mean <= FULL_SPEED * shortest_s]
    return min(fast, key=lambda at: _price(candidates[at]))


def _price(candidate: Candidate) -> tuple[float, float, float]:
    refused = candidate.refused_per_1000
    return round(refused, 1) if math.isfinite(refused) else math.inf, candidate.workers, candidate.duration_s.mean
