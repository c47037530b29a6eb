"""Several items in one request: what its answer holds of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from harness.core.answers import BatchRead
from harness.record.events import Batch, ItemId, canonical_id


def match_batch(batch: Batch, records: Iterable[tuple[ItemId, Any]]) -> tuple[BatchRead, dict[ItemId, Any]]:
    """Compare the records of an answer with the ids that were asked for; answers the records by those ids, too.

    An id in another case is the one that was asked for, unless both were. The sizes are left at 0. A record that comes
    twice counts once.
    """
    asked = {_folded(item): item for item in reversed(batch.ids)}
    exact = set(batch.ids)
    found: dict[ItemId, Any] = {}
    strangers: dict[ItemId, None] = {}
    for item, record in records:
        own = item if item in exact else asked.get(_folded(item))
        if own is None:
            strangers[item] = None
        elif own == item or own not in found:
            found[own] = record
    return BatchRead(dict.fromkeys(found, 0), tuple(strangers)), found


def _folded(item: ItemId) -> ItemId:
    return canonical_id(item.casefold()) if isinstance(item, str) else item
