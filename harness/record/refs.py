"""Refer to what is fetched: an item by its id, a page of the list, and the endpoint that is asked for either.

All are small values that can be hashed. They are made once, where an answer is read, and are the same in the core, in
events and in the state; as text they stand only in Parquet columns and in what people read.
"""

from __future__ import annotations

import json
from typing import Literal, NamedTuple

ItemId = int | str
Role = Literal["list", "item", "token"]
PageKind = Literal["number", "url", "offset", "cursor", "keyset"]


class PageRef(NamedTuple):
    """A reference to a page of a list: its number, the URL that led to it, an offset, a cursor or a key.

    value: an int for a number or offset, text for the others. part: which part of a list that is split, from 0. As
    text it is its value, `page 3`, and in the later parts of a list `page 3 of part 2` (people count parts from 1).
    """

    kind: PageKind
    value: int | str
    part: int = 0

    def __str__(self) -> str:
        return f"{self.value} of part {self.part + 1}" if self.part else str(self.value)

    @property
    def is_first(self) -> bool:
        """Whether nothing leads to it: the first page of the list, or of a part."""
        return self.value == 1 and self.kind == "number"

    @property
    def number(self) -> int | None:
        """The page's number; None where it has none."""
        return self.value if self.kind == "number" else None  # type: ignore[return-value]


def numbered(number: int) -> PageRef:
    """Refer to a page by its number."""
    return PageRef("number", number)


def linked(url: str) -> PageRef:
    """Refer to a page by the URL that an earlier page gave for it."""
    return PageRef("url", url)


PAGE_0, FIRST_PAGE = numbered(0), numbered(1)


class Batch(NamedTuple):
    """Items that one request asks for together. As text it is its ids, so that it can be read back."""

    ids: tuple[ItemId, ...]

    def __str__(self) -> str:
        return json.dumps([str(item) for item in self.ids], ensure_ascii=False)

    @classmethod
    def from_text(cls, text: str) -> Batch:
        """Read back what `str` made."""
        return cls(tuple(map(canonical_id, json.loads(text))))


Key = ItemId | PageRef | Batch  # of an item its id, of a page which one it is; of several items asked together, these


def items_of(key: Key) -> tuple[ItemId, ...]:
    """Return the items that a request of the role `item` asks for."""
    return key.ids if isinstance(key, Batch) else (key,)  # type: ignore[return-value]


class Endpoint(NamedTuple):
    """The question that a request asks, in whose name, and which budget pays for it.

    resource: what is imported; a source holds one today. name: the endpoint of it. credential: the name (never the
    value) of the environment variable or header that says who asks; None where nothing does. budget: see `budget_name`.
    """

    resource: str
    name: str
    role: Role
    credential: str | None
    budget: str


_LARGEST = 10**18


def canonical_id(raw: ItemId) -> ItemId:
    """Make an integer of an id that reads as one: `"17"` and 17 are the same item, and integers are far smaller.

    The record keeps ids as text, so each must read back as what it was: from 10^18 on even integers are text.
    """
    if isinstance(raw, int):
        return raw if -_LARGEST < raw < _LARGEST else str(raw)
    digits = raw[1:] if raw[:1] == "-" else raw
    if digits.isdecimal() and digits.isascii() and len(digits) < 19 and (digits[0] != "0" or raw == "0"):
        return int(raw)
    return raw


def fetch_name(role: Role, key: Key) -> str:
    """Name what was fetched for people: `page 3`, `item 17`, `items 1 to 100 (100)`."""
    if isinstance(key, Batch) and len(key.ids) > 1:
        return f"items {key.ids[0]} to {key.ids[-1]} ({len(key.ids)})"
    if isinstance(key, Batch):
        return f"item {key.ids[0]}"
    return f"{role_name(role)} {key}"


def role_name(role: Role) -> str:
    """Name what a request of that role brings, for people: `page`, `item`."""
    return "page" if role == "list" else role


def is_same_id(found: object, item: ItemId) -> bool:
    """Return True if `found`, a JSON value, is the id `item`: `"17"`, 17 and 17.0 are, in any case of letters.

    Servers that know no case answer so; that the other spelling is no item of its own, the core checks.
    """
    if isinstance(found, float) and found.is_integer():
        found = int(found)
    if not isinstance(found, (int, str)) or isinstance(found, bool):
        return False
    return canonical_id(found) == item or str(found).casefold() == str(item).casefold()
