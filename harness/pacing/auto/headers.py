"""Everything that headers tell, limit by limit, and the beliefs that come of it."""

from __future__ import annotations

from harness.pacing.auto.belief import Belief
from harness.pacing.auto.history import History
from harness.pacing.auto.kept import Kept
from harness.pacing.auto.meter import Meter
from harness.pacing.auto.periods import Periods
from harness.pacing.auto.tightest import Tightest
from harness.pacing.auto.trust import Trust
from harness.pacing.base import Notice, Quota

_UNKNOWN = 10**9
# A reading that shows this many more used than we sent, so often, shows that somebody else sends too (or that the
# limit is a bucket shallower than its name): then only the server's own count opens it.
STRANGERS, READINGS = 2, 3
# Nothing left after each of the first so many requests, of a limit of more: one at a time, a bucket without any depth.
SINGLES = 3


class Headers:
    """The meters of one budget. Each has a belief, which opens by itself only once its period is known."""

    def __init__(self, history: History, trust: Trust) -> None:
        self._history = history
        self._trust = trust
        self.beliefs: dict[tuple[str, str | int | None], Belief] = {}
        self.tightest = Tightest(history, trust)
        self.periods = Periods(history, trust)
        self.kept = Kept(history)
        self._strange: dict[Belief, int] = {}
        self.single: Quota | None = None  # the latest limit that was seen to let one through at a time
        self._gone: set[tuple[str, str | int | None]] = set()
        self._singles: dict[tuple[str, str | int | None], int] = {}  # answers with nothing left, or any other below 0

    def read(self, notice: Notice | None, sent_s: float, now: float) -> list[Belief]:
        """Take in an answer's headers; the beliefs that are new or newly settled by them."""
        changed = []
        quotas = notice.quotas if notice is not None else ()
        self.periods.heard(notice, sent_s, now)
        told = {quota.header for quota in quotas if quota.remaining is not None}
        for (header, name), belief in self.beliefs.items():
            # Most servers show one limit at a time: what they said of the others is out of date.
            if belief.meter is not None and header in told and not any(_is(quota, header, name) for quota in quotas):
                belief.meter.outdate(sent_s, now)
                changed += [belief] if self.periods.settle(belief) else []
        self.tightest.read(notice, sent_s, now)
        for quota in quotas:
            key = (quota.header, quota.name or quota.limit)
            if self._is_single(key, quota, refused=notice is not None and notice.refused):
                continue
            if key not in self.beliefs:
                if not self._worth(quota):
                    continue
                self.beliefs[key] = self.periods.all[key] = _believe(quota)
                changed += [self.beliefs[key]] if self.beliefs[key].settled else []
            belief = self.beliefs[key]
            self._read(belief, quota, sent_s, now, refused=notice is not None and notice.refused)
            changed += [belief] if self.periods.settle(belief) else []
        return changed

    def _read(self, belief: Belief, quota: Quota, sent_s: float, now: float, refused: bool) -> None:
        meter, counted = belief.meter, f"{quota.header}-Remaining"
        assert meter is not None
        believed, ends = self._trust.believes(counted), self.periods.ends(quota, sent_s, now)
        meter.read(quota, sent_s, now, self._trust, refused, ends)
        if believed and not self._trust.believes(counted):
            self.forget_counts()
        if meter.polled and refused:
            belief.polls = False
        self._count_strangers(belief, quota, sent_s, now)
        self.periods.measure(meter, quota, ends)

    def _is_single(self, key: tuple[str, str | int | None], quota: Quota, refused: bool) -> bool:
        """Its count says nothing and its reset is in whole seconds: how soon the next may go is not told."""
        seen = self._singles.get(key, 0)
        if 0 <= seen < SINGLES and quota.remaining is not None and not refused:
            seen = self._singles[key] = seen + 1 if quota.remaining == 0 else -1
            # From the first request on: a limit that is shown only once it is used up has nothing left either.
            first = len(self._history) <= SINGLES + 1
            if seen == SINGLES and first and (quota.limit or 0) > SINGLES and key in self.beliefs:
                self.single = quota
                self._gone.add(key)
                del self.beliefs[key], self.periods.all[key]
        return key in self._gone

    def _worth(self, quota: Quota) -> bool:
        return quota.limit != 0 and (quota.limit is not None or quota.remaining is not None)

    def _count_strangers(self, belief: Belief, quota: Quota, sent_s: float, now: float) -> None:
        if quota.remaining is None or quota.limit is None or not self._trust.believes(f"{quota.header}-Remaining"):
            return
        # As the server counted when the request came, at its send or later.
        span_s = belief.span_s + now - sent_s if belief.settled else now + 1e9
        ours = self.kept.used(belief, now) if belief in self.kept.rules else self._history.used(now, span_s)
        if quota.limit - quota.remaining > ours + 1 + STRANGERS:
            self._strange[belief] = self._strange.get(belief, 0) + 1

    def is_shared(self, belief: Belief) -> bool:
        return self._strange.get(belief, 0) >= READINGS

    def explains(self, limit: int, low_s: float, high_s: float) -> Belief | None:
        """The limit that headers tell in a period of (low_s, high_s], if it is more than `limit`: others used the rest.

        It is taken for shared from then on.
        """
        for belief in self.beliefs.values():
            told = belief.settled and belief.meter is not None and belief.source == "header"
            if told and low_s < belief.high_s <= high_s * 1.02 and limit < belief.limit:
                self._strange[belief] = READINGS
                return belief
        return None

    def names_limits(self) -> bool:
        """Do headers tell of a limit, whatever its period?"""
        return any(belief.meter is not None and belief.limit < _UNKNOWN for belief in self.beliefs.values())

    def is_strangers(self, wait_s: float) -> bool:
        """Is a refusal that was over after `wait_s` what is to be expected of a limit that others use too?"""
        return any(self.is_shared(b) and b.settled and wait_s <= 1.05 * b.high_s for b in self.beliefs.values())

    def forget_counts(self) -> None:
        """Remaining is no longer believed."""
        for belief in self.beliefs.values():
            if belief.meter is not None:
                belief.meter.forget()


def _is(quota: Quota, header: str, name: str | int | None) -> bool:
    return quota.header == header and (quota.name or quota.limit) == name and quota.remaining is not None


def _believe(quota: Quota) -> Belief:
    meter = Meter(quota)
    period_s = quota.period_s or 1.0
    said = f"{meter.header}-Policy says so" if quota.period_s else f"{meter.header}-Limit says {quota.limit}"
    settled = quota.period_s is not None and quota.limit is not None
    return Belief(quota.limit or _UNKNOWN, period_s, period_s, "header", said, settled=settled, meter=meter)
