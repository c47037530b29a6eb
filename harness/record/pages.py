"""Pages of a list as few numbers: a list may declare ten million of them, and none is held before it is needed."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Iterable, Iterator
from typing import Any

from harness.record.events import Key, PageRef

# What is still to be fetched: an item, a page, or the pages with the numbers of a range (never an empty one).
Turn = Key | range
PageTurn = PageRef | range


class PageSet:
    """The pages that were read: numbers as the intervals that they fill, links and cursors one by one.

    Numbered pages are read nearly in order, so they fill one interval and a few odd ones, however many they are. Those
    of another part of the list than `part` are kept one by one.
    """

    __slots__ = ("_ends", "_links", "_numbers", "_part", "_starts")

    def __init__(self, pages: Iterable[PageRef] = (), part: int = 0) -> None:
        self._part = part
        self._starts: list[int] = []  # of intervals that neither overlap nor touch, in order
        self._ends: list[int] = []  # the first number that is not in the interval any more
        self._numbers = 0
        self._links: set[PageRef] = set()
        for page in pages:
            self.add(page)

    def add(self, page: PageRef) -> None:
        """Note that `page` was read; a page that is known changes nothing."""
        number = page.number
        if number is None or page.part != self._part:
            self._links.add(page)
        elif page not in self:
            self._numbers += 1
            self._fill(number)

    def _fill(self, number: int) -> None:
        """Add a number that is in no interval: it makes one longer, joins two, or is one by itself."""
        at = bisect_right(self._starts, number)
        after_one = at > 0 and self._ends[at - 1] == number
        before_one = at < len(self._starts) and self._starts[at] == number + 1
        if after_one and before_one:
            self._ends[at - 1] = self._ends.pop(at)
            del self._starts[at]
        elif after_one:
            self._ends[at - 1] = number + 1
        elif before_one:
            self._starts[at] = number
        else:
            self._starts.insert(at, number)
            self._ends.insert(at, number + 1)

    def clear(self) -> None:
        self.__init__(part=self._part)  # type: ignore[misc]

    def missing(self, last: int) -> list[PageTurn]:
        """Return the numbers from 1 to `last` that were not read, in order."""
        found: list[PageTurn] = []
        at = 1
        for start, end in zip(self._starts, self._ends, strict=True):
            found += _nonempty(range(at, min(start, last + 1)))
            at = max(at, end)
        return found + _nonempty(range(at, last + 1))

    def __contains__(self, page: PageRef) -> bool:
        number = page.number
        if number is None or page.part != self._part:
            return page in self._links
        at = bisect_right(self._starts, number)
        return at > 0 and number < self._ends[at - 1]

    def __len__(self) -> int:
        return self._numbers + len(self._links)

    def __iter__(self) -> Iterator[PageRef]:
        """Yield the numbers in order, then links and cursors in order."""
        for start, end in zip(self._starts, self._ends, strict=True):
            yield from (PageRef("number", number, self._part) for number in range(start, end))
        yield from sorted(self._links)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, PageSet):
            return NotImplemented
        return (self._starts, self._ends, self._links) == (other._starts, other._ends, other._links)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"PageSet({self.as_json()})"

    def as_json(self) -> list[list[int | str]]:
        """Pairs (first, last) of the intervals, then links as (kind, value), with their part if it is a later one: what
        a snapshot keeps.
        """
        pairs: list[list[int | str]] = [[start, end - 1] for start, end in zip(self._starts, self._ends, strict=True)]
        return [*pairs, *(list(page if page.part else page[:2]) for page in sorted(self._links))]

    @classmethod
    def from_json(cls, kept: Iterable[list[Any]], part: int = 0) -> PageSet:
        """Read back what `as_json` wrote."""
        pages = cls(part=part)
        for one in kept:
            if isinstance(one[0], str):
                pages._links.add(PageRef(*one))
            else:
                first, last = one
                pages._starts.append(first)
                pages._ends.append(last + 1)
                pages._numbers += last + 1 - first
        return pages


def without(turns: Iterable[PageTurn], pages: Collection[PageRef]) -> Iterator[PageTurn]:
    """`turns` less some `pages`: those that wait for a retry, say."""
    numbers = sorted(page.number for page in pages if page.number is not None and not page.part)
    for turn in turns:
        if not isinstance(turn, range):
            if turn not in pages:
                yield turn
            continue
        at = turn.start
        for number in (number for number in numbers if number in turn):
            yield from _nonempty(range(at, number))
            at = number + 1
        yield from _nonempty(range(at, turn.stop))


def _nonempty(turn: range) -> list[PageTurn]:
    return [turn] if turn else []
