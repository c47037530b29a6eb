"""What is known of one reading of a list, and of the parts of a list that is split (`--split`). No IO, no clock.

Each part is a reading of its own: it has its own pages, its own chain of cursors and its own proven end, so that what
`harness.core.listing` judges is one part. The list has ended when every part has, and its evidence is as strong as the
weakest of theirs.

**Parts overlap.** One reaches a little into the next, so that no record on the border is lost, whichever way an API
counts its borders. Such a record is named by two parts and is one item. To each part it is new: else a page of records
that another part had named already would look like one that repeats what was read. So it is kept which part named an
item first, and the few that others named as well.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from harness.record.discovery import Listing
from harness.record.pages import PageSet
from harness.record.refs import ItemId, PageRef

# The reasons for which a list has ended, as `harness.core.listing` names them, the strongest first.
STRONGEST_FIRST = ("total", "has_more", "link", "pages", "empty", "past end", "single", "max items", "accepted")


@dataclass(slots=True)
class Reading:
    """One reading of a list, or of a part of it.

    total: items as it declares them (None: it does not say, or its pages contradict it). last_page: the last page that
    is known to exist. next_page: the next one, as the last page names it.
    """

    pages: PageSet = field(default_factory=PageSet)
    total: int | None = None
    last_page: int | None = None
    next_page: PageRef | None = None
    listing: Listing = field(default_factory=Listing)


@dataclass(slots=True)
class Part(Reading):
    """One part of a list that is split. range: of its records, for people."""

    range: str = ""

    @classmethod
    def several(cls, ranges: Iterable[str]) -> list[Part]:
        """Return the parts of these ranges, of which nothing is known."""
        return [cls(PageSet(part=number), range=name) for number, name in enumerate(ranges)]


@dataclass(slots=True)
class Named:
    """Which part named each item first, and which others did. Empty where the list is read as one."""

    first: dict[ItemId, int] = field(default_factory=dict)
    again: set[tuple[int, ItemId]] = field(default_factory=set)

    def new(self, part: int, ids: Sequence[ItemId]) -> int:
        """Count the distinct ids that `part` has not named yet."""
        return sum(not self._has(part, item) for item in set(ids))

    def _has(self, part: int, item: ItemId) -> bool:
        return self.first.get(item) == part or (part, item) in self.again

    def add(self, part: int, ids: Sequence[ItemId]) -> None:
        """Note that `part` named these."""
        for item in ids:
            if self.first.setdefault(item, part) != part:
                self.again.add((part, item))

    def column(self, ids: Sequence[ItemId]) -> array[int]:
        """Return the parts that named `ids` first, -1 where none did: what a snapshot keeps."""
        return array("i", (self.first.get(item, -1) for item in ids))

    @classmethod
    def from_column(cls, ids: Sequence[ItemId], parts: Sequence[int]) -> Named:
        """Read back what `column` wrote."""
        named = cls()
        named.first = {item: part for item, part in zip(ids, parts, strict=True) if part >= 0}
        return named


def repeated(parts: Sequence[Part]) -> tuple[int, int] | None:
    """Return two parts, as numbers from 0, that begin with the same records: a server that ignores the ranges does so.

    Neighbours overlap, so that both may hold nothing but one record on their border. Of two parts it is not believed.
    """
    begins: dict[str, int] = {}
    for number, part in enumerate(parts):
        begin = part.listing.first
        before = begins.setdefault(begin, number) if begin else number
        if number - before > 1 or (number > before and len(parts) == 2):
            return before, number
    return None


def ended_together(parts: Sequence[Part]) -> tuple[str, str]:
    """Return why a list has ended whose parts all have, and the evidence: that of the weakest end."""
    weakest = max(parts, key=lambda part: STRONGEST_FIRST.index(part.listing.ended))
    number = parts.index(weakest) + 1
    told = f"each of {len(parts)} parts was read to its end; the weakest evidence is that of part {number}"
    return weakest.listing.ended, f"{told}, {weakest.range}: {weakest.listing.evidence}"
