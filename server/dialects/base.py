"""What a dialect is told, and what it says. A dialect is how a server puts its limits into headers and refusals."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from server.tiers import Tier

Headers = list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Level:
    """One tier as it stands after the decision. reset_s: seconds until the whole limit is there again."""

    tier: Tier
    remaining: int
    reset_s: float


@dataclass(frozen=True, slots=True)
class Situation:
    """One decision, as a dialect needs it.

    levels: all tiers of the budget, in the order written (empty: no limit). binding: index of the tier that will
    refuse first, or that refused. refused: whether it was. retry_after_s: exact; None: no time can be named.
    epoch_s: the wall clock.
    """

    levels: tuple[Level, ...]
    binding: int
    refused: bool
    retry_after_s: float | None
    epoch_s: float


@dataclass(frozen=True, slots=True)
class Refusal:
    """How a refusal is said: status and JSON body (headers come from `headers`)."""

    status: int
    body: dict[str, Any]


class Dialect(Protocol):
    """A server's way of telling its limits."""

    def headers(self, situation: Situation) -> Headers:
        """Headers for an answer that passed or a refusal; `levels` is not empty."""

    def refusal(self, situation: Situation) -> Refusal:
        """Status and body of a refusal."""
