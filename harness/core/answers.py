"""Say what the core answers to `next(now)`, and what it is told of each fetch."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Literal

from harness.pacing import Grant
from harness.record.events import Endpoint, ItemId, Key, PageRef, Role, RunStatus, items_of

WaitOn = Literal["settlement", "input"]
# May pass by itself: RFC 9110 15.5.9 (408), RFC 8470 (425), and everything the server calls its own fault.
PASSING = frozenset({408, 425})
GONE = {404: "gone", 410: "gone"}


# Fetch and Wait are made for each request. Not frozen: that took three times as long.
@dataclass(slots=True)
class Fetch:
    """Send this request now.

    `key`: of an item its id, of several asked together a Batch, of a page which one it is, of a token the name of its
    secret. target: where it was redirected to; None: to its own address. place: where an item lies, as the list said;
    None: that follows from its id.
    """

    id: int
    role: Role
    key: Key
    attempt: int
    endpoint: Endpoint
    grant: Grant
    sent_s: float
    target: str | None = None
    place: str | None = None

    @property
    def item(self) -> ItemId:
        """Return the id of the item that is asked for; only where the role is `item`, and not for a batch."""
        return self.key  # type: ignore[return-value]

    @property
    def items(self) -> tuple[ItemId, ...]:
        """Return the ids of all items that are asked for; only where the role is `item`."""
        return items_of(self.key)

    @property
    def page(self) -> PageRef:
        """Return the page that is asked for; only where the role is `list`."""
        return self.key  # type: ignore[return-value]


@dataclass(slots=True)
class Wait:
    """Wait: nothing is to be sent before `until` (absolute), or, where that is None, before what `on` names.

    Any input ends an outstanding wait: ask again after telling the core anything at all.
    """

    until: float | None
    on: WaitOn
    reason: str
    tier: str | None = None


@dataclass(frozen=True, slots=True)
class Done:
    """The session is over; nothing is in flight and the last event is recorded."""

    status: RunStatus
    reason: str


Answer = Fetch | Wait | Done


@dataclass(frozen=True, slots=True)
class PageRead:
    """A page of the list, as it was read and not judged.

    last_page: the declared number of pages. next_page: the next one as this page names it; way: the
    field that speaks of it, whether it names one or is empty. more: what a has_more says. unread: fields outside the
    records that look like a way on and that nothing follows, joined by ", ". past: what came in place of a list.
    said_by: the fields, joined likewise, of a total or a last_page that is not said by the usual fields of the body.
    remarks: what the page says of how the request went, beyond plain success (`harness.source.remarks`). paging: the
    kind that is declared, None where pages are numbered or led on as they themselves say. guessed: nothing says for
    certain that next_page exists. places: where each item of `ids` lies; none where their ids say so. itemless: no more
    can be asked of them than the page holds: its records are the items. rivals: fields other than the id that may name
    them, where the id was only guessed. other: an id that stands for another record here than on an earlier page.
    """

    ids: tuple[ItemId, ...]
    total: int | None = None
    last_page: int | None = None
    next_page: PageRef | None = None
    way: str | None = None
    more: bool | None = None
    unread: str = ""
    past: str | None = None
    said_by: str = ""
    remarks: str = ""
    paging: str | None = None
    guessed: bool = False
    places: tuple[str, ...] = ()
    itemless: bool = False
    rivals: tuple[str, ...] = ()
    other: ItemId | None = None


@dataclass(frozen=True, slots=True)
class ItemRead:
    """An item whose payload of `size_bytes` is for the store.

    carried: did the answer carry the id it was asked by? None where nobody looked. body: its beginning if it did not.
    spelt: the id as the answer carries it, where it is written in another case.
    """

    size_bytes: int
    carried: bool | None = None
    body: str | None = field(default=None, compare=False)
    spelt: ItemId | None = None


@dataclass(frozen=True, slots=True)
class BatchRead:
    """Items that were asked for together, as the answer holds them.

    sizes_bytes: of the payload of each that was found, by the id it was asked by. strangers: ids of records that were
    not asked for.
    """

    sizes_bytes: Mapping[ItemId, int]
    strangers: tuple[ItemId, ...] = ()


@dataclass(frozen=True, slots=True)
class Failed:
    """A fetch without result. passing: a retry may pass. sent: some of it left.

    `stale`: a pooled connection that the server had closed was reset before any answer. headers: those of the answer
    that tell something of it, a line each; body: its beginning. None without an answer. past_end: what came, such as
    `answered 404`, where that ends a list if the page was only guessed and its remarks tell of no error.
    """

    reason: str
    detail: str = ""
    passing: bool = True
    sent: bool = True
    stale: bool = False
    headers: str | None = field(default=None, compare=False)
    body: str | None = field(default=None, compare=False)
    past_end: str | None = field(default=None, compare=False)
    remarks: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class TokenRead:
    """A token came, which the client keeps. expires_in_s: how long it holds from its answer on; None: not said."""

    expires_in_s: float | None = None


@dataclass(frozen=True, slots=True)
class Redirected:
    """The answer points to another address of the same origin. asked: the one that was asked; both without secrets."""

    target: str
    asked: str


@dataclass(frozen=True, slots=True)
class Again:
    """The answer says how the request is to be made, so it is sent once more: with another page size, say. why: that,
    for people. The client answers so a few times at most.
    """

    why: str


Result = PageRead | ItemRead | BatchRead | TokenRead | Redirected | Again | Failed


# Where an API says in words what was wrong; the first that is there counts.
_SAYS = ("message", "detail", "error_description", "errorMessages", "title", "error", "reason")
_MOST_SAID = 200


def own_words(body: str | None) -> str:
    """Return the sentence by which the body of an error explains itself, "" where it has none. It may be cut short."""
    for name in _SAYS:
        found = re.search(rf'"{name}"\s*:\s*\[?\s*("(?:[^"\\]|\\.)+")', body or "", re.IGNORECASE)
        if found is not None:
            try:
                said = " ".join(str(json.loads(found[1])).split())
            except ValueError:  # a control character, or half an escape
                continue
            return said[:_MOST_SAID].rstrip(".")
    title = re.search(r"<title[^>]*>([^<]+)</title>", body or "", re.IGNORECASE)
    return "" if title is None else " ".join(title[1].split())[:_MOST_SAID]


def failed_status(status: int) -> Failed:
    """Return the failure of a status that is neither a success nor a refusal by a limit."""
    try:
        phrase = HTTPStatus(status).phrase
    except ValueError:
        phrase = ""
    if 300 <= status < 400:
        why = f"status {status} leads to no address that could be asked instead; check --url"
        return Failed("redirected", why, passing=False)
    if status in GONE:
        return Failed(GONE[status], phrase, passing=False)
    return Failed(f"status {status}", phrase, passing=status >= 500 or status in PASSING)


def not_in_batch(result: BatchRead) -> Failed:
    """Return the failure of an item that the answer to a batch lacks."""
    if not result.strangers:
        return Failed("gone", "the batch's answer lacks it", passing=False)
    instead = ", ".join(str(item)[:60] for item in result.strangers[:3])
    return Failed(
        "malformed", f"the batch's answer lacks it and holds what was not asked for: {instead}", passing=False
    )


def not_that_item(item: Key, result: ItemRead) -> Failed:
    """Return the failure of an answer that lacks the id it was asked by, though other items carry theirs."""
    why = f"the answer has no id {item}, although other answers name their item's: it is not that item"
    if result.spelt is not None:
        why = f"the answer is for another item: its id is {result.spelt}, which the list names too, not {item}"
    return Failed("malformed", why, passing=False, body=result.body)
