"""What the API lists: items that are a function of (seed, id), so that any number of them takes no memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from functools import partial
from typing import Any, Protocol

Record = dict[str, Any]

_COLOURS = ("amber", "black", "blue", "copper", "green", "grey", "ivory", "olive", "red", "silver", "teal", "white")
_THINGS = ("anchor", "basket", "candle", "desk", "engine", "flask", "guitar", "hammer", "kettle", "lamp", "mirror")
_USES = ("daily work", "long trips", "small rooms", "cold nights", "quiet evenings", "heavy loads", "beginners")
_FIRST_EPOCH_S = 1_704_067_200  # 2024-01-01T00:00:00Z: fixed, so that items do not change with the day they are served
_MASK = (1 << 64) - 1


class Catalogue(Protocol):
    """A list of records with ids, as it stands at `now` (it may drift)."""

    def total(self, now: float) -> int:
        """How many items there are."""

    def slice(self, now: float, offset: int, count: int) -> list[Record]:
        """List records (id and name) from `offset` on, at most `count`; empty past the end."""

    def find(self, now: float, item_id: str) -> Callable[[], Record] | None:
        """What makes the whole item when called, or None if there is none of that id."""


class GeneratedCatalogue:
    """`count` items with ids 1 to `count`."""

    def __init__(self, count: int, seed: int) -> None:
        self._count = count
        self._seed = seed

    def total(self, now: float) -> int:
        return self._count

    def slice(self, now: float, offset: int, count: int) -> list[Record]:
        first = min(offset, self._count) + 1
        return summaries(self._seed, range(first, min(offset + count, self._count) + 1))

    def find(self, now: float, item_id: str) -> Callable[[], Record] | None:
        number = id_number(item_id)
        return partial(make_item, self._seed, number) if 1 <= number <= self._count else None


def id_number(text: str) -> int:
    """The id in a path segment, or 0, which no item has."""
    # 18 digits hold every id; `007` is not item 7, or one item would have many addresses.
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= 18 and text[0] != "0" else 0


def summaries(seed: int, ids: Iterable[int]) -> list[Record]:
    """List records of `ids`: id and name."""
    return [{"id": number, "name": _name(_mix(seed, number), number)} for number in ids]


def make_item(seed: int, number: int, version: int = 0) -> Record:
    """Item `number`; each `version` (0 as created) has another price and a later `updated_at`."""
    bits = _mix(seed, number)
    current = _mix(bits, version) if version else bits
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


def _name(bits: int, number: int) -> str:
    colour, thing = _COLOURS[bits % len(_COLOURS)], _THINGS[(bits >> 8) % len(_THINGS)]
    return f"{colour} {thing} {number}"


def _mix(seed: int, number: int) -> int:
    """64 well-mixed bits of (seed, number): splitmix64's finaliser, the same on every machine and version."""
    z = (seed * 0x9E3779B97F4A7C15 + number * 0xBF58476D1CE4E5B9 + 0x94D049BB133111EB) & _MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _MASK
    return z ^ (z >> 31)


def _iso(epoch_s: int) -> str:
    return datetime.fromtimestamp(epoch_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
