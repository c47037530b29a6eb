"""What is left of the limit that a server shows, and so of all.

Servers that show one limit at a time mostly show the tightest, so that any other has as much left at least, also one
that was never shown. Those that do not are found out when they refuse while there must be room.
"""

from __future__ import annotations

from harness.pacing.auto.history import History
from harness.pacing.auto.trust import Trust
from harness.pacing.base import Notice
from harness.pacing.room import Reading, Room


class Tightest:
    """The least that is left, by the family of headers that tells it."""

    def __init__(self, history: History, trust: Trust) -> None:
        self._history = history
        self._trust = trust
        self._rooms: dict[str, Room] = {}
        self._not: set[str] = set()

    def read(self, notice: Notice | None, sent_s: float, now: float) -> None:
        """Take in an answer's headers."""
        quotas = notice.quotas if notice is not None else ()
        for header in {quota.header for quota in quotas}:
            told = [quota.remaining for quota in quotas if quota.header == header and quota.remaining is not None]
            room = self._rooms.setdefault(header, Room())
            least = room.least
            if notice is not None and notice.refused and least is not None and least > self._history.in_flight_cost:
                self._not.add(header)
            if told:
                room.read(Reading(sent_s, now, min(told)))
            else:
                room.outdate(now)

    def shown_by(self, header: str) -> bool:
        """Is it the tightest that `header` shows, as far as is known?"""
        return header not in self._not

    def has_room(self, header: str, cost: int) -> bool:
        """Is there room in every limit that `header` tells of, whichever it shows?"""
        room = self._rooms.get(header)
        believed = self._trust.believes(f"{header}-Remaining") and self.shown_by(header)
        least = room.least if room is not None and believed else None
        return least is not None and least - self._history.in_flight_cost >= cost
