"""Where items lie, of a list whose records say so: kept for what is not imported yet, as small as it can be.

The place of an item is its URL without the list's origin, or whole where it is on another host. Most places of a list
differ in one part, the item's own id or a number, so a place is a template (what comes before and after that part)
and the part: nothing at all where it is the id, a number, or else the whole text. A million items take 75 MB.

Of what is imported only the first few places are kept: an answer in dispute is compared with one of these.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from harness.record.refs import ItemId

_NUMBER = re.compile(r"(.*[/=])(0|[1-9][0-9]{0,17})([^0-9]*)")
# Templates; a list with more of them has its places kept whole.
_MOST_TEMPLATES = 16
# Imported items that stay: as many as comparisons there are before a run ends.
_MOST_AGAIN = 8
_WHOLE = ("", "")

_ABSENT = (None,)

Part = int | str | None


class Places:
    """Places by item. by_template: of each template the parts that differ. again: imported items whose places are still
    known.
    """

    __slots__ = ("again", "by_template")

    def __init__(self) -> None:
        self.by_template: dict[tuple[str, str], dict[ItemId, Part]] = {}
        self.again: list[ItemId] = []

    def __bool__(self) -> bool:
        return bool(self.by_template)

    def __contains__(self, item: ItemId) -> bool:
        return any(item in kept for kept in self.by_template.values())

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Places):
            return NotImplemented
        return (self.by_template, self.again) == (other.by_template, other.again)

    __hash__ = None  # type: ignore[assignment]

    def add(self, item: ItemId, place: str) -> None:
        """Note where `item` lies; a later word wins."""
        template, part = _split(item, place)
        if template not in self.by_template and len(self.by_template) >= _MOST_TEMPLATES:
            template, part = _WHOLE, place
        for other, kept in self.by_template.items():
            if other != template:
                kept.pop(item, None)
        self.by_template.setdefault(template, {})[item] = part

    def get(self, item: ItemId) -> str | None:
        """Return where `item` lies; None where that is not known, or not any more."""
        for template, kept in self.by_template.items():
            if item in kept:
                return _joined(template, item, kept[item])
        return None

    def imported(self, item: ItemId) -> None:
        """Forget where an item lies that is here now, but for the first few."""
        if item not in self:
            return
        if len(self.again) < _MOST_AGAIN:
            self.again.append(item)
            return
        for kept in self.by_template.values():
            kept.pop(item, None)

    def frozen(self, items: Iterable[ItemId]) -> FrozenPlaces | None:
        """Return the places of `items`, in that order, as a copy that takes little room; None where there are none."""
        if not self.by_template:
            return None
        first, kept = next(iter(self.by_template.items()))
        alone = len(self.by_template) == 1
        parts = [kept[item] if item in kept else _ABSENT if alone else (self.get(item),) for item in items]
        return FrozenPlaces(first, parts)


class FrozenPlaces:
    """What `Places.frozen` gives: parts of one template, and of the others the place in a tuple."""

    __slots__ = ("_parts", "template")

    def __init__(self, template: tuple[str, str], parts: list[Any]) -> None:
        self.template, self._parts = template, parts

    def columns(self, items: list[ItemId], since: int) -> tuple[list[int | None], list[str | None]]:
        """Return the places of some of the items, which begin at `since` among all: as numbers that `template` is
        completed with, where they are, else as they are.
        """
        parts = self._parts[since : since + len(items)]
        numbers = [part if isinstance(part, int) else None for part in parts]
        texts = [
            part[0] if isinstance(part, tuple) else None if isinstance(part, int) else self._whole(item, part)
            for item, part in zip(items, parts, strict=True)
        ]
        return numbers, texts

    def _whole(self, item: ItemId, part: str | None) -> str:
        return _joined(self.template, item, part)


def _split(item: ItemId, place: str) -> tuple[tuple[str, str], Part]:
    own = str(item)
    at = place.rfind(own)
    if at > 0 and place[at - 1] in "/=" and place[at + len(own) : at + len(own) + 1] in ("", "/", "?", "&", "."):
        return (place[:at], place[at + len(own) :]), None
    number = _NUMBER.fullmatch(place)
    if number is not None:
        return (number[1], number[3]), int(number[2])
    return _WHOLE, place


def _joined(template: tuple[str, str], item: ItemId, part: Part) -> str:
    return f"{template[0]}{item if part is None else part}{template[1]}"
