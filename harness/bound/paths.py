"""The longest chain of "not before" links through the limits, in closed form: no step per request.

A link of size m that takes s seconds says: the request m after this one arrives at least s later. A limit's links
have one size and one length; some limits let a number of requests pass first. The package's docstring derives them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from harness.bound.work import Work, moments
from harness.pacing.tiers import Tier, Tiers

# How often to look whether the clocks of a zone have changed, and how often at most (two years and more).
_LOOK_S = 14 * 86400.0
_MOST_LOOKS = 60


class Link(NamedTuple):
    """`size` requests on, at least `seconds` later; may be repeated."""

    size: int
    seconds: float


class Chain(NamedTuple):
    """Links that can only be entered through another: `entry.size` requests and `entry.seconds`, once."""

    entry: Link
    link: Link


def last_arrival_s(work: Work, tiers: Tiers, rtt_s: float, epoch_s: float | None, workers: int | None = None) -> float:
    """No schedule has its last arrival earlier than this, in seconds after its first. workers None: any number.

    Workers are counted in requests and limits in cost: where those differ, each is bounded alone.
    """
    at_once = [tier.limit for tier in tiers if tier.kind == "concurrency"] + ([] if workers is None else [workers])
    slots = (Link(min(at_once), rtt_s),) if at_once and rtt_s > 0 else ()
    if work.cost == work.requests:
        return longest_s(work.cost, moments(work, rtt_s), tiers, epoch_s, slots)
    free = Work(work.pages, work.items, work.paging, work.detail, work.per_page)
    by_workers = longest_s(free.requests, moments(free, rtt_s), (), None, slots)
    return max(by_workers, longest_s(work.cost, moments(work, rtt_s), tiers, epoch_s))


def longest_s(
    total: int, starts: list[tuple[float, int]], tiers: Tiers, epoch_s: float | None, slots: tuple[Link, ...] = ()
) -> float:
    """The longest chain of links from any of `starts` (as `moments` gives them) to the last of `total` units.

    Logs and `slots` may follow each other in any order. Of the other kinds a chain uses one limit: two anchored ones
    cannot both count from the first request, and of two buckets one alone is never shorter.
    """
    logs = [Link(tier.limit, tier.period_s) for tier in tiers if tier.kind in ("any", "log")]
    free = tuple(sorted((*slots, *logs), key=_density, reverse=True))
    # A leaky bucket works on one request after the other: of those that queued, too, the last is answered last.
    longest = max([0.0, *((total - 1) * tier.period_s / tier.limit for tier in tiers if tier.kind == "leaky")])
    for t_s, before in starts:
        after = total - 1 - before
        longest = max(longest, t_s + fill_s(after, free))
        for entry, link in (chain for tier in tiers for chain in _chains(tier, after, t_s, epoch_s)):
            if after >= entry.size:
                links = tuple(sorted((*free, link), key=_density, reverse=True))
                longest = max(longest, t_s + entry.seconds + fill_s(after - entry.size, links))
    return longest


def fill_s(size: int, links: tuple[Link, ...]) -> float:
    """The most seconds of links, the densest first, that go into `size` requests (an unbounded knapsack)."""
    if not links:
        return 0.0
    first, rest = links[0], links[1:]
    if not rest:
        return size // first.size * first.seconds
    size -= size % math.gcd(*(link.size for link in links))  # what no combination can use
    longest, density = 0.0, _density(rest[0])
    for count in range(size // first.size, -1, -1):
        seconds, left = count * first.seconds, size - count * first.size
        if seconds + left * density <= longest * (1 + 1e-12):  # nor can fewer of the densest link do better
            break
        longest = max(longest, seconds + fill_s(left, rest))
    return longest


def _density(link: Link) -> float:
    return link.seconds / link.size


def _chains(tier: Tier, after: int, t_s: float, epoch_s: float | None) -> Iterator[Chain]:
    """The chains that begin with the arrival at t_s and may go on for `after` requests."""
    window = Link(tier.limit, tier.period_s)
    each = Link(1, tier.period_s / tier.limit)
    match tier.kind:
        case "bucket" | "gcra" | "leaky":
            yield Chain(Link(tier.depth - 1, 0.0), each)
        case "counter":
            yield Chain(Link(tier.limit - 1, 0.0), each)
            if tier.limit > 1:
                yield Chain(Link(tier.limit, 0.0), Link(1, tier.period_s / (tier.limit - 1)))
            else:
                yield Chain(window, Link(1, 2 * tier.period_s))
        case "anchored":
            yield Chain(Link(0 if t_s == 0 else tier.limit, 0.0), window)
        case "aligned" if epoch_s is not None:
            border_s = to_border_s(tier, epoch_s + t_s)
            forward_s = _clocks_forward_s(tier, epoch_s + t_s + border_s, after // tier.limit - 1)
            yield Chain(Link(tier.limit, border_s - forward_s), window)
        case "aligned":
            yield Chain(Link(tier.limit, 0.0), window)


def to_border_s(tier: Tier, epoch_s: float) -> float:
    """Seconds from a Unix time to the end of the aligned window it is in, by the clocks of its zone.

    The offset from UTC is that of the border: the clocks may change before it.
    """
    if tier.tz is None:
        return tier.period_s - epoch_s % tier.period_s
    local_s = epoch_s + _offset_s(tier.tz, epoch_s)
    left_s = tier.period_s - local_s % tier.period_s
    return max(0.0, left_s + _offset_s(tier.tz, epoch_s) - _offset_s(tier.tz, epoch_s + left_s))


def _clocks_forward_s(tier: Tier, border_s: float, windows: int) -> float:
    """By how much the `windows` borders after the one at Unix time border_s may come early: clocks go forward."""
    if tier.tz is None:
        return 0.0
    span_s = max(0, windows) * tier.period_s
    looks = min(_MOST_LOOKS, 1 + int(span_s // _LOOK_S))  # a change lasts for weeks
    offsets = [_offset_s(tier.tz, border_s + span_s * look / looks) for look in range(looks + 1)]
    return max(offsets) - offsets[0]


def _offset_s(zone: str, epoch_s: float) -> float:
    offset = datetime.fromtimestamp(epoch_s, ZoneInfo(zone)).utcoffset()
    return offset.total_seconds() if offset is not None else 0.0
