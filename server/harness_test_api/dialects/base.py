"""What a dialect is told, and what it says. A dialect is how a server puts its limits into headers and refusals."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from harness_test_api.errors import BadConfig
from harness_test_api.tiers import Tier

Headers = list[tuple[str, str]]


# These two are made for each request. Not frozen: that took three times as long.
@dataclass(slots=True)
class Level:
    """One tier as it stands after the decision. reset_s: seconds until the whole limit is there again, maybe inf.

    frees_s: seconds until some of it comes back; only where the `reset-next` lie asks for it.
    """

    tier: Tier
    remaining: int
    reset_s: float
    frees_s: float | None = None


@dataclass(slots=True)
class Situation:
    """One decision, as a dialect needs it.

    levels: all tiers of the budget, in the order written (at least one). binding: index of the tier that will
    refuse first, or that refused. refused: whether it was. retry_after_s: exact; None: no time can be named.
    epoch_s: the wall clock. client: whom the body may address.
    """

    levels: Sequence[Level]
    binding: int
    refused: bool
    retry_after_s: float | None
    epoch_s: float
    client: str = ""

    @property
    def level(self) -> Level:
        """The tier that binds."""
        return self.levels[self.binding]


@dataclass(frozen=True, slots=True)
class Refusal:
    """How a refusal is said: status, body (a JSON value, or text of `content_type`)."""

    status: int
    body: Any
    content_type: str = "application/json"


class Dialect(Protocol):
    """A server's way of telling its limits."""

    def headers(self, situation: Situation) -> Headers:
        """Headers for an answer that passed, or for a refusal."""

    def refusal(self, situation: Situation) -> Refusal:
        """Status and body of a refusal."""


def parse_refusal(text: str) -> Refusal | None:
    """`403`, or `400:BODY`: status and body of every refusal; None for no text, BadConfig for what cannot be read.

    A body that is JSON is sent as such, one that begins with `<` as HTML, any other as plain text.
    """
    if not text:
        return None
    status, colon, body = text.partition(":")
    if len(status) != 3 or not status.isascii() or not status.isdecimal() or not 200 <= int(status) <= 599:
        raise BadConfig(f"refusal: {text[:60]!r} does not begin with a status from 200 to 599; write 403 or 400:BODY")
    try:
        return Refusal(int(status), json.loads(body) if colon else {"message": "refused"})
    except (ValueError, RecursionError):
        return Refusal(int(status), body, "text/html" if body.lstrip().startswith("<") else "text/plain")


def whole_seconds(seconds: float) -> int:
    """Rounded up, at least 1: a client that waits so long is let in."""
    return max(1, math.ceil(seconds))


def retry_after(situation: Situation) -> Headers:
    """Retry-After as it should be (RFC 9110 section 10.2.3), on refusals whose end can be named."""
    if not situation.refused or situation.retry_after_s is None:
        return []
    return [("Retry-After", str(whole_seconds(situation.retry_after_s)))]


def too_many(situation: Situation) -> Refusal:
    """429 (RFC 6585 section 4) with a message, and the time to wait where one can be named."""
    body: dict[str, object] = {"message": "Too Many Requests"}
    if situation.retry_after_s is not None:
        body["retry_after"] = whole_seconds(situation.retry_after_s)
    return Refusal(429, body)


def reset_delta(level: Level) -> int:
    """Whole seconds to the reset, rounded up; where nobody knows it (concurrency), 1."""
    return math.ceil(level.reset_s) if math.isfinite(level.reset_s) else 1


def reset_epoch(situation: Situation, level: Level) -> int:
    """The epoch second of the reset, rounded up."""
    return math.ceil(situation.epoch_s + (level.reset_s if math.isfinite(level.reset_s) else 1))
