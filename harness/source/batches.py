"""Several items in one request: the URL that asks for them, and what its answer holds."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote

from harness.core.answers import BatchRead
from harness.record.events import Batch, ItemId, canonical_id

_IDS = re.compile(r"\{ids:([0-9]{1,6})\}")


def batch_size(template: str | None) -> int | None:
    """Return how many items one request may ask for, by `{ids:100}` in the URL of items; None where it holds none."""
    found = _IDS.search(template or "")
    return None if found is None else max(1, int(found[1]))


def batch_url(template: str, batch: Batch) -> str:
    """Return `template` with the ids of a batch, joined with commas."""
    return _IDS.sub(lambda _: ",".join(quote(str(item), safe="") for item in batch.ids), template)


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
