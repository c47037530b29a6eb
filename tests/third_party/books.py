"""What the servers of this folder serve: the same books, each by an id of another kind.

A list holds less than an item.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid5

BOOKS = 45
_SHELVES = UUID("6ba7b811-9dad-11d1-80b4-00c04fd430c8")


def number(at: int) -> int:
    """Return an id that is a number, and not the place in the list."""
    return 1000 + 7 * at


def slug(at: int) -> str:
    """Return an id that is a word."""
    return f"book-{at:03}"


def uuid(at: int) -> str:
    """Return an id that is a UUID."""
    return str(uuid5(_SHELVES, str(at)))


def brief(at: int) -> dict[str, Any]:
    """Return what a list says of a book, without its id."""
    return {"title": f"Book {at}", "pages": 100 + at}


def whole(at: int) -> dict[str, Any]:
    """Return all that is known of a book, without its id."""
    return {**brief(at), "author": f"Author {at % 7}", "price": at * 1.25, "note": None if at % 3 else f"Note {at} – ü"}
