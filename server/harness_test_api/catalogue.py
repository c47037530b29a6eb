"""The catalogue holds what the API lists; it may change while someone pages through it.

An item is a function of (seed, id, version), the same on every machine, so that any number of them takes no memory.
With drift, only what changed is remembered: the ids deleted, and how often an id was changed.

Drift is written `insert=2/s:delete=1/s:change=10/m[:until=60s][:gone=410]`. The changes come evenly, the first after
one interval; which item they strike follows from the seed. They are worked off when someone looks, each at its own
time.
"""

from __future__ import annotations

import bisect
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from itertools import islice
from typing import Any, Protocol

from harness_test_api.errors import BadConfig
from harness_test_api.spec import Spec, duration_s, read_spec, whole

_KINDS = ("insert", "delete", "change")


@dataclass(frozen=True, slots=True)
class Drift:
    """Seconds between changes of each kind (inf: none), up to `until_s` after the start.

    gone: status of a deleted item's address, 404 or 410.
    """

    insert_s: float = math.inf
    delete_s: float = math.inf
    change_s: float = math.inf
    until_s: float = math.inf
    gone: int = 404


def parse_drift(text: str) -> Drift:
    """The drift written in `text`; empty: none; BadConfig for what cannot be read."""
    if not text:
        return Drift()
    spec = read_spec("drift", text)
    insert_s, delete_s, change_s = (_gap_s(spec, kind) for kind in _KINDS)
    until, gone = spec.take("until"), spec.take("gone")
    spec.end((*(f"{kind}=N/PERIOD" for kind in _KINDS), "until=", "gone=404|410"))
    if gone not in (None, "404", "410"):
        raise BadConfig(f"gone={gone} in the {spec.where} is unknown; use 404 or 410")
    until_s = math.inf if until is None else duration_s(until, spec.label("until"))
    return Drift(insert_s, delete_s, change_s, until_s, int(gone or 404))


def _gap_s(spec: Spec, kind: str) -> float:
    rate = spec.take(kind)
    if rate is None:
        return math.inf
    count, slash, period = rate.partition("/")
    period_s = duration_s(period, spec.label(kind)) if slash else 0.0
    if period_s <= 0:
        raise BadConfig(f"{kind}={rate} in the {spec.where} is not a rate; write it like {kind}=2/s")
    return period_s / whole(count, spec.label(kind), least=1, most=1_000_000)


@dataclass
class Truth:
    """The history of a list, to check an import of it by. Times are seconds since the server's start.

    At the start it held ids 1 to `first_last_id`.
    """

    first_last_id: int
    inserted: dict[int, float] = field(default_factory=dict)
    deleted: dict[int, float] = field(default_factory=dict)
    changed: dict[int, list[float]] = field(default_factory=dict)

    def must_hold(self, since_s: float, until_s: float) -> set[int]:
        """Ids that were in the list all the time from `since_s` to `until_s`: a perfect import holds each of them."""
        there = set(range(1, self.first_last_id + 1))
        there |= {number for number, at in self.inserted.items() if at <= since_s}
        return there - {number for number, at in self.deleted.items() if at <= until_s}

    def may_hold(self, since_s: float, until_s: float) -> set[int]:
        """Ids that were in the list at some time between: an import holds no others."""
        there = set(range(1, self.first_last_id + 1))
        there |= {number for number, at in self.inserted.items() if at <= until_s}
        return there - {number for number, at in self.deleted.items() if at <= since_s}

    def report(self) -> dict[str, Any]:
        """All of it, ready for JSON; grows with the changes, not with the list."""
        return {
            "first_last_id": self.first_last_id,
            "inserted": [{"id": number, "at": at} for number, at in self.inserted.items()],
            "deleted": [{"id": number, "at": at} for number, at in self.deleted.items()],
            "changed": [{"id": number, "at": at} for number, at in self.changed.items()],
        }


_COLOURS = ("amber", "black", "blue", "copper", "green", "grey", "ivory", "olive", "red", "silver", "teal", "white")
_THINGS = ("anchor", "basket", "candle", "desk", "engine", "flask", "guitar", "hammer", "kettle", "lamp", "mirror")
_USES = ("daily work", "long trips", "small rooms", "cold nights", "quiet evenings", "heavy loads", "beginners")
_FIRST_EPOCH_S = 1_704_067_200  # 2024-01-01T00:00:00Z: fixed, so that items do not change with the day they are served
_MASK = (1 << 64) - 1


