"""How long the windows are that headers tell of without saying so: measured from resets, by the server's own clock
where that is known.
"""

from __future__ import annotations

import math

from harness.pacing.auto.belief import Belief
from harness.pacing.auto.history import History
from harness.pacing.auto.meter import ROUNDED_UP_S, Meter
from harness.pacing.auto.trust import ABSURD_S, Trust
from harness.pacing.base import Notice, Quota
from harness.pacing.phased import ServerClock


class Periods:
    """Settles beliefs; `all` are those that headers made."""

    def __init__(self, history: History, trust: Trust) -> None:
        self._history = history
        self._trust = trust
        self.clock = ServerClock()
        self.all: dict[tuple[str, str | int | None], Belief] = {}

    def heard(self, notice: Notice | None, sent_s: float, now: float) -> None:
        """An answer: its Date, if it has one, tells of the server's clock."""
        if notice is not None and notice.server_utc_s is not None:
            self.clock.learn(sent_s, now, notice.server_utc_s)
        else:
            self.clock.second_ends = math.inf

    def settle(self, belief: Belief) -> bool:
        """Once a window's turn was seen where Reset said, or where only Reset can tell."""
        meter = belief.meter
        assert meter is not None
        kin = self.kin(belief)
        period_s = meter.whole_period_s(kin)
        if period_s is None or meter.limit is None:
            return False
        counter_s = self.counter_s(belief)
        if counter_s is not None:
            return self._count(belief, counter_s)
        if belief.settled:
            learned = meter.period_s is None and belief.source == "header" and not belief.told
            if learned and period_s != belief.high_s:
                belief.low_s = belief.high_s = period_s
                return True
            return False
        if meter.turns == 0 and meter.last is not None and not self._shows_period(meter, kin):
            return False
        belief.low_s = belief.high_s = period_s
        belief.settled = True
        belief.evidence = f"{meter.header}-Limit says {meter.limit}, and its Reset was {period_s:g} s away at most"
        return True

    def counter_s(self, belief: Belief) -> float | None:
        """The period of a sliding counter, if `belief` or another limit of the same header is known to be one."""
        meter = belief.meter
        if meter is None or meter.counter_s() is not None:
            return None if meter is None else meter.counter_s()
        kin = (other.meter for other in self.all.values())
        counts = any(o is not None and o.header == meter.header and o.counter_s() is not None for o in kin)
        return meter.period_s if counts else None

    def _count(self, belief: Belief, period_s: float) -> bool:
        if "counter" in belief.kinds:
            return False
        belief.low_s = belief.high_s = period_s
        belief.settled, belief.kinds = True, ("counter",)
        belief.evidence += f"; its Reset is up to two periods of {period_s:g} s ahead, so that it is a sliding counter"
        return True

    @staticmethod
    def _shows_period(meter: Meter, kin: bool | None) -> bool:
        """Before any turn: by resets that have always been a whole window away, or by the very first one."""
        as_far = (meter.first_reset_s or 0.0) > meter.longest_reset_s - ROUNDED_UP_S
        if meter.is_log(kin):
            return as_far and meter.least == 0
        # A window that opened with our first request lasts until its reset; where half of a bucket is used its reset
        # has run away from the first.
        used = meter.limit is not None and meter.last is not None and 2 * meter.last.remaining <= meter.limit
        return meter.fresh and used and as_far and not meter.shape.grows

    def kin(self, belief: Belief) -> bool | None:
        """Does another limit of the same header count as a log? None where that is not known of any."""
        others = (other.meter for other in self.all.values() if other is not belief)
        known = [o.shape.moves for o in others if o is not None and belief.meter and o.header == belief.meter.header]
        return True if True in known else False if False in known else None

    def ends(self, quota: Quota, sent_s: float, now: float) -> tuple[float, float]:
        """Between which times the window ends by this answer, if its reset is rounded up."""
        reset_s = quota.reset_s or 0.0
        if quota.reset_utc_s is None or not self.clock.known:
            return sent_s + reset_s - ROUNDED_UP_S, now + reset_s
        low, high = self.clock.bounds(now)
        return quota.reset_utc_s - 1 - high, quota.reset_utc_s - low

    def measure(self, meter: Meter, quota: Quota, ends: tuple[float, float]) -> None:
        """With nothing in flight the count of what is used leads back to the request that opened the window."""
        used = None if self._history.in_flight else meter.used
        if meter.period_s is not None or used is None or (meter.spans_s is not None and 4 * used > (quota.limit or 0)):
            return
        opener = len(self._history) - used
        reset_s = quota.reset_s
        if reset_s is None or not 0 <= reset_s <= ABSURD_S or not 0 < used <= len(self._history):
            return
        slack_s = self._trust.slack_s.get(f"{meter.header}-Reset", 0.0)
        low_s = ends[0] - self._history.answered[opener]
        high_s = ends[1] + slack_s - self._history.earliest_sent(opener)
        meter.span(max(0.0, low_s), high_s)
