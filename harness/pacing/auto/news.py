"""What a strategy has learned, as it is recorded and shown."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class News:
    """Something new that is believed. limit: as in the grammar of limits, empty where the news is of a header.

    kind: how the server seems to count, or `trust` where a header is no longer believed. evidence: why, for people.
    trust: high, fair, tentative or none.
    """

    limit: str
    kind: str
    evidence: str
    trust: str
