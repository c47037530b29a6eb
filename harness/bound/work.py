"""What an import has to ask for, and how early its list allows each request."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

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
    list_cost, item_cost: what a request costs, in units of the limits. Raises ValueError for impossible figures.
    """

    pages: int
    items: int
    paging: Paging = "numbered"
    detail: bool = True
    per_page: int | None = None
    list_cost: int = 1
    item_cost: int = 1

    def __post_init__(self) -> None:
        if self.pages < 1 or self.items < 0 or self.list_cost < 1 or self.item_cost < 1:
            raise ValueError(f"{self} cannot be: pages and costs are at least 1, items at least 0")
        if self.per_page is not None and not 1 <= self.per_page * self.pages >= self.items:
            raise ValueError(f"{self} cannot be: {self.pages} pages of {self.per_page} do not hold {self.items} items")

    @property
    def details(self) -> int:
        """Item requests."""
        return self.items if self.detail else 0

    @property
    def requests(self) -> int:
        """List and item requests together."""
        return self.pages + self.details

    @property
    def cost(self) -> int:
        """What all requests cost together, in units of the limits."""
        return self.pages * self.list_cost + self.details * self.item_cost

    @property
    def page_size(self) -> int:
        """The most items one page can have named."""
        if self.per_page is not None:
            return self.per_page
        if self.pages == 1 or self.items < self.pages:  # fewer items than pages: the first may name them all
            return self.items
        return max(-(-self.items // self.pages), (self.items - 1) // (self.pages - 1))


def moments(work: Work, rtt_s: float) -> list[tuple[float, int]]:
    """Pairs (t_s, cost): without any limit, no more than `cost` can have arrived *before* t_s, in units of cost.

    In order of time, beginning with (0, 0); t_s counts from the first arrival, the round trips of the chain apart.
    """
    trips = 3 if work.paging == "numbered" else work.pages + 1
    found = [(trip * rtt_s, _arrived_before(work, trip)) for trip in _ends(range(trips))]
    return [(t_s, before) for t_s, before in found if before < work.cost]


def _arrived_before(work: Work, trip: int) -> int:
    """Cost that can arrive in the first `trip` round trips: by then the list has named the items of trip - 1."""
    if work.paging == "numbered":
        asked = (0, 1, work.pages)[trip]
        answered = (0, 0, 1)[trip]
    else:
        asked, answered = trip, max(0, trip - 1)
    named = min(work.details, answered * work.page_size)
    return asked * work.list_cost + named * work.item_cost


def _ends(trips: range) -> list[int]:
    if len(trips) <= _MOST_MOMENTS:
        return list(trips)
    half = _MOST_MOMENTS // 2
    return [*trips[:half], *trips[-half:]]
