"""Tell which answers to a page of a list are asked for once more, because its end would rest on them alone.

A gateway without a backend answers 404, a proxy 204, a busy server `{}` or `[]`: once, in the middle of a list. Where
pages are guessed by number, each of them looks just like the page past the end. A short page before it shows that the
list was over anyway; a full one does not. So an answer that brings nothing and says nothing of where the list ends is
asked for once more, at once:

    guessed   behind a page that is full (as long as the shortest before it; the first page: of a usual page size),
              unless a total was reached. If it is empty again, numbered pages are tried one number further, because
              some lists have a hole.
    told      always: whoever names a page and then answers it with nothing contradicts itself.

It costs no attempt and no delay, and nothing at all where the last page is short or the list says how much there is.
What fails twice alike is believed. A gateway that is down for longer is not found out so.
"""

from __future__ import annotations

from harness.core.answers import PageRead
from harness.core.listing import is_own_size, is_reached
from harness.record.discovery import Listing, is_page_size
from harness.record.refs import PageRef
from harness.record.split import Reading

WHY = "it ended the list behind a full page, or though the list named it: asked for once more"


def is_doubtful(reading: Reading, page: PageRef, read: PageRead) -> bool:
    """Return whether the end of the list would rest on what came of `page`, which `reading` has not taken in."""
    listing, number = reading.listing, page.number
    if read.ids or not listing.met or number in (0, 1):
        return False
    if read.more is not None or read.way is not None or read.next_page is not None or read.paging == "single":
        return False  # it says itself whether the list goes on
    if number is not None and number <= (reading.last_page or 0):
        return False  # a hole in what the list declares is no end
    if is_reached(reading) and not is_own_size(listing):
        return False
    told = page == reading.next_page or (number is None and page != listing.guess)
    return told or (not listing.barren and _is_full(listing))


def _is_full(listing: Listing) -> bool:
    """Return whether the last page with records may be one of many."""
    return is_page_size(listing.last_size) if listing.least_size is None else not listing.shorter()