def summary(seed: int, number: int) -> dict[str, Any]:
    """The list record of item `number`: id and name."""
    return {"id": number, "name": _name(mix(seed, number), number)}


def make_item(seed: int, number: int, version: int = 0) -> dict[str, Any]:
    """Item `number`; each `version` (0 as created) has another price and a later `updated_at`."""
    bits = mix(seed, number)
    current = mix(bits, version) if version else bits
    name = _name(bits, number)
    created = _FIRST_EPOCH_S + (bits >> 20) % 31_000_000
    return {
        "id": number,
        "name": name,
        "description": f"{name}, made for {_USES[(bits >> 16) % len(_USES)]}",
        "price": ((current >> 24) % 99_900 + 100) / 100,
        "created_at": _iso(created),
        "updated_at": _iso(created + (bits >> 40) % 2_000_000 + version * 60),
    }


def mix(seed: int, number: int) -> int:
    """Mix (seed, number) into 64 bits, by splitmix64's finaliser."""
    z = (seed * 0x9E3779B97F4A7C15 + number * 0xBF58476D1CE4E5B9 + 0x94D049BB133111EB) & _MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _MASK
    return z ^ (z >> 31)


def slug(seed: int, number: int) -> str:
    """A name for item `number` that can stand in a path, and that no other item has."""
    return _name(mix(seed, number), number).replace(" ", "-")


def _name(bits: int, number: int) -> str:
    colour, thing = _COLOURS[bits % len(_COLOURS)], _THINGS[(bits >> 8) % len(_THINGS)]
    return f"{colour} {thing} {number}"


