"""Hold the work of an import: what is ready, what waits for a retry, what is in flight, and what people asked for."""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from harness.core.answers import Fetch
from harness.pacing import Budget
from harness.record.events import Batch, ItemId, Key, Role, RunStatus, numbered
from harness.record.pages import Turn


class Task(NamedTuple):
    """One thing to fetch, and which attempt at it this is (from 1)."""

    role: Role
    key: Key
    attempt: int = 1


class Work:
    """Ready pages, ready items, and a heap of retries by the time at which they are due.

    What was never tried is ready as its bare key: a million items' tasks would take 80 MB. Numbered pages are ready
    as ranges, because a list may declare any number of them. Items that are asked for together are ready one by one,
    and are put together as they are taken: at most `batch` of the same attempt, next to each other.
    """

    def __init__(self, batch: int | None = None) -> None:
        self.batch = batch  # None: each item is asked for by itself
        self.ready: dict[Role, deque[Task | Turn]] = {"list": deque(), "item": deque()}
        self._later: list[tuple[float, int, Task]] = []
        self._order = 0

    def add(self, role: Role, keys: Iterable[Turn]) -> None:
        """Make `keys` ready for their first attempt, behind all that is; no range among them may be empty."""
        self.ready[role].extend(keys)

    def take(self, role: Role, place: float = 0.0) -> Task:
        """Take the first that is ready, or the one at `place` in the queue (1.0: the last); IndexError where nothing
        is.
        """
        ready = self.ready[role]
        at = round(place * (len(ready) - 1)) if ready else 0
        if role == "item" and self.batch is not None:
            ready.rotate(-at)
            together = self._together(self.batch)
            ready.rotate(at)
            return together
        taken = ready[at]
        if isinstance(taken, range) and len(taken) > 1:
            ready[at] = taken[1:]
        else:
            del ready[at]
        first = numbered(taken[0]) if isinstance(taken, range) else taken
        return first if isinstance(first, Task) else Task(role, first)

    def _together(self, most: int) -> Task:
        """Take the first items that can be asked for together; what was put back as a batch goes as it was."""
        ready = self.ready["item"]
        first = as_task("item", ready[0])
        if isinstance(first.key, Batch):
            ready.popleft()
            return first
        ids: list[ItemId] = []
        while ready and len(ids) < most:
            task = as_task("item", ready[0])
            if isinstance(task.key, Batch) or task.attempt != first.attempt:
                break
            ids.append(task.key)  # type: ignore[arg-type]
            ready.popleft()
        return first._replace(key=Batch(tuple(ids)))

    def fills_batch(self) -> bool:
        """Return whether the items that go next are a whole batch, or would not become one by waiting: retries, and
        what was put back.
        """
        ready = self.ready["item"]
        return len(ready) >= (self.batch or 1) or (bool(ready) and isinstance(ready[0], Task))

    def front(self, role: Role) -> Key | None:
        """Return what would be taken first; None where nothing is ready."""
        if not self.ready[role]:
            return None
        first = self.ready[role][0]
        return numbered(first[0]) if isinstance(first, range) else first.key if isinstance(first, Task) else first

    def put_back(self, task: Task, second: bool = False) -> None:
        """Put back what was refused or returned: at the front, for it is older than the rest. second: behind one."""
        ready = self.ready[task.role]
        first = self.take(task.role) if second and ready else None
        ready.appendleft(task)
        if first is not None:
            ready.appendleft(first)

    def retry(self, task: Task, at: float) -> None:
        self._order += 1
        heapq.heappush(self._later, (at, self._order, task))

    def to_retry(self) -> list[Task]:
        """Return what waits for a retry."""
        return [task for _, _, task in self._later]

    def promote(self, now: float) -> None:
        """Make retries ready that are due: to the front, so that an import ends with its last item, not after it."""
        while self._later and self._later[0][0] <= now:
            self.put_back(heapq.heappop(self._later)[2])

    @property
    def retry_at(self) -> float | None:
        """Return when the next retry is due."""
        return self._later[0][0] if self._later else None

    @property
    def last_retry_at(self) -> float | None:
        return max(at for at, _, _ in self._later) if self._later else None

    @property
    def retries(self) -> int:
        return len(self._later)

    def empty(self) -> bool:
        return not (self._later or self.ready["list"] or self.ready["item"])


def as_task(role: Role, ready: Task | Turn) -> Task:
    """Return what stands in the queue as a task; no range."""
    return ready if isinstance(ready, Task) else Task(role, ready)  # type: ignore[arg-type]


@dataclass(slots=True)
class InFlight:
    """A fetch on its way; `answered_s` and `status` once its headers are in.

    probe: it was sent to find out whose fault another answer was, or its own. compared: it was sent only to see whether
    it gets through; what it fetches is here already. token: the number of the token that it was sent with.
    """

    fetch: Fetch
    budget: Budget  # pays for it
    answered_s: float | None = None
    status: int | None = None
    probe: bool = False
    compared: bool = False
    token: int = 0

    @property
    def task(self) -> Task:
        return Task(self.fetch.role, self.fetch.key, self.fetch.attempt)


@dataclass(slots=True)
class Desired:
    """The wishes of people while it runs. stopping: why it is to end, and `status` as what."""

    workers: int
    paused: bool = False
    stopping: str | None = None
    status: RunStatus = RunStatus.STOPPED
