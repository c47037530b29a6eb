"""Fold what the pages of a list say, page by page: the facts from which its end is judged. No IO, no clock.

`Listing` belongs to one reading of the list; reading it again begins a new one. Pages have a position: numbered ones
their number, linked ones the order in which they were read. Pages of a declared extent are read concurrently, so what
compares pages goes by position and never by arrival. The judgement is `harness.core.listing`.

The last part tells a page without records that ends a list from one that is an error, by what it says of itself:
`harness.source.remarks` makes a line of each field that speaks of the outcome and is not plain success. Such a page
ends a list only if it says nothing that pages with records did not say too. Before any page had records there is
nothing to compare with; then only what tells of an error wherever it stands, marked `!`, is one.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass

from harness.record.events import ItemId, ListEnded, PageListed, PageRef, canonical_id

# Records that move while a list is read can fill a page with known ones, or two; not five in a row.
MOST_REPEATS = 5
# Filters that are applied after a page was cut leave empty pages with a way on, and sometimes many of them.
MOST_EMPTY = 1000
# Kinds of paging whose next page follows from what was read: that a page does not name one says nothing.
COUNTED = ("page", "offset", "keyset")
# The flag that accepts a list whose end is not proven, and what is said where nothing else helps.
ACCEPT = "--accept-list"
NO_HELP = f"resume would read the same, and {ACCEPT} accepts what there is"
# The same of a list that says itself that it goes on: who accepts it goes without the rest.
LEAVES_REST = f"resume would read the same, and {ACCEPT} takes what was read as all there is"
# How the evidence says that a page was asked for twice (`harness.core.twice`).
TWICE = ", asked twice"
# How many records pages usually hold. A list of so many may be one page of a longer one.
_PAGE_SIZES = {10, 12, 15, 16, 20, 24, 25, 30, 32, 40, 48, 50, 60, 64, 75, 80, 96, 100, 120, 128, 150, 200, 250, 256}


@dataclass(slots=True)
class Listing:
    """One reading of a list.

    read: pages. met: distinct ids. fruitful: pages that named an id for the first time, of which numbered are those
    with a number above 1. repeating: pages in a row that only repeated ids. barren: empty pages in a row.
    counted: the declared number of pages. denied: a declared total that the pages contradict.
    furthest: the position of the last page, which said way and more; unsaid: it was recorded by a revision that did
    not record what a page says of the next. way_on: the field that has led on from some page.
    """

    read: int = 0
    met: int = 0
    fruitful: int = 0
    numbered: int = 0
    repeating: int = 0
    barren: int = 0
    stale: int = 0  # guessed pages in a row of which more than half of the records repeat
    counted: int | None = None
    total_said: int | None = None
    most_said: int = 0  # the largest of them
    said_by: str = ""  # the fields that say the total or the number of pages, where they are not the usual ones
    counts_itself: bool | None = None  # each total so far was the number of records on its own page
    denied: int | None = None
    moved: bool = False  # totals differ, or a record was named by two pages: records come and go while they are read
    first: str = ""  # the ids of the first page, and of the second, each as a digest
    second: str = ""
    first_links_by_number: bool | None = None  # does the first page's link hold the number of the second?
    furthest: int = 0
    furthest_number: int = 0
    way: str | None = None
    more: bool | None = None
    unsaid: bool = False
    way_on: str = ""
    looped: str = ""  # the field that named a page which had been read
    idle: bool = False  # that was the page itself, and it is empty
    last_at: int = 0  # the last page with records: position, size, and the smallest page before it
    last_size: int = 0
    least_size: int | None = None
    unread: str = ""  # fields of that page that look like a way on and that nothing follows
    unread_behind: str = ""  # the same of an empty page behind it, or without it, that was not only guessed
    newest_at: int = 0  # the last position that named an id for the first time
    past_at: int = 0  # the last numbered page behind that one, and what it was
    past: str = ""
    past_empty: bool = False
    zero: str = ""  # what page 0 was
    zero_new: bool = False
    remarks: str | None = None  # those of the pages with records (`harness.record.discovery`); None before the first
    paging: str = ""  # the kind that is declared; "" where pages are numbered or led on as they themselves say
    guess: PageRef | None = None  # the page that may follow, though nothing says so for certain
    ended: str = ""  # the reason why the list had ended, and the evidence
    evidence: str = ""

    def position(self, page: PageRef) -> int:
        """Return the position of the page that is about to be folded."""
        return self.read + 1 if page.number is None else page.number

    def loose(self) -> str:
        """Return the fields that look like a way on from the last page with records, or from an empty one behind it."""
        return self.unread or self.unread_behind

    def shorter(self) -> bool:
        """Return True if the last page with records is shorter than every page before it."""
        return self.least_size is not None and self.last_size < self.least_size


def page_listed(listing: Listing, event: PageListed, new: int, total: int | None) -> int | None:
    """Fold a page; answer the total that can be believed from here on. new: ids that no page had named before it.

    total: what was believed until now.
    """
    position = listing.position(event.page)
    listing.read += 1
    listing.met += new
    listing.fruitful += new > 0
    if event.ids and event.remarks is not None:
        listing.remarks = together(listing.remarks, event.remarks)
    if position < 1:
        listing.zero, listing.zero_new = _what(event), new > 0
    else:
        _rows(listing, event, new)
        _stale(listing, event, new)
        _sizes(listing, event, position)
        _novelty(listing, event, position, new)
        _way(listing, event, position)
    if event.last_page is not None and event.new is not None:
        listing.counted = max(event.last_page, listing.counted or 0)
    return _total(listing, event, total)


def is_page_size(records: int) -> bool:
    """Return whether pages usually hold so many records."""
    return records in _PAGE_SIZES or (records > 256 and (records % 100 == 0 or records % 256 == 0))


def told_next(event: PageListed) -> PageRef | None:
    """Return the next page as the page names it; revisions before schema 3 recorded a guessed number there too."""
    if event.guessed:
        return None
    if event.new is None and event.next_page is not None and event.next_page.number is not None:
        return None
    return event.next_page


def list_ended(listing: Listing, event: ListEnded) -> None:
    listing.ended, listing.evidence = event.reason, event.evidence


def _rows(listing: Listing, event: PageListed, new: int) -> None:
    """Count the pages in a row that brought nothing new; an empty one between two that repeat is no news either.

    Once they are too many, nothing that was still on its way changes that.
    """
    if listing.barren < MOST_EMPTY:
        listing.barren = 0 if event.ids else listing.barren + 1
    if listing.repeating < MOST_REPEATS:
        listing.repeating = 0 if new else listing.repeating + bool(event.ids)
    listing.moved = listing.moved or 0 < new < len(set(event.ids))


def _stale(listing: Listing, event: PageListed, new: int) -> None:
    """A feed of the newest records that ignores `page` brings a new one or two with each request, for ever.

    At the borders of pages a few records repeat while the list grows: never most of them, page after page. Pages that
    the list named end by themselves.
    """
    told = (_is_told(listing, event) or bool(listing.way_on)) and event.page != listing.guess
    if listing.stale < MOST_REPEATS:
        mostly = not told and 2 * new < len(set(event.ids))
        listing.stale = listing.stale + 1 if mostly else 0


def _is_told(listing: Listing, event: PageListed) -> bool:
    """Return True if the list named that page: by a link, or by the number of pages that it declares."""
    number = event.page.number
    return event.page != listing.guess if number is None else number <= (listing.counted or 1)


def _sizes(listing: Listing, event: PageListed, position: int) -> None:
    size = len(event.ids)
    if position == 1:
        listing.first = _digest(event.ids)
        if event.next_page is not None:
            listing.first_links_by_number = event.way != "has_more" and holds_number(str(event.next_page.value), 2)
    elif position == 2:
        listing.second = _digest(event.ids)
    if not size:
        if _is_told(listing, event) and position > listing.last_at:
            listing.unread_behind = listing.unread_behind or event.unread or ""
        return
    behind = position < listing.last_at
    other = size if behind else listing.last_size
    if other:
        listing.least_size = other if listing.least_size is None else min(other, listing.least_size)
    if not behind:
        listing.last_at, listing.last_size, listing.unread = position, size, event.unread or ""
        listing.unread_behind = ""


def _novelty(listing: Listing, event: PageListed, position: int, new: int) -> None:
    number = 2 if event.page == listing.guess else event.page.number or 0  # was it only guessed?
    if new:
        listing.newest_at = max(listing.newest_at, position)
        listing.numbered += number > 1
        if position > listing.past_at:
            listing.past_at, listing.past, listing.past_empty = 0, "", False
    elif number > 1 and position > max(listing.newest_at, listing.past_at):
        before = f"{listing.past}, and " if listing.past.endswith(TWICE) else ""
        listing.past_at, listing.past, listing.past_empty = position, before + _what(event), not event.ids


def _way(listing: Listing, event: PageListed, position: int) -> None:
    listing.furthest_number = max(listing.furthest_number, event.page.number or 0)
    listing.paging = event.paging or listing.paging
    if told_next(event) is not None and event.paging not in COUNTED:
        listing.way_on = event.way or "next"
    if position < listing.furthest:
        return
    listing.furthest, listing.way, listing.more = position, event.way, event.more
    listing.unsaid = event.new is None
    listing.guess = event.next_page if event.guessed else None


def _total(listing: Listing, event: PageListed, total: int | None) -> int | None:
    """A total below what was named is none. Nor, quietly, is one that is the size of its own page, page for page."""
    said, size = event.total, len(event.ids)
    if event.page.number == 0 and not listing.zero_new:
        return total  # where pages are counted from 1, what page 0 declares is no word of the list's
    listing.said_by = event.said_by or listing.said_by
    if said is not None:
        listing.counts_itself = listing.counts_itself is not False and said == size
        differs = listing.total_said not in (None, said)
        listing.moved = listing.moved or (differs and not listing.counts_itself)
        listing.total_said = total = said
        listing.most_said = max(listing.most_said, said)
    if total is None or listing.met <= total:
        return total
    if not listing.counts_itself:
        listing.denied = max(total, listing.denied or 0)
    return None


_NAMES = {"offset": "the page at offset ", "keyset": "the page after "}


def _what(event: PageListed) -> str:
    """Describe, for people, what came of a page that named nothing new."""
    name = f"{_NAMES.get(event.page.kind, 'page ')}{event.page}"
    if event.past:
        return f"{name} {event.past}"
    return f"{name} repeats others" if event.ids else f"{name} is empty"


def _digest(ids: Iterable[ItemId]) -> str:
    """Return a short name for a set of ids; nothing for none."""
    text = "\n".join(sorted({str(item) for item in ids}))
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest() if text else ""


def holds_number(link: str, number: int) -> bool:
    """Return True if a link counts pages: a part of its path or query is that number."""
    if canonical_id(link) == number:
        return True
    for mark in "?&=/;#":
        link = link.replace(mark, " ")
    return str(number) in link.split(" ")


_MOST_KNOWN = 40
_DIGITS = re.compile("[0-9]+")


def error_in(remarks: str, known: str | None) -> str | None:
    """Return the remarks of a page without records that tell of an error, for people; None where none does.

    known: the remarks of the pages with records, as `together` keeps them; None before there was one.
    """
    lines = remarks.split("\n") if remarks else []
    if known is None:
        new = [line for line in lines if line.startswith("!")]
    else:
        familiar = set(known.split("\n"))
        new = [line for line in lines if _alike(line) not in familiar]
    return shown("\n".join(new)) or None


def shown(remarks: str) -> str:
    """Remarks as a sentence names them."""
    return ", ".join(line.removeprefix("!") for line in remarks.split("\n"))


def together(known: str | None, remarks: str) -> str:
    """Return the remarks of one more page with records beside those that are known."""
    lines = [line for line in (known or "").split("\n") if line]
    lines += [_alike(line) for line in remarks.split("\n") if line]
    return "\n".join(list(dict.fromkeys(lines))[:_MOST_KNOWN])


def _alike(line: str) -> str:
    """A remark without what differs from page to page: the numbers in a sentence, not a code."""
    name, _, value = line.removeprefix("!").partition("=")
    return f"{name}={value if value.lstrip('-').isdecimal() else _DIGITS.sub('#', value)}"
