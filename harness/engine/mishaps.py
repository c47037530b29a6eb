"""What is held against a request until it has an answer: a connection found stale, refusals that may be none."""

from __future__ import annotations

from collections import Counter

from harness.engine.answers import Failed
from harness.engine.work import Task

TOO_MANY_REQUESTS = 429
# A 403 or 503 says less surely than a 429 that it is a limit's, and a real 403 must not be retried for ever.
# With the pauses that double from one probe to the next, that is two minutes of knocking at least.
MOST_DOUBTS = 8


class Mishaps:
    """Remembers, for each attempt that has had one, what went wrong without being the item's fault."""

    def __init__(self) -> None:
        self._stale: set[Task] = set()
        self._doubts: Counter[Task] = Counter()

    def first_stale(self, task: Task, failed: Failed) -> bool:
        """Was this the attempt's first reset of a connection that the server had closed while it lay idle?

        That says nothing of the item, and it is sent again at once; twice in a row says more.
        """
        first = failed.stale and task not in self._stale
        if first:
            self._stale.add(task)
        else:
            self._stale.discard(task)
        return first

    def beyond_doubt(self, task: Task, status: int) -> Failed | None:
        """The failure that a refusal turns out to be: a 403 or 503 that never ends is no refusal by a limit."""
        if status == TOO_MANY_REQUESTS:
            return None
        self._doubts[task] += 1
        if self._doubts[task] < MOST_DOUBTS:
            return None
        del self._doubts[task]
        why = f"refused {MOST_DOUBTS} times in a row as if by a limit"
        return Failed(f"status {status}", why, passing=status >= 500, sent=False)

    def over(self, task: Task) -> None:
        """It has an answer of another kind: nothing is held against it any more."""
        if self._stale or self._doubts:
            self._stale.discard(task)
            self._doubts.pop(task, None)
