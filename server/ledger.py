"""The truth: what the server admitted and refused, in all, per second, per route and per tier.

Grows with the seconds served, not with the requests: a second takes one small row.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from server.tiers import Tiers


class Ledger:
    """Counts of decisions; `now` is on the server's clock, seconds are counted from its start."""

    def __init__(self, started_at: float) -> None:
        self._started_at = started_at
        self.reset()

    def reset(self) -> None:
        """Forget the records; windows and buckets stay as they are."""
        self._per_second: dict[int, list[int]] = {}
        self._routes: dict[str, list[int]] = {}
        self._statuses: Counter[int] = Counter()
        self._refused_by: Counter[str] = Counter()
        self._units = 0

    def record(self, now: float, route: str, cost: int, status: int, refused_by: str | None) -> None:
        """Book one decision; refused_by: the tier that refused, as text, or None when admitted."""
        refused = refused_by is not None
        self._per_second.setdefault(int(now - self._started_at), [0, 0])[refused] += 1
        self._routes.setdefault(route, [0, 0])[refused] += 1
        self._statuses[status] += 1
        if refused_by is None:
            self._units += cost
        else:
            self._refused_by[refused_by] += 1

    def report(self, tiers: Tiers) -> dict[str, Any]:
        """All counts, ready for JSON."""
        admitted = sum(counts[0] for counts in self._routes.values())
        refused = sum(counts[1] for counts in self._routes.values())
        return {
            "admitted": admitted,
            "refused": refused,
            "units": self._units,
            "routes": {name: _pair(counts) for name, counts in sorted(self._routes.items())},
            "statuses": {str(status): count for status, count in sorted(self._statuses.items())},
            "tiers": [
                {"tier": str(tier), "admitted": admitted, "refused": self._refused_by[str(tier)]} for tier in tiers
            ],
            "per_second": [{"t": t, **_pair(counts)} for t, counts in sorted(self._per_second.items())],
        }


def _pair(counts: list[int]) -> dict[str, int]:
    return {"admitted": counts[0], "refused": counts[1]}
