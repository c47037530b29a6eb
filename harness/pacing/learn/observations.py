"""Keep what was sent and what became of it: everything that a belief about limits can be checked against."""

from __future__ import annotations

from array import array
from bisect import bisect_right, insort

from harness.pacing.base import Grant

# Sums of floats: far below the guard that every window carries, far above their rounding.
EPSILON_S = 1e-9
# A lost request matters to no window longer than this.
LONGEST_S = 31 * 86400.0
# A silence, as a part of a window's period, that most likely has the border in it: an importer sends as soon as it may,
# so that within a window there are none but the round trip of the one that goes ahead.
SILENCE = 0.15
# An answer that is later than another by this was not sent earlier, but for the slowest.
LATEST_S = 30.0


class Observations:
    """Accepted requests in order of their answers, those on their way, and those that were lost.

    One request of cost n stands n times. Slots are counted as in `harness.pacing`: a request occupies one from its
    send until one window after its answer. 16 bytes a request: a hidden daily quota may need them all.
    """

    def __init__(self, linger_s: float) -> None:
        self.sent: array[float] = array("d")
        self.answered: array[float] = array("d")
        self.sends: array[float] = array("d")  # the same as `sent`, in order of sending
        self.in_flight: dict[Grant, None] = {}  # in order of sending
        self.in_flight_cost = 0
        self.charging = False  # refused requests are believed to cost quota
        self.free = False  # they are known to cost nothing
        self.refused: array[float] = array("d")  # when they were answered
        self.refused_sends: array[float] = array("d")
        self.linger_s = linger_s
        self.lost: list[float] = []  # counted by the server no later than this

    def __len__(self) -> int:
        return len(self.answered)

    def send(self, grant: Grant) -> None:
        self.in_flight[grant] = None
        self.in_flight_cost += grant.cost

    def end(self, grant: Grant) -> None:
        """End the grant, however it is settled; KeyError if it was before."""
        del self.in_flight[grant]
        self.in_flight_cost -= grant.cost

    def accept(self, sent_s: float, answered_s: float, cost: int) -> None:
        for _ in range(cost):
            self.sent.append(sent_s)
            self.answered.append(answered_s)
            insort(self.sends, sent_s)

    def earliest_sent(self, first: int) -> float:
        """Return when the earliest of the requests from the `first` on was sent: later answers may be to
        earlier sends.
        """
        last = bisect_right(self.answered, self.answered[first] + LATEST_S)
        return min(self.sent[first:last])

    def opener(self, limit: int, accepted: int, refused_s: float) -> int:
        """Return the index of the oldest request that counts where `limit` are full and `accepted` were let through;
        negative where there were not so many. Refused requests up to `refused_s` count too where that is believed.
        """
        first, counted = accepted - limit, -1
        for _ in range(8):
            if not self.charging or counted == (counted := self._charged(max(0, first), refused_s)):
                break
            first = accepted - limit + counted
        return first

    def _charged(self, first: int, refused_s: float) -> int:
        return self.refused_between(self.sent[first], refused_s) if first < len(self.sent) else 0

    def in_flight_at(self, at: float) -> int:
        """Return how many that were let through were in flight then, one sent at that very moment included."""
        return bisect_right(self.sends, at) - bisect_right(self.answered, at)

    def lose(self, now: float, cost: int) -> None:
        self.lost = [at for at in self.lost if at > now - LONGEST_S] + [now + self.linger_s] * cost

    def refuse(self, sent_s: float, now: float) -> None:
        self.refused.append(now)
        insort(self.refused_sends, sent_s)

    def used(self, now: float, span_s: float, charging: bool | None = None) -> int:
        """Return slots of a window of `span_s` that may be occupied at `now`; by refused requests too
        where they count.
        """
        since = now - span_s + EPSILON_S
        lost = sum(at > since for at in self.lost) if self.lost else 0
        if self.charging if charging is None else charging:
            lost += len(self.refused) - bisect_right(self.refused, since)
        return self.in_flight_cost + len(self.answered) - bisect_right(self.answered, since) + lost

    def opened_s(self, now: float, span_s: float, period_s: float) -> float:
        """Return when the latest request within `span_s` was sent that came after a silence, of a window of `period_s`;
        else the first within it.
        """
        first = bisect_right(self.answered, now - span_s)
        for at in range(len(self.answered) - 1, first, -1):
            if self.sent[at] - self.answered[at - 1] > SILENCE * period_s:
                return self.sent[at]
        return self.sent[first] if first < len(self.sent) else now

    def accepted_between(self, since_s: float, until_s: float) -> int:
        """Return how many were answered in that time, and let through."""
        return bisect_right(self.answered, until_s) - bisect_right(self.answered, since_s)

    def refused_since(self, since_s: float) -> array[float]:
        """Return when requests were answered that were refused, from `since_s` on."""
        return self.refused[bisect_right(self.refused, since_s) :]

    def refused_between(self, since_s: float, until_s: float) -> int:
        """Return how many were answered in that time, and refused."""
        return bisect_right(self.refused, until_s) - bisect_right(self.refused, since_s)

    def opens_at(self, now: float, span_s: float, limit: int, cost: int) -> float | None:
        """Return when `cost` more fit into `limit` a window, if nothing more is sent; None: that takes an answer."""
        excess = self.used(now, span_s) + cost - limit
        if excess <= 0:
            return now
        since = now - span_s + EPSILON_S
        first = bisect_right(self.answered, since)
        lost = [at for at in self.lost if at > since]
        if self.charging:
            lost += self.refused[bisect_right(self.refused, since) :]
        if not lost:
            at = first + excess - 1
            return self.answered[at] + span_s if at < len(self.answered) else None
        freed = sorted([*self.answered[first : first + excess], *lost])
        return freed[excess - 1] + span_s if excess <= len(freed) else None

    def blur_s(self) -> float:
        """Return how much later than the first of two requests the second may have come than their sends
        say, at most.
        """
        recent = range(max(0, len(self.sent) - 20), len(self.sent))
        return 2 * max((self.answered[at] - self.sent[at] for at in recent), default=0.0)
