"""The state of a run after its events so far: counters, and a dense table of items."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Literal, NamedTuple

from harness.record.events import ItemId, Key, PageRef, Role, RunStatus
from harness.record.places import Places
from harness.record.prediction import Prediction
from harness.record.split import Named, Part, Reading

ItemState = Literal["pending", "waiting", "imported", "failed", "forgotten"]
ITEM_STATES: tuple[ItemState, ...] = ("pending", "waiting", "imported", "failed", "forgotten")

# As items keep them: the last stands for "imported", from an answer that did not carry the item's id.
_STATES: tuple[ItemState, ...] = (*ITEM_STATES, "imported")
_NAMELESS = len(ITEM_STATES)

# From each state, where an item may go. `fetching` is no state of the record: it is an item that the core holds
# in flight, and a crash makes it what it was. Anything not in this table is refused by the fold.
MOVES: dict[ItemState | None, frozenset[ItemState]] = {
    None: frozenset({"pending"}),
    "pending": frozenset({"imported", "waiting", "failed"}),
    "waiting": frozenset({"imported", "waiting", "failed"}),
    # Only people move these: `failed retry` and `failed forget`; what was forgotten may be thought of again.
    "failed": frozenset({"pending", "forgotten"}),
    "forgotten": frozenset({"pending"}),
    # Only where it turns out that its answer was not it: see `Items.take_back`.
    "imported": frozenset(),
}


@dataclass(frozen=True, slots=True)
class Failure:
    """The failure for which an item (or page) waits or was given up: after `attempts`, last at `at_utc_s`."""

    role: Role
    key: Key
    attempts: int
    at_utc_s: float
    status: int | None
    reason: str
    detail: str
    retry_at_utc_s: float | None

    @property
    def item(self) -> ItemId:
        """The item that failed; only where the role is `item`."""
        return self.key  # type: ignore[return-value]

    @property
    def page(self) -> PageRef:
        """The page that failed; only where the role is `list`."""
        return self.key  # type: ignore[return-value]


class Items:
    """Every item's state beside its id, in the order in which they were listed: a million integer ids take 75 MB."""

    __slots__ = ("_states", "counts")

    def __init__(self) -> None:
        # The state is its number in _STATES, and small integers are shared: an item costs its id and a table slot.
        self._states: dict[ItemId, int] = {}
        self.counts: dict[ItemState, int] = dict.fromkeys(ITEM_STATES, 0)

    def __len__(self) -> int:
        return len(self._states)

    def __contains__(self, item: ItemId) -> bool:
        return item in self._states

    def state(self, item: ItemId) -> ItemState | None:
        """Return the state of `item`; None for one that was never listed."""
        number = self._states.get(item)
        return None if number is None else _STATES[number]

    def add(self, item: ItemId) -> bool:
        """Make `item` pending; False if it was known."""
        if item in self._states:
            return False
        self._states[item] = 0
        self.counts["pending"] += 1
        return True

    def move(self, item: ItemId, to: ItemState, *, nameless: bool = False) -> bool:
        """Move `item`; False where MOVES does not allow it, and then nothing changes.

        nameless: it is imported from an answer that did not carry its id, and may be taken back.
        """
        old = self.state(item)
        if old is None or to not in MOVES[old]:
            return False
        self._states[item] = _NAMELESS if nameless else ITEM_STATES.index(to)
        self.counts[old] -= 1
        self.counts[to] += 1
        return True

    def in_state(self, wanted: ItemState) -> list[ItemId]:
        """Return the items in one state, in the order in which they were listed."""
        return [item for item, state in self._states.items() if _STATES[state] == wanted]

    def nameless(self) -> list[ItemId]:
        """Items that were imported from answers without their id, in the order in which they were listed."""
        return [item for item, state in self._states.items() if state == _NAMELESS]

    def take_back(self, only: Callable[[ItemId], bool] | None = None) -> None:
        """Make those pending again, all or those of which `only` is true."""
        for item in self.nameless():
            if only is not None and not only(item):
                continue
            self._states[item] = 0
            self.counts["imported"] -= 1
            self.counts["pending"] += 1

    def first(self, wanted: ItemState) -> ItemId | None:
        """Return the first item in one state, in the order in which they were listed."""
        number = ITEM_STATES.index(wanted)
        return next((item for item, state in self._states.items() if state == number), None)

    def columns(self) -> tuple[list[ItemId], bytes]:
        """Return all ids and their states, as copies: what a snapshot keeps."""
        return list(self._states), bytes(self._states.values())

    @classmethod
    def from_columns(cls, ids: list[ItemId], states: bytes) -> Items:
        items = cls()
        items._states = dict(zip(ids, states, strict=True))
        for number, state in enumerate(_STATES):
            items.counts[state] += states.count(number)
        return items


