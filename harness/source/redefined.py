"""Notice that an id comes again with another record, on another page: ids that are not unique, or a changed record.

Only the first record of an id is kept. One that comes again on the border of two pages is the same record; one that was
changed meanwhile differs in a field or two and in its times; another record differs in most fields. So fields are
compared one by one, the ids and times left out. It is another record where more than half of what is left differs, and
that is two fields, or the third record for which it is so: of a record with one field besides nothing else is known.

Of each record a byte for each field is kept, and no more: about 150 bytes an id, for the first 100,000 of them. Two
values share a byte once in 256 times, which hides one difference and makes none. What an earlier session read is not
compared, since nothing is read back.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from zlib import crc32

from harness.record.refs import ItemId
from harness.source.way_on import words_of

_MOST_IDS = 100_000
_MOST_FIELDS = 32
_TIMES = {"at", "on", "date", "time", "timestamp", "updated", "modified", "changed", "version", "etag", "revision"}
_ONE_FIELD_TIMES = 3


class Redefined:
    """Compares the records of an import, page by page."""

    def __init__(self) -> None:
        self._kept: dict[ItemId, bytes] = {}
        self._compared: dict[tuple[str, ...], tuple[str, ...]] = {}  # fields of a record, by all of its fields
        self._doubtful = 0  # records of which the one field that could be compared differs

    def other_record(self, by_id: Sequence[tuple[ItemId, Any]]) -> ItemId | None:
        """Take in the records of a page; return an id that stands for another record than before, or None."""
        for item, record in by_id:
            if not isinstance(record, dict):
                continue
            mark = self._mark(record)
            before = self._kept.get(item)
            if before is None:
                if len(self._kept) < _MOST_IDS:
                    self._kept[item] = mark
            elif before != mark and self._is_other(before, mark):
                return item
        return None

    def _is_other(self, before: bytes, after: bytes) -> bool:
        if len(before) != len(after):
            return False  # fields came or went; which ones is not known any more
        differing = sum(one != other for one, other in zip(before, after, strict=True))
        if 2 * differing <= len(before):
            return False
        self._doubtful += 1
        return differing > 1 or self._doubtful >= _ONE_FIELD_TIMES

    def _mark(self, record: dict[str, Any]) -> bytes:
        names = tuple(record)
        if (compared := self._compared.get(names)) is None:
            compared = tuple(sorted(name for name in names if not _is_left_out(name)))[:_MOST_FIELDS]
            if len(self._compared) < _MOST_FIELDS:
                self._compared[names] = compared
        return bytes(_byte(record[name]) for name in compared)


def _is_left_out(name: str) -> bool:
    words = words_of(name)
    return bool(set(words) & _TIMES) or words[-1:] == ("id",)


def _byte(value: Any) -> int:
    return crc32(repr(value).encode("utf-8", "surrogatepass")) & 255
