"""What the driver needs of an API, so that a test or a protocol other than HTTP can stand in for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from harness.engine.answers import Result
from harness.pacing import Notice
from harness.record.events import ItemId, Key, Kind

# Told the headers of an answer; False means that the answer was a refusal and its body is not wanted.
OnHeaders = Callable[[Notice], bool]


@dataclass(frozen=True, slots=True)
class Got:
    """What became of a fetch, and the payloads (JSON text) to keep: the item's, or those of a list's records."""

    result: Result
    payloads: tuple[tuple[ItemId, str], ...] = ()


class Api(Protocol):
    """Where pages and items come from."""

    async def fetch(self, kind: Kind, key: Key, on_headers: OnHeaders) -> Got | None:
        """Ask for a page or an item; call `on_headers` once, when the headers are in. None after a refusal.

        Never raises for anything the network or the server does: that is a `Failed` result.
        """
