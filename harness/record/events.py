"""The events of an import: one frozen class each, the single record from which every number is computed.

Every time that ends in `_s` counts from the session's start in trio's seconds; `_utc_s` counts from the epoch. The
envelope (schema, run, session, writer, seq) is added where events are written, so that the core need not know it.
An item in flight has no event of its own: a crash returns it to pending, which is what a reader without it sees.

`endpoint` and `parent` of what was sent say what it asked: nothing in events of revisions before schema 4. parent: the
item whose children a list holds; None for a list of its own.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

from harness.record.refs import (
    FIRST_PAGE as FIRST_PAGE,
    PAGE_0 as PAGE_0,
    Batch as Batch,
    Endpoint as Endpoint,
    ItemId as ItemId,
    Key as Key,
    PageKind as PageKind,
    PageRef as PageRef,
    Role as Role,
    canonical_id as canonical_id,
    fetch_name as fetch_name,
    is_same_id as is_same_id,
    items_of as items_of,
    linked as linked,
    numbered as numbered,
    role_name as role_name,
)
from harness.record.status import RunStatus as RunStatus

# 2: `headers` and `body` of a failed attempt, Retried, Forgotten, Relisted. 3: IdsCarried with `carried`; what a page
# says of the next one (`way`, `more`, `unread`, `new`, `past`, `said_by`, `remarks`), ListEnded, the status of a
# Returned. 4: what a request asked (`endpoint`, `parent`) and its `role`, which was called `kind` (and that of a list
# `page`); pages as PageRefs; `consecutive_refusals`, which was called `strikes`. 5: items that one request asked for
# together (`along`, keys of the kind `batch`), the declared paging of a page (`paging`, `guessed`), where items lie
# (`places`), and lists that are read in parts (`part`, ListSplit). 6: Predicted. Older files are read as they are.
SCHEMA_VERSION = 6


@dataclass(frozen=True, slots=True)
class SessionStarted:
    """A process began to write, as the `number`-th on this run: t_s is 0 and `utc_s` is when that was."""

    t_s: float
    number: int
    utc_s: float
    workers: int
    limits: str
    strategy: str
    host: str


@dataclass(frozen=True, slots=True)
class Charged:
    """`charged` requests of an earlier session are charged to the limits: it began them and never recorded their end.

    The server has counted them by `utc_s` at the latest.
    """

    t_s: float
    charged: int
    utc_s: float


@dataclass(frozen=True, slots=True)
class Relisted:
    """An audit begins: the list is read from its beginning again, to find what moved while it was read."""

    t_s: float


@dataclass(frozen=True, slots=True)
class ListSplit:
    """The list is read in parts, side by side; `parts` names the range of each, in their order."""

    t_s: float
    parts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PageListed:
    """A page of the list was read: sent, headers seen (`answered_s`), body complete (`t_s`).

    total, last_page, next_page: as the page says them. way: the field that speaks of a next page, whether it names one
    or not; more: what a has_more says. unread: fields that look like a way on and that nothing follows. new: ids that
    this reading of the list had not met before. past: what came in place of a list, where the page had only been
    guessed. said_by: the fields of a total or last_page that is said elsewhere than usual. remarks: what the page says
    of how the request went, beyond plain success, a line each. paging: the kind that is declared; guessed: nothing says
    for certain that next_page exists; places: where each of `ids` lies, where their ids do not say so. Revisions before
    schema 3 recorded nothing from `way` on, those before schema 5 none of the last three.
    """

    t_s: float
    page: PageRef
    attempt: int
    sent_s: float
    answered_s: float
    status: int
    ids: tuple[ItemId, ...]
    total: int | None
    last_page: int | None
    next_page: PageRef | None
    way: str | None = None
    more: bool | None = None
    unread: str | None = None
    new: int | None = None
    past: str | None = None
    said_by: str | None = None
    remarks: str | None = None
    endpoint: Endpoint | None = None
    parent: ItemId | None = None
    paging: str | None = None
    guessed: bool | None = None
    places: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class ListEnded:
    """The list was read to its end; `reason` is one of `harness.core.listing`, `evidence` says for people why.

    part: of a list that is split, that part was.
    """

    t_s: float
    reason: str
    evidence: str
    part: int = 0


@dataclass(frozen=True, slots=True)
class ItemImported:
    """An item's payload was read and handed to the store, which writes it no later than this event.

    along: it came in the answer to a request for several items that another event of the same time counts.
    """

    t_s: float
    item: ItemId
    attempt: int
    sent_s: float
    answered_s: float
    status: int
    size_bytes: int
    endpoint: Endpoint | None = None
    parent: ItemId | None = None
    along: bool = False


@dataclass(frozen=True, slots=True)
class ItemListed:
    """An item was imported from its list record, without a request of its own (`--no-detail`)."""

    t_s: float
    item: ItemId


@dataclass(frozen=True, slots=True)
class ItemAdopted:
    """A payload was found on disk without its event: a crash fell between the two. It is not fetched again."""

    t_s: float
    item: ItemId


@dataclass(frozen=True, slots=True)
class IdsCarried:
    """An item's own answer carried the id it was asked by (True) or none (False), for the first time.

    Where some do, an answer without its id is not that item: those imported without one go back to pending.
    part, total: the shard that found it, from 1, of so many, and it holds for its items alone; 0 where there are none.
    """

    t_s: float
    carried: bool
    part: int = 0
    total: int | None = None


@dataclass(frozen=True, slots=True)
class Fed:
    """A shard was given these items to fetch, which the run's own process has found in the list.

    places: where each of `ids` lies, where their ids do not say so.
    """

    t_s: float
    ids: tuple[ItemId, ...]
    places: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Gathered:
    """The events before this one, back to the last of this session's own, are those of a shard; they are on disk or
    not together with this one.

    part: the number of the shard, from 1. reach: the last of its events that was gathered, `<writer> <seq>`. charged:
    requests among them, which this process has not sent.
    """

    t_s: float
    part: int
    reach: str
    charged: int


@dataclass(frozen=True, slots=True)
class AttemptFailed:
    """An attempt ended without what was asked for. `retry_at_utc_s` is None where it was the last.

    `answered_s` is None where no answer came (then `status` is None too); `sent` is False where it never left.
    headers: those that tell something of a failure, a line `name: value` each. body: the beginning of what came.
    along: the request asked for several items, and another event of the same time counts it.
    """

    t_s: float
    role: Role
    key: Key
    attempt: int
    sent_s: float
    answered_s: float | None
    status: int | None
    reason: str
    detail: str
    sent: bool
    retry_at_utc_s: float | None
    headers: str | None = None
    body: str | None = None
    endpoint: Endpoint | None = None
    parent: ItemId | None = None
    along: bool = False

    @property
    def item(self) -> ItemId:
        """The id of the item; only where the role is `item`."""
        return self.key  # type: ignore[return-value]


@dataclass(frozen=True, slots=True)
class Retried:
    """A person asked to try again what had failed for good (or been forgotten): it is as if it had never been tried."""

    t_s: float
    role: Role
    key: Key

    @property
    def item(self) -> ItemId:
        """The id of the item; only where the role is `item`."""
        return self.key  # type: ignore[return-value]


@dataclass(frozen=True, slots=True)
class Forgotten:
    """A person gave a failed item up: it is neither imported nor failed, and the run complete without it."""

    t_s: float
    item: ItemId


@dataclass(frozen=True, slots=True)
class Refused:
    """A rate limit refused a request; no attempt of the item is used up, it goes back to the front."""

    t_s: float
    role: Role
    key: Key
    attempt: int
    sent_s: float
    answered_s: float
    status: int
    retry_after_s: float | None
    endpoint: Endpoint | None = None
    parent: ItemId | None = None


@dataclass(frozen=True, slots=True)
class Returned:
    """A request came back through no fault of the item: a stale connection (`sent`), or it never left.

    With a status it was answered: a 401 of an expired token, a request that was sent to compare another with, or one
    for several items that failed for good and is halved, to find the one that is at fault.
    """

    t_s: float
    role: Role
    key: Key
    attempt: int
    sent_s: float
    reason: str
    sent: bool
    answered_s: float | None = None
    status: int | None = None
    endpoint: Endpoint | None = None
    parent: ItemId | None = None


@dataclass(frozen=True, slots=True)
class Held:
    """Everyone on a budget pauses until `until_s`: one event, however many workers pause."""

    t_s: float
    budget: str
    until_s: float
    reason: str
    retry_after_s: float | None
    consecutive_refusals: int


@dataclass(frozen=True, slots=True)
class WaitBegan:
    """Work is ready, a worker is free, and nothing may be sent before `until_s` (None: until an answer)."""

    t_s: float
    reason: str
    tier: str | None
    until_s: float | None


@dataclass(frozen=True, slots=True)
class Waited:
    """A wait between `began_s` and `ended_s` is over; `asleep_s` of it passed with nobody sending.

    `sleeps` is how many pauses worth the name it adds (0 or 1): one shorter than 1 % of the window only adds its
    time, and two with less than that between them are one.
    """

    t_s: float
    began_s: float
    ended_s: float
    asleep_s: float
    sleeps: int
    reason: str
    tier: str | None


@dataclass(frozen=True, slots=True)
class Paused:
    """A person paused the import: nothing new is sent."""

    t_s: float


@dataclass(frozen=True, slots=True)
class Resumed:
    """A person let the import go on."""

    t_s: float


@dataclass(frozen=True, slots=True)
class WorkersSet:
    """The number of workers changed."""

    t_s: float
    workers: int


@dataclass(frozen=True, slots=True)
class LimitsSet:
    """The limits that the client keeps changed."""

    t_s: float
    limits: str


@dataclass(frozen=True, slots=True)
class Learned:
    """The strategy believes something new of the limits of `budget`.

    tier: the limit, such as `500/20s`; None where the news is of a header. counting: how the server seems to count
    (`log/anchored`); `trust` where a header is no longer believed, `rivals` where it is what else is possible, or asked
    next. evidence: why, for people. trust: high, fair, tentative or none. limits: all that are kept to from here on.
    """

    t_s: float
    budget: str
    tier: str | None
    counting: str
    evidence: str
    trust: str
    limits: str


@dataclass(frozen=True, slots=True)
class Predicted:
    """The session is thought to take from least_s to most_s in all, with a confidence of 90 % (`record.prediction`).

    likely_s: the median. All three are None where nothing can be said, and `basis` says why; else it says what that
    rests on. occasion: `size known`, `limits set` or `workers set`.
    """

    t_s: float
    least_s: float | None
    likely_s: float | None
    most_s: float | None
    occasion: str
    basis: str


@dataclass(frozen=True, slots=True)
class SessionEnded:
    """The session is over, in `status`, because of `reason`."""

    t_s: float
    status: RunStatus
    reason: str


Event = (
    SessionStarted
    | Charged
    | Relisted
    | ListSplit
    | PageListed
    | ListEnded
    | ItemImported
    | ItemListed
    | ItemAdopted
    | IdsCarried
    | Fed
    | Gathered
    | AttemptFailed
    | Retried
    | Forgotten
    | Refused
    | Returned
    | Held
    | WaitBegan
    | Waited
    | Paused
    | Resumed
    | WorkersSet
    | LimitsSet
    | Learned
    | Predicted
    | SessionEnded
)

EVENT_CLASSES: dict[str, type[Event]] = {cls.__name__: cls for cls in Event.__args__}
EVENT_FIELDS: dict[str, tuple[str, ...]] = {
    name: tuple(field.name for field in fields(cls)) for name, cls in EVENT_CLASSES.items()
}
