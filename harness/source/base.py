"""Define what the driver needs of an API, so that a test or a protocol other than HTTP can stand in for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from harness.core.answers import Result
from harness.pacing import Notice
from harness.record.events import ItemId, Key, Role

# Told what an answer says of limits; False means that nothing more of it is wanted: it was a refusal, say.
OnHeaders = Callable[[Notice], bool]


@dataclass(frozen=True, slots=True)
class Got:
    """The outcome of a fetch, and the payloads (JSON text) to keep: the item's, or those of a list's records."""

    result: Result
    payloads: tuple[tuple[ItemId, str], ...] = ()


class Api(Protocol):
    """The source of pages and items."""

    async def fetch(
        self,
        role: Role,
        key: Key,
        on_headers: OnHeaders,
        *,
        credential: str | None = ...,
        target: str | None = ...,
    ) -> Got | None:
        """Ask for a page, an item or a token; call `on_headers` once, and answer None where it says False.

        credential: the name of the key that it goes with, where there are several. target: where the request was
        redirected to. Neither is said where there is nothing to say, so that an API without such need not know them.

        It is called when the headers are in; where only the body tells whether the answer is a refusal, when that has
        been read (at most 64 kB of an error's) or could not be.

        Never raises for anything the network or the server does: that is a `Failed` result.
        """
