"""An id that stands for another record on a later page, and one whose record was only changed."""

from __future__ import annotations

from typing import Any

import pytest

from harness.source.redefined import Redefined

BOOK = {"id": 3, "title": "Emma", "author": "Austen", "pages": 474, "updated_at": "2026-01-01", "owner_id": 7}


def again(record: Any, redefined: Redefined | None = None) -> Any:
    redefined = redefined or Redefined()
    assert redefined.other_record([(3, BOOK)]) is None
    return redefined.other_record([(4, BOOK), (3, record)])


@pytest.mark.parametrize(
    "record",
    [
        BOOK,
        dict(reversed(BOOK.items())),
        {**BOOK, "updated_at": "2026-02-02", "owner_id": 8},
        {**BOOK, "pages": 475, "updated_at": "2026-02-02"},
        {**BOOK, "pages": 475, "subtitle": "new"},
        "text",
    ],
)
def test_the_same_record_or_one_that_was_changed(record: Any) -> None:
    """A border that two pages share, in any order of fields; a field or a time that changed, one that came."""
    assert again(record) is None


def test_another_record() -> None:
    """Most fields differ: an id of another shelf, say."""
    assert again({**BOOK, "title": "Ulysses", "author": "Joyce"}) == 3


def test_where_there_is_one_field_the_third_record_shows_it() -> None:
    """`{"id": 3, "name": ...}`: one that differs may have been renamed, several were not."""
    redefined, names = Redefined(), "abcdef"
    assert redefined.other_record([(n, {"id": n, "name": name}) for n, name in enumerate(names)]) is None
    assert redefined.other_record([(n, {"id": n, "name": names[n] + "x"}) for n in (0, 1)]) is None
    assert redefined.other_record([(n, {"id": n, "name": names[n] + "x"}) for n in (2, 3)]) == 2


def test_records_without_fields_are_not_compared() -> None:
    """Ids alone say nothing of what they stand for."""
    redefined = Redefined()
    assert redefined.other_record([(1, {"id": 1}), (2, {"id": 2, "updated": "x"})]) is None
    assert redefined.other_record([(1, {"id": 1}), (2, {"id": 2, "updated": "y"})]) is None
