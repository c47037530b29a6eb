"""The id of a record: at one path, or made of several.

Several make one text: parts with slashes between them, in each of which `%` and `/` are percent-encoded. So
("a-b", "c") is `a-b/c` and ("a", "b-c") is `a/b-c`, and `parts` reads either back.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import unquote

from harness.record.refs import ItemId, canonical_id
from harness.spec.paths import Path


def joined(values: Sequence[ItemId]) -> ItemId:
    """Return the one id that `values` make together; a single one is itself."""
    if len(values) == 1:
        return canonical_id(values[0])
    return "/".join(str(canonical_id(value)).replace("%", "%25").replace("/", "%2F") for value in values)


def parts(item: ItemId, number: int) -> tuple[ItemId, ...]:
    """Return the `number` ids that `joined` made one of; ValueError where it cannot have."""
    if number == 1:
        return (item,)
    found = tuple(canonical_id(unquote(part)) for part in str(item).split("/"))
    if len(found) != number:
        raise ValueError(f"the id {item} is not made of {number} parts")
    return found


def usable(found: Any) -> ItemId | None:
    """Return a JSON value as an id; None for what can be none: null, a boolean, a fraction, empty text."""
    if isinstance(found, float) and found.is_integer():
        found = int(found)
    if isinstance(found, bool) or not isinstance(found, (int, str)) or found == "":
        return None
    try:
        str(found).encode()
    except (UnicodeEncodeError, ValueError):  # half a surrogate pair; an integer of thousands of digits
        return None
    return canonical_id(found)


def id_of(record: Any, paths: Sequence[Path]) -> ItemId | None:
    """Return the id of a record by its paths; None where one of them finds no id."""
    found = [usable(path.find(record)) for path in paths]
    return None if None in found else joined([one for one in found if one is not None])
