"""What the first pages of a list say, before an import: how they follow, where they end, why they could not.

Page 1 is read, the page after it as the list names it or as it is guessed, and page 0 where an import would ask for it.
They are folded into a state as an import folds them, so that the judge of real imports says what it thinks
(`harness.core.listing`).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from harness.core.answers import Failed, PageRead
from harness.core.list_reader import as_page, known_pages, listed, told_error
from harness.core.listing import Ask, Ended, Unclear, judge, stuck, wants_page_0
from harness.core.rules import Rules
from harness.record import events as e
from harness.record.fold import apply
from harness.record.state import State

# Asks for a page; answers it, or the failure, with the status of the answer.
AskPage = Callable[[e.PageRef], Awaitable[tuple[PageRead | Failed, int | None]]]


@dataclass(slots=True)
class Preview:
    """The word of the first pages. first: page 1, or why it cannot be read. failed: a later page that cannot, and why.

    ended: the evidence that the list ends within them. problem: why an import of it could not end as complete.
    """

    first: PageRead | Failed
    state: State = field(default_factory=State)
    failed: tuple[e.PageRef, Failed] | None = None
    ended: str = ""
    problem: str = ""

    @property
    def paging(self) -> str:
        """Return how its pages follow on each other, for people."""
        listing = self.state.listing
        start = ", counted from 0" if listing.zero_new else ""
        if self.state.last_page is not None:
            return f"numbered pages{start}"
        if listing.way_on:
            return f"each page names the next ({listing.way_on}){start}"
        if listing.paging == "keyset":
            return "each page is asked for by the last id of the one before"
        return f"pages guessed by number, because none names the next{start}"


async def preview(ask: AskPage, *, accept: bool = False, brief: bool = False) -> Preview:
    """Read up to three pages. brief: only one, where it declares how much there is in two ways that agree."""
    first, _ = await ask(e.FIRST_PAGE)
    found = Preview(first)
    if isinstance(first, Failed):
        return found
    _fold(found.state, e.FIRST_PAGE, first)
    if not (brief and _agrees(first)):
        await _look_further(found, ask)
    if found.failed is None:
        _judge(found, accept)
    return found


def _agrees(page: PageRead) -> bool:
    size, total, last = len(page.ids), page.total, page.last_page
    return total is not None and last is not None and bool(size) and max(1, last) == max(1, -(-total // size))


async def _look_further(found: Preview, ask: AskPage) -> None:
    state = found.state
    told = next(iter(known_pages(state)), None)
    second = e.numbered(told[0]) if isinstance(told, range) else told
    if second is None and isinstance(verdict := judge(state), Ask):
        second = verdict.pages[0]
    if second is not None:
        await _read(found, ask, second)
    if found.failed is None and second != e.PAGE_0 and wants_page_0(state):
        await _read(found, ask, e.PAGE_0)
        if state.total is not None:
            found.failed = None  # an import that reaches its total never asks for it


async def _read(found: Preview, ask: AskPage, key: e.PageRef) -> None:
    result, status = await ask(key)
    if isinstance(result, PageRead):
        result = told_error(found.state, result) or result
    page = as_page(found.state, key, result, status, final=True) if isinstance(result, Failed) else result
    if page is not None:
        _fold(found.state, key, page)
    elif isinstance(result, Failed):
        found.failed = (key, result)


def _fold(state: State, key: e.PageRef, page: PageRead) -> None:
    ids, _, total, met = listed(Rules(), state, page)
    told = (page.last_page, page.next_page, page.way, page.more, page.unread, met, page.past, page.said_by)
    declared = (page.remarks, None, None, page.paging, page.guessed or None)
    apply(state, e.PageListed(0.0, key, 1, 0.0, 0.0, 200, ids, total, *told, *declared))


def _judge(found: Preview, accept: bool) -> None:
    """Say what is known: that it ends, that it cannot, or nothing where more pages are to be read."""
    if stuck(found.state) is None and known_pages(found.state):
        return
    verdict = judge(found.state, accept=() if accept else None)
    if isinstance(verdict, Ended):
        found.ended = verdict.evidence
    elif isinstance(verdict, Unclear):
        found.problem = verdict.sentence
