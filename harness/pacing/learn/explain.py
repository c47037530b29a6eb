"""Find the limit that explains a refusal: pure, over accepted requests alone. Pacing learns with it, and `infer` reads
runs.

A window that refuses at a and ends at E has counted L since it opened, and it opened W before E. In every way of
counting but buckets the oldest request that counts stands at its opening, so that E - W is an accepted request; and
most often one after a gap. Each such opener is a candidate, and what was accepted before must not contradict it.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

from harness.pacing.learn.prior import commonness, period_between, roundness
from harness.pacing.tiers import Kind

MOST_OPENERS = 16
MOST_WINDOWS = 10_000  # more are not looked through: a log in as many is just as safe


@dataclass(frozen=True, slots=True)
class Refusal:
    """A refusal of a limit that is known to have been over by `ended_by_s` and not before `closed_s` (absolute).

    accepted: how many requests had been accepted when it came, those on their way then included. told: the end was
    told by the server, to the second, rather than found by probing.
    """

    accepted: int
    closed_s: float
    ended_by_s: float
    told: bool


@dataclass(frozen=True, slots=True)
class Explanation:
    """A limit of `limit` in a period of (low_s, high_s], `period_s` being the plausible one in it.

    kinds: ways of counting under which nothing accepted before contradicts it; () where all do. opener: index of the
    request that opened the window.
    """

    limit: int
    low_s: float
    high_s: float
    period_s: float
    kinds: tuple[Kind, ...]
    opener: int


def explain(sent: Sequence[float], answered: Sequence[float], refusal: Refusal) -> list[Explanation]:
    """Return every limit that explains `refusal`, the most plausible first.

    sent, answered: of accepted requests, in order of their answers, in seconds on one clock.
    """
    found = []
    gaps = openers(sent, answered, refusal.accepted)
    for opener in gaps:
        low_s, high_s = refusal.closed_s - answered[opener], refusal.ended_by_s - sent[opener]
        if high_s <= 0.001:
            continue
        low_s = max(0.0, low_s)
        limit = refusal.accepted - opener
        period_s = (period_between(low_s, high_s) if refusal.told else None) or high_s
        kinds = _kinds(sent, answered, gaps, refusal, limit, period_s)
        found.append(Explanation(limit, low_s, high_s, period_s, kinds, opener))
    return sorted(found, key=_rank)


def _rank(found: Explanation) -> tuple[bool, bool, int, int]:
    # What nothing contradicts first, and what only a phase chosen to fit saves after that; then round counts and
    # periods; then the window that opened last, the shortest story.
    only_aligned = found.kinds == ("aligned",)
    prior = roundness(found.limit) + 2 * commonness(found.period_s)
    return (not found.kinds, only_aligned, -prior, -found.opener)


def openers(sent: Sequence[float], answered: Sequence[float], count: int) -> list[int]:
    """Return the first request, and those of the first `count` that came after the longest gaps; in order."""
    gaps = []
    latest_s = answered[0] if count else 0.0
    for at in range(1, count):
        gap_s = sent[at] - latest_s
        if gap_s > 0.02:
            gaps.append((gap_s, at))
        if answered[at] > latest_s:
            latest_s = answered[at]
    longest = sorted(gaps, reverse=True)[: MOST_OPENERS - 1]
    return ([0] if count else []) + sorted(at for _, at in longest)


def _kinds(
    sent: Sequence[float],
    answered: Sequence[float],
    gaps: Sequence[int],
    refusal: Refusal,
    limit: int,
    period_s: float,
) -> tuple[Kind, ...]:
    """Return the ways of counting that nothing contradicts, windows shortened by what arrival times are uncertain."""
    slowest_s = max((answered[at] - sent[at] for at in gaps), default=0.0)
    span_s = max(0.0, period_s - 2 * slowest_s - 0.002)
    past = answered[: refusal.accepted]
    found: list[Kind] = []
    if all(bisect_left(past, past[at] + span_s, at) - at <= limit for at in gaps):
        found.append("log")
    if _anchored(past, span_s, period_s, limit):
        found.append("anchored")
    if _aligned(past, period_s, slowest_s, limit, refusal.ended_by_s):
        found.append("aligned")
    return tuple(found)


def _anchored(past: Sequence[float], span_s: float, period_s: float, limit: int) -> bool:
    at = 0
    while at < len(past):
        if bisect_left(past, past[at] + span_s, at) - at > limit:
            return False
        at = max(at + 1, bisect_left(past, past[at] + period_s, at))
    return True


def _aligned(past: Sequence[float], period_s: float, slowest_s: float, limit: int, border_s: float) -> bool:
    """Return whether aligned windows, counted back from `border_s`, fit; what came near a border may belong to either
    side.
    """
    if past and (border_s - past[0]) / period_s > MOST_WINDOWS:
        return False
    end_s = border_s
    while past and end_s > past[0]:
        first = bisect_left(past, end_s - period_s + slowest_s)
        last = bisect_left(past, end_s - slowest_s)
        if last - first > limit:
            return False
        end_s -= period_s
    return True
