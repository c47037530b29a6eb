"""What is left at least, whatever the latency does.

**Room, read safely.** An answer's Remaining is the server's count at some moment between its send and its answer.
Of the answered requests let j be the one that arrived last; nobody knows which it is, but it is one of those
answered no earlier than the latest send of any. What arrived after j is still in flight. So

    room >= min over those candidates of Remaining - units in flight

whatever the latency, for windows, logs and buckets alike: a window's turn or a refill only adds to it.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Reading:
    """One answer's word: sent, answered, what was left."""

    sent_s: float
    answered_s: float
    remaining: int


class Room:
    """The readings that may be the last."""

    def __init__(self) -> None:
        self._candidates: list[Reading] = []
        self._latest_sent_s = self._unread_until_s = float("-inf")

    def read(self, reading: Reading) -> None:
        """Take in one more."""
        self._latest_sent_s = max(self._latest_sent_s, reading.sent_s)
        self._candidates = [old for old in self._candidates if old.answered_s >= self._latest_sent_s]
        self._candidates.append(reading)

    def outdate(self, answered_s: float) -> None:
        """An answer without a reading. It may have arrived after all that were read: only after one that was sent later
        is it known again what was left.
        """
        self._candidates = []
        self._unread_until_s = max(self._unread_until_s, answered_s)

    def forget(self) -> None:
        """What was read is not believed."""
        self._candidates = []

    @property
    def least(self) -> int | None:
        """What was left by the lowest word that may be the last; None where there is none."""
        if self._latest_sent_s < self._unread_until_s:
            return None
        return min((reading.remaining for reading in self._candidates), default=None)

    @property
    def is_exact(self) -> bool:
        """Is it known which word is the last?"""
        return len(self._candidates) == 1 and self.least is not None
