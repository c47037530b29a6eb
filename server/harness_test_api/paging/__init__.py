"""Paging: how a list is cut into pages, one module per way."""

from __future__ import annotations

from collections.abc import Callable

from harness_test_api.errors import BadConfig
from harness_test_api.paging.base import BadQuery, Page, Pager
from harness_test_api.paging.keyset import Cursor, Keyset
from harness_test_api.paging.numbered import LinkHeader, NumberedPages
from harness_test_api.paging.offset import Offset

__all__ = ["PAGERS", "BadQuery", "Page", "Pager", "make_pager"]

PAGERS: dict[str, Callable[[bool], Pager]] = {
    "page": NumberedPages,
    "offset": Offset,
    "cursor": Cursor,
    "link": LinkHeader,
    "keyset": Keyset,
}


def make_pager(name: str, total: bool) -> Pager:
    """The way of paging called `name`; BadConfig for an unknown one."""
    if name not in PAGERS:
        raise BadConfig(f"paging: {name!r} is unknown; use {', '.join(PAGERS)}")
    return PAGERS[name](total)
