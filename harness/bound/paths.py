"""What an import has to ask for, and the longest chain of "not before" links from its first request to its last.

`Work` says how many requests there are, and `earliest_arrivals` how early the list allows them: an item is
known once its page is read. A link of size m that takes s seconds says: the request m after this one arrives at least
s later. A limit's links have one size and one length; some limits let a number of requests pass first. The package's
docstring derives them. The longest chain is found in closed form: no step per request.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal, NamedTuple
from zoneinfo import ZoneInfo

from harness.pacing.tiers import Tier, Tiers, held_to, names_routes, of_route, unnamed

Paging = Literal["numbered", "cursor"]

# Moments of a long cursor list that are looked at, half from each end. Leaving some out lowers the bound, if at all.
_MOST_MOMENTS = 32


@dataclass(frozen=True, slots=True)
class Work:
    """The requests an import cannot do without: every page of the list, then each item the pages name.

    pages: list requests, at least 1 (a list of nothing is still asked for). items: items named in all.
    paging: `numbered` pages may be asked for together once the first is answered; a `cursor` is in the page before.
    detail: each item is fetched as well. per_page: the most items a page named; None: the most that so many pages can
    hold when only the last is not full (so the last page names at least one; where it was empty, say per_page).
    list_cost, item_cost: what a request costs, in units of the limits. batch: the most items that one request brings.
    parts: a cursor list is read in so many, side by side; chain: the pages of the longest of them, None where that is
    not known: then they are alike.
    Raises ValueError for impossible figures.
    """

    pages: int
    items: int
    paging: Paging = "numbered"
    detail: bool = True
    per_page: int | None = None
    list_cost: int = 1
    item_cost: int = 1
    batch: int = 1
    parts: int = 1
    chain: int | None = None

    def __post_init__(self) -> None:
        if min(self.pages, self.list_cost, self.item_cost, self.batch, self.parts) < 1 or self.items < 0:
            raise ValueError(f"{self} cannot be: pages, costs, batches and parts are at least 1, items at least 0")
        if self.chain is not None and not self.pages <= self.chain * self.parts <= self.pages * self.parts:
            raise ValueError(f"{self} cannot be: the longest of {self.parts} parts has not {self.chain} pages")
        if self.per_page is not None and not 1 <= self.per_page * self.pages >= self.items:
            raise ValueError(f"{self} cannot be: {self.pages} pages of {self.per_page} do not hold {self.items} items")

    @property
    def details(self) -> int:
        """Item requests."""
        return -(-self.items // self.batch) if self.detail else 0

    @property
    def requests(self) -> int:
        """List and item requests together."""
        return self.pages + self.details

    @property
    def cost(self) -> int:
        """What all requests cost together, in units of the limits."""
        return self.pages * self.list_cost + self.details * self.item_cost

    @property
    def longest(self) -> int:
        """The pages of a cursor list that can only be asked for one after the other."""
        return -(-self.pages // self.parts) if self.chain is None else self.chain

    @property
    def page_size(self) -> int:
        """The most items one page can have named."""
        if self.per_page is not None:
            return self.per_page
        if self.pages == 1 or self.items < self.pages:  # fewer items than pages: the first may name them all
            return self.items
        return max(-(-self.items // self.pages), (self.items - 1) // (self.pages - 1))


def earliest_arrivals(work: Work, rtt_s: float) -> list[tuple[float, int]]:
    """Pairs (t_s, cost): without any limit, no more than `cost` can have arrived *before* t_s, in units of cost.

    In order of time, beginning with (0, 0); t_s counts from the first arrival, the round trips of the chain apart.
    """
    trips = 3 if work.paging == "numbered" else work.longest + 1
    found = [(trip * rtt_s, _arrived_before(work, trip)) for trip in _ends(range(trips))]
    return [(t_s, before) for t_s, before in found if before < work.cost]


def _arrived_before(work: Work, trip: int) -> int:
    """Cost that can arrive in the first `trip` round trips: by then the list has named the items of trip - 1."""
    if work.paging == "numbered":
        asked = (0, 1, work.pages)[trip]
        answered = (0, 0, 1)[trip]
    else:
        asked, answered = _read_in_parts(work, trip), _read_in_parts(work, max(0, trip - 1))
    named = min(work.details, -(-answered * work.page_size // work.batch))
    return asked * work.list_cost + named * work.item_cost


def _read_in_parts(work: Work, trips: int) -> int:
    """Pages of a cursor list that `trips` round trips can bring: one of each part in each, the longest to its end."""
    return min(work.parts * trips, work.pages - max(0, work.longest - trips))


def _ends(trips: range) -> list[int]:
    if len(trips) <= _MOST_MOMENTS:
        return list(trips)
    half = _MOST_MOMENTS // 2
    return [*trips[:half], *trips[-half:]]


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

    Workers are counted in requests and limits in cost: where those differ, each is bounded alone. Limits of one route
    count its requests alone: `_routed_s`.
    """
    if names_routes(tiers):
        return _routed_s(work, tiers, rtt_s, epoch_s, workers)
    slots = _slots(tiers, rtt_s, workers)
    if work.cost == work.requests:
        return longest_s(work.cost, earliest_arrivals(work, rtt_s), tiers, epoch_s, slots)
    free = replace(work, list_cost=1, item_cost=1)
    by_workers = longest_s(free.requests, earliest_arrivals(free, rtt_s), (), None, slots)
    return max(by_workers, longest_s(work.cost, earliest_arrivals(work, rtt_s), tiers, epoch_s))


