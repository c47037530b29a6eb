"""What the engine answers to `next(now)`, and what it is told of each fetch."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from harness.pacing import Grant
from harness.record.events import ItemId, Key, Kind, RunStatus

WaitOn = Literal["settlement", "input"]


# Fetch and Wait are made for each request. Not frozen: that took three times as long.
@dataclass(slots=True)
class Fetch:
    """Send this request now. `key`: of an item its id, of a page its cursor ("1" or a number for the first)."""

    id: int
    kind: Kind
    key: Key
    attempt: int
    budget: str
    grant: Grant
    sent_s: float


@dataclass(slots=True)
class Wait:
    """Nothing to send before `until` (absolute), or, where that is None, before what `on` names.

    Any input ends an outstanding wait: ask again after telling the engine anything at all.
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

    last_page: the declared number of pages. next_page: the next one as this page names it, a link or a number; way: the
    field that speaks of it, whether it names one or is empty. more: what a has_more says. unread: fields outside the
    records that look like a way on and that nothing follows, joined by ", ". past: what came in place of a list.
    """

    ids: tuple[ItemId, ...]
    total: int | None = None
    last_page: int | None = None
    next_page: str | None = None
    way: str | None = None
    more: bool | None = None
    unread: str = ""
    past: str | None = None


@dataclass(frozen=True, slots=True)
class ItemRead:
    """An item whose payload of `size_bytes` is for the store.

    carried: did the answer carry the id it was asked by? None where nobody looked. body: its beginning if it did not.
    """

    size_bytes: int
    carried: bool | None = None
    body: str | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Failed:
    """A fetch without result. `passing`: may a retry pass? `sent`: did any of it leave?

    `stale`: a pooled connection that the server had closed was reset before any answer. headers: those of the answer
    that tell something of it, a line each; body: its beginning. None without an answer. past_end: what came, such as
    `answered 404`, where that ends a list if the page was only guessed.
    """

    reason: str
    detail: str = ""
    passing: bool = True
    sent: bool = True
    stale: bool = False
    headers: str | None = field(default=None, compare=False)
    body: str | None = field(default=None, compare=False)
    past_end: str | None = field(default=None, compare=False)


Result = PageRead | ItemRead | Failed
