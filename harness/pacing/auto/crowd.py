"""How many may be in flight at once: learned where a burst is refused in part, and what was left is let in at once."""

from __future__ import annotations

from harness.pacing.auto.history import History
from harness.pacing.auto.news import News
from harness.pacing.auto.refill import Emptied
from harness.pacing.base import Grant, Later

# So many let through with the most that is allowed in flight, then one more is tried: once it is refused, never again.
ENOUGH = 100


class Crowd:
    """At most `cap` in flight, None: no such limit is known. Dropped by a refusal that comes with no more than that."""

    def __init__(self, history: History) -> None:
        self._history = history
        self.cap: int | None = None
        self._most = 0  # others in flight when a request was sent that got through
        self._others: dict[Grant, int] = {}
        self._full = 0  # got through with as many in flight as allowed
        self._tried = self._raised = False
        self._taught: Emptied | None = None
        self.dropped: Emptied | None = None  # the pause that taught what was wrong

    def later(self) -> Later | None:
        full = self.cap is not None and len(self._history.in_flight) >= self.cap
        return Later(None, "in flight") if full else None

    def sent(self, grant: Grant) -> None:
        self._others[grant] = len(self._history.in_flight)

    def accepted(self, grant: Grant) -> None:
        others = self._others.pop(grant, 0)
        self._most = max(self._most, others)
        if self.cap is not None and others + 1 >= self.cap and not self._tried:
            self._full += 1
            if self._full >= ENOUGH:
                self.cap, self._full, self._raised = self.cap + 1, 0, True

    def ended(self, grant: Grant) -> int:
        """How many others were in flight when it was sent."""
        return self._others.pop(grant, 0)

    def is_crowded(self, others: int) -> bool:
        """More in flight than ever got through, or one more than always did?"""
        return others > self._most or (self._raised and others + 1 == self.cap)

    def learn(self, others: int, emptied: Emptied) -> News | None:
        """A refusal with `others` in flight was over at once; what is new of it, if it may be for their number."""
        if not self.is_crowded(others):
            return None
        if self._raised and self.cap is not None:
            self.cap, self._raised, self._tried = self.cap - 1, False, True
            return News(f"{self.cap} in flight", "concurrency", "one more was refused", "high")
        self.cap, self._taught, self._full = self._most + 1, emptied, 0
        why = f"refused with {others + 1} in flight, and let in at once with fewer"
        return News(f"{self.cap} in flight", "concurrency", why, "fair")

    def refused(self, others: int) -> None:
        """Refused with no more in flight than got through before: it is not for their number."""
        if self.cap is not None and not self.is_crowded(others):
            self.cap, self.dropped, self._raised = None, self._taught, False

    def sentences(self) -> list[str]:
        return [] if self.cap is None else [f"at most {self.cap} in flight"]
