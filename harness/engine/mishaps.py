"""What is held against a request until it has an answer: a connection that was found stale."""

from __future__ import annotations

from harness.engine.answers import Failed
from harness.engine.work import Task


class Mishaps:
    """Remembers which attempts met a stale connection, which is nobody's fault, once."""

    def __init__(self) -> None:
        self._stale: set[Task] = set()

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

    def over(self, task: Task) -> None:
        """It has an answer: nothing is held against it any more."""
        self._stale.discard(task)