def _slots(tiers: Tiers, rtt_s: float, workers: int | None) -> tuple[Link, ...]:
    """Return the link of requests at once; none where nobody is in flight for long."""
    at_once = [tier.limit for tier in tiers if tier.kind == "concurrency"] + ([] if workers is None else [workers])
    return (Link(min(at_once), rtt_s),) if at_once and rtt_s > 0 else ()


def _routed_s(work: Work, tiers: Tiers, rtt_s: float, epoch_s: float | None, workers: int | None) -> float:
    """No schedule has its last arrival earlier than this where limits are of routes.

    Proof sketch. Whatever schedule keeps all limits also keeps, with its pages alone, those of the list and of every
    route; with its items alone, those of items and of every route; and with all requests those of every route. So its
    last arrival is not before the longest chain of any of the three (a part of a schedule that keeps a limit keeps it,
    and its workers and places are no more). The chains of pages come first, for they say how early the others can be:
    p(k), the least time of the k-th page, is that of a list of k pages. Items that fewer than k pages name number at
    most (k-1) x page size, so that no more of them arrive before the answer of the k-th page, p(k) + rtt_s; and no more
    than k-1 pages and those items arrive before p(k). The first item arrives no earlier than the first answer, and
    opens the windows that are anchored to it: a chain from there is a chain from that moment on.
    """
    common, size = of_route(tiers, "*"), work.page_size
    of_list, of_items = unnamed(held_to(tiers, "list")), unnamed(held_to(tiers, "item"))

    def page_s(number: int) -> float:
        listed = replace(work, pages=number, items=min(work.items, number * size), detail=False, per_page=size or None)
        return last_arrival_s(listed, of_list, rtt_s, epoch_s, workers)

    moments = [(page_s(number), number) for number in _ends(range(1, work.pages + 1))]
    pages_s = moments[-1][0]
    before = [
        (at_s, (k - 1) * work.list_cost + min(work.details, (k - 1) * size) * work.item_cost) for at_s, k in moments
    ]
    starts = sorted({*earliest_arrivals(work, rtt_s), *((at_s, n) for at_s, n in before if n < work.cost)})
    at_once = _slots(common, rtt_s, workers) if work.cost == work.requests else ()
    longest = max(pages_s, longest_s(work.cost, starts, common, epoch_s, at_once))
    free = replace(work, list_cost=1, item_cost=1)
    longest = max(longest, last_arrival_s(free, common_places(common), rtt_s, epoch_s, workers))
    if not work.details:
        return longest
    cost = work.details * work.item_cost
    named = [(at_s + rtt_s, (k - 1) * size * work.item_cost) for at_s, k in moments]
    slots = _slots(of_items, rtt_s, workers) if work.item_cost == 1 else ()
    first_epoch_s = None if epoch_s is None else epoch_s + rtt_s
    # Windows that all requests share were opened by the first page.
    by_items = unnamed(of_route(tiers, "item")) + tuple(tier for tier in common if tier.kind != "anchored")
    from_first_s = rtt_s + longest_s(cost, [(0.0, 0)], by_items, first_epoch_s, slots)
    later = [(at_s, n) for at_s, n in named if n < cost]
    return max(longest, from_first_s, longest_s(cost, later, of_items, epoch_s, slots))


def common_places(tiers: Tiers) -> Tiers:
    """Return the limits of requests at once."""
    return tuple(tier for tier in tiers if tier.kind == "concurrency")


def longest_s(
    total: int, starts: list[tuple[float, int]], tiers: Tiers, epoch_s: float | None, slots: tuple[Link, ...] = ()
) -> float:
    """The longest chain of links from any of `starts` (as `earliest_arrivals` gives them) to the last of `total` units.

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