@dataclass(slots=True)
class Current:
    """The session being folded: what its times count from, and what is open in it."""

    number: int = 0
    utc_s: float = 0.0
    first_sent_s: float | None = None
    last_answer_s: float | None = None
    paused_at_s: float | None = None
    paused_s: float = 0.0
    waiting: tuple[float, str, str | None, float | None] | None = None  # began_s, reason, tier, until_s
    tail: dict[str, float] = field(default_factory=dict)  # seconds asleep since the last answer, by limit or reason
    ended: bool = False  # its end was recorded: it was not killed

    def duration_s(self) -> float:
        """First request to last answer, without the time that a person paused it."""
        if self.first_sent_s is None or self.last_answer_s is None:
            return 0.0
        return max(0.0, self.last_answer_s - self.first_sent_s - self.paused_s)


class Boundary(NamedTuple):
    """The figures of a run when a session began, its limits were changed, or a person's pause ended.

    limits: those that held until then; None where the settings say which.
    """

    pages: int
    items: int
    limits: str | None
    why: Literal["session", "limits", "pause"]


class Segment(NamedTuple):
    """A stretch read under the same limits (None: as the settings say). goes_on: it began amid a session."""

    pages: int
    items: int
    limits: str | None
    goes_on: bool


@dataclass(slots=True)
class State(Reading):
    """A run as its events tell it. Only `harness.record.fold.apply` changes one.

    It is the reading of its list, and where that is split the sum of the readings of its `parts`. requests: sent, by
    role. latency: how many answers fell in each bucket of `fold.latency_bucket`. waits: seconds asleep and pauses, by
    limit or reason.
    """

    items: Items = field(default_factory=Items)
    failures: dict[tuple[Role, Key], Failure] = field(default_factory=dict)
    parts: list[Part] = field(default_factory=list)  # of a list that is split; [] where it is read as one
    named: Named = field(default_factory=Named)  # by which parts
    pages_before: int = 0  # pages read by earlier readings of the list, where it was read again
    fetches: int = 0  # that the core began and that came to an end, sent or not
    requests: dict[Role, int] = field(default_factory=lambda: {"list": 0, "item": 0})
    statuses: dict[int, int] = field(default_factory=dict)
    answered: int = 0
    refused: int = 0
    refusals: dict[int, int] = field(default_factory=dict)  # the same by status
    refused_of: dict[str, int] = field(default_factory=dict)  # refusals of those that got no other answer yet
    own_refusals: int = 0  # of those that failed with that status in the end: no limit had refused them
    lost: int = 0
    holds: int = 0
    waits: dict[str, tuple[float, int]] = field(default_factory=dict)
    retry_wait_s: float = 0.0  # with nothing left but retries that are not due
    latency: dict[int, int] = field(default_factory=dict)
    least_latency_s: float | None = None
    most_latency_s: float = 0.0
    size_bytes: int = 0
    ids_carried: bool | None = None  # do the items' answers carry the ids they were asked by? None before the first
    shards: int = 0  # that fetch the items, where it was said for one of them whether answers carry ids
    carried_by: dict[str, bool] = field(default_factory=dict)  # the same as ids_carried, by shard
    gathered: dict[str, str] = field(default_factory=dict)  # by shard, the last of its events that is folded here
    workers: int = 0
    limits: str = ""
    strategy: str = ""
    learned: dict[str, str] = field(default_factory=dict)  # limits and distrusted headers, with the evidence
    earlier_s: float = 0.0  # duration of the sessions before the current one
    boundaries: list[Boundary] = field(default_factory=list)
    asked: bool = False  # a person changed the limits in this session
    cut_short: bool = False  # a session was killed, or ended before everything was read
    ended_utc_s: float | None = None  # of the last item's event
    status: RunStatus = RunStatus.RUNNING
    reason: str = ""
    predictions: list[Prediction] = field(default_factory=list)  # of all sessions, in order
    session: Current = field(default_factory=Current)
    from_list: bool = False  # items were taken from the list's records, without requests of their own
    places: Places = field(default_factory=Places)  # of items that are not imported yet, where the list says them

    @property
    def imported(self) -> int:
        return self.items.counts["imported"]

    @property
    def failed(self) -> int:
        return self.items.counts["failed"]

    @property
    def forgotten(self) -> int:
        """Items that failed and that a person gave up."""
        return self.items.counts["forgotten"]

    @property
    def waiting(self) -> int:
        """Items that wait for a retry."""
        return self.items.counts["waiting"]

    @property
    def pending(self) -> int:
        return self.items.counts["pending"]

    @property
    def expected(self) -> int | None:
        """Return how many items the list declares, or has named if that is more; None if it does not say.

        A list may declare fewer than it names: it grew while it was read, or an audit found more. A total that pages
        contradict is not believed; once such a list has ended, there are as many as it named.
        """
        if self.total is None:
            return len(self.items) if self.listing.ended and self.listing.denied is not None else None
        return max(self.total, len(self.items))

    @property
    def sent(self) -> int:
        """Requests that were sent, whatever came of them."""
        return self.answered + self.refused + self.lost

    @property
    def sleeps(self) -> int:
        return sum(count for _, count in self.waits.values())

    @property
    def asleep_s(self) -> float:
        return sum(seconds for seconds, _ in self.waits.values())

    @property
    def duration_s(self) -> float:
        return self.earlier_s + self.session.duration_s()

    @property
    def pages_read(self) -> int:
        """Return the pages read, in all readings of the list."""
        return self.pages_before + len(self.pages)

    @property
    def kept(self) -> str | None:
        """The limits that are kept to because somebody said so; None where there are none, or they were learned."""
        return self.limits or None if self.asked or self.strategy != "auto" else None

    def segments(self) -> list[Segment]:
        """Return what each session read, in pieces where limits changed or a person paused: windows renew meanwhile."""
        boundaries = [*self.boundaries, Boundary(self.pages_read, self.imported, self.kept, "session")]
        return [
            Segment(to.pages - at.pages, to.items - at.items, to.limits, at.why != "session")
            for at, to in pairwise(boundaries)
        ]

    @property
    def changed(self) -> bool:
        """A person changed the limits amid a session: a bound is below what even the best client could have done."""
        return any(boundary.why == "limits" for boundary in self.boundaries)

    def sessions(self) -> list[tuple[int, int]]:
        """(pages, items) that each session read."""
        begun = [boundary for boundary in self.boundaries if boundary.why == "session"]
        boundaries = [*begun, Boundary(self.pages_read, self.imported, None, "session")]
        return [(to.pages - at.pages, to.items - at.items) for at, to in pairwise(boundaries)]

    def reading(self, page: PageRef) -> Reading:
        """Return the reading that `page` belongs to: of its part, or of the list."""
        return self.parts[page.part] if self.parts else self

    @property
    def failed_pages(self) -> list[Failure]:
        return [f for (role, _), f in self.failures.items() if role == "list" and f.retry_at_utc_s is None]
