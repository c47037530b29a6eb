"""What is left to do: pages and items that are ready, and retries that are not due yet."""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Iterable
from typing import NamedTuple

from harness.record.events import Key, Kind


class Task(NamedTuple):
    """One thing to fetch, and which attempt at it this is (from 1)."""

    kind: Kind
    key: Key
    attempt: int = 1


class Work:
    """Ready pages, ready items, and a heap of retries by the time at which they are due.

    What was never tried is ready as its bare key: a million items' tasks would take 80 MB.
    """

    def __init__(self) -> None:
        self.ready: dict[Kind, deque[Task | Key]] = {"page": deque(), "item": deque()}
        self._later: list[tuple[float, int, Task]] = []
        self._order = 0

    def add(self, kind: Kind, keys: Iterable[Key]) -> None:
        """Make `keys` ready for their first attempt, behind all that is."""
        self.ready[kind].extend(keys)

    def take(self, kind: Kind, place: float = 0.0) -> Task:
        """The first that is ready, or the one at `place` in the queue (1.0: the last); IndexError where nothing is."""
        ready = self.ready[kind]
        at = round(place * (len(ready) - 1)) if ready else 0
        taken = ready[at]
        del ready[at]
        return taken if isinstance(taken, Task) else Task(kind, taken)

    def put_back(self, task: Task, second: bool = False) -> None:
        """To the front: what was refused or returned is older than all that waits behind it. second: behind one."""
        self.ready[task.kind].insert(1 if second else 0, task)

    def retry(self, task: Task, at: float) -> None:
        self._order += 1
        heapq.heappush(self._later, (at, self._order, task))

    def promote(self, now: float) -> None:
        """Make retries ready that are due: to the front, so that an import ends with its last item, not after it."""
        while self._later and self._later[0][0] <= now:
            self.put_back(heapq.heappop(self._later)[2])

    @property
    def retry_at(self) -> float | None:
        """When the next retry is due."""
        return self._later[0][0] if self._later else None

    @property
    def last_retry_at(self) -> float | None:
        return max(at for at, _, _ in self._later) if self._later else None

    @property
    def retries(self) -> int:
        return len(self._later)

    def empty(self) -> bool:
        return not (self._later or self.ready["page"] or self.ready["item"])