def _iso(epoch_s: int) -> str:
    return datetime.fromtimestamp(epoch_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


Record = dict[str, Any]


class Catalogue(Protocol):
    """A list of records with ids, as it stands at `now` (it may drift)."""

    def total(self, now: float) -> int:
        """Count the items that are there."""

    def slice(self, now: float, offset: int, count: int) -> list[Record]:
        """List records (id and name) from `offset` on, at most `count`; empty past the end."""

    def after(self, now: float, key: str | None, count: int) -> list[Record] | None:
        """List records after the one of id `key` (None: from the start); None for a key that never was."""

    def find(self, now: float, item_id: str) -> Callable[[], Record] | None:
        """Return a function that makes the whole item, or None if there is none of that id."""

    def missing(self, item_id: str) -> int:
        """The status of an id that `find` did not find: 404, or 410 for one that was deleted and may say so."""

    def truth(self, now: float) -> Truth:
        """Tell what happened to the list up to `now`."""


class Between:
    """The records of a generated catalogue whose numbers are from `low` to `high`, that one not included."""

    def __init__(self, whole: GeneratedCatalogue, low: int, high: int) -> None:
        self._whole = whole
        self._range = low, high
        self.find, self.missing, self.truth = whole.find, whole.missing, whole.truth

    def total(self, now: float) -> int:
        return self._whole.count(now, *self._range)

    def slice(self, now: float, offset: int, count: int) -> list[Record]:
        return self._whole.between(now, *self._range, offset, count)

    def after(self, now: float, key: str | None, count: int) -> list[Record] | None:
        low, high = self._range
        number = 0 if key is None else id_number(key)
        if key is not None and not number:
            return None
        if number and self._whole.newest_first:
            high = min(high, number)
        return self._whole.between(now, max(low, 0 if self._whole.newest_first else number + 1), high, 0, count)


class GeneratedCatalogue:
    """Ids from 1 up in order, or from the highest down (`newest_first`), some deleted, some changed.

    started_at is on the clock of `now`.
    """

    def __init__(self, count: int, seed: int, drift: Drift, started_at: float, newest_first: bool) -> None:
        self._last_id = count
        self._seed = seed
        self._drift = drift
        self._started_at = started_at
        self.newest_first = newest_first
        self._deleted: list[int] = []
        self._truth = Truth(count)
        self._events = 0
        self._done = {"insert": 0, "delete": 0, "change": 0}
        self._next_s = self._upcoming()[0]

    def total(self, now: float) -> int:
        self._advance(now)
        return self._last_id - len(self._deleted)

    def slice(self, now: float, offset: int, count: int) -> list[Record]:
        total = self.total(now)
        if offset >= total:
            return []
        first = self._nth(total - 1 - offset if self.newest_first else offset)
        return self._records(self._walk(first), count)

    def after(self, now: float, key: str | None, count: int) -> list[Record] | None:
        self._advance(now)
        step = -1 if self.newest_first else 1
        if key is None:
            return self._records(self._walk(self._last_id if self.newest_first else 1), count)
        number = id_number(key)
        return self._records(self._walk(number + step), count) if number else None

    def count(self, now: float, low: int, high: int) -> int:
        """Count the items whose numbers are from `low` to `high`, that one not included."""
        self._advance(now)
        low, high = max(low, 1), min(high, self._last_id + 1)
        gone = bisect.bisect_left(self._deleted, high) - bisect.bisect_left(self._deleted, low)
        return max(0, high - low - gone) if high > low else 0

    def between(self, now: float, low: int, high: int, offset: int, count: int) -> list[Record]:
        """List those of them that stand behind `offset` others, in the list's order."""
        self._advance(now)
        ids = range(max(low, 1), min(high, self._last_id + 1))
        there = (
            number for number in (reversed(ids) if self.newest_first else ids) if number not in self._truth.deleted
        )
        return self._records(islice(there, offset, None), count)

    def find(self, now: float, item_id: str) -> Callable[[], Record] | None:
        self._advance(now)
        number = id_number(item_id)
        if not 1 <= number <= self._last_id or number in self._truth.deleted:
            return None
        return partial(make_item, self._seed, number, len(self._truth.changed.get(number, ())))

    def missing(self, item_id: str) -> int:
        return self._drift.gone if id_number(item_id) in self._truth.deleted else 404

    def truth(self, now: float) -> Truth:
        self._advance(now)
        return self._truth

    def _records(self, ids: Iterator[int], count: int) -> list[Record]:
        return [summary(self._seed, number) for number, _ in zip(ids, range(count))]

    def _walk(self, first: int) -> Iterator[int]:
        """Ids that are there, in the list's order, from `first` on."""
        ids = range(first, 0, -1) if self.newest_first else range(first, self._last_id + 1)
        gone = self._truth.deleted
        return (number for number in ids if number not in gone) if gone else iter(ids)

    def _nth(self, position: int) -> int:
        """The id at `position` from the lowest, counted from 0, among those that are there."""
        deleted = self._deleted
        # deleted[j] - 1 - j ids lie below the j-th deleted one: each such gap at or before `position` shifts it by one.
        return position + 1 + bisect.bisect_right(range(len(deleted)), position, key=lambda j: deleted[j] - 1 - j)

    def _upcoming(self) -> tuple[float, str]:
        """Find when the next change comes, in seconds since the start, and of which kind."""
        drift = self._drift
        gaps = (("insert", drift.insert_s), ("delete", drift.delete_s), ("change", drift.change_s))
        at_s, kind = min((gap_s * (self._done[kind] + 1), kind) for kind, gap_s in gaps)
        return (at_s, kind) if at_s <= drift.until_s else (float("inf"), kind)

    def _advance(self, now: float) -> None:
        while self._next_s <= now - self._started_at:
            at_s, kind = self._upcoming()
            self._done[kind] += 1
            self._apply(kind, at_s)
            self._next_s = self._upcoming()[0]

    def _apply(self, kind: str, at_s: float) -> None:
        if kind == "insert":
            self._last_id += 1
            self._truth.inserted[self._last_id] = at_s
            return
        there = self._last_id - len(self._deleted)
        if there == 0:
            return
        self._events += 1
        number = self._nth(mix(self._seed, -self._events) % there)
        if kind == "delete":
            bisect.insort(self._deleted, number)
            self._truth.deleted[number] = at_s
        else:
            self._truth.changed.setdefault(number, []).append(at_s)


def id_number(text: str) -> int:
    """The id in a path segment, or 0, which no item has."""
    # 18 digits hold every id; `007` is not item 7, or one item would have many addresses.
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= 18 and text[0] != "0" else 0
