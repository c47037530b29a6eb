"""Describe one limit that is believed to hold, and record it as it is learned.

A belief says how many, in which period, why, and how surely.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from harness.pacing.base import TierStatistics
from harness.pacing.learn.header_model import HeaderModel
from harness.pacing.learn.history import History
from harness.pacing.learn.prior import PERIODS
from harness.pacing.tiers import MAX_PERIOD_S, Kind, Tier
from harness.pacing.window import guard_s, paced_as

Source = Literal["declared", "header", "refusal", "remembered"]
# A period known to 2 % is known: more probes would cost more than they could gain.
FINE = 1.02
# What is left is no wider than this much of what round trips blur: no probe could tell more.
CLEAR = 1.1
# How close to the middle of what is left a usual period must be to be tried first.
NEAR = 0.08
# How close to both ends of what is left a usual period must be to be taken for the period.
CLOSE = 1.03


@dataclass(slots=True, eq=False)
class Belief:
    """`limit` units in a period that is longer than `low_s` and at most `high_s`, which is what is kept to.

    settled: it may open by itself; else only the header's own count opens it. told: the server named the end.
    """

    limit: int
    low_s: float
    high_s: float
    source: Source
    evidence: str
    kinds: tuple[Kind, ...] = ()
    settled: bool = True
    told: bool = False
    model: HeaderModel | None = None
    named: Tier | None = None  # as people wrote it
    tested_at: float = field(default=float("-inf"))
    armed_for: float | None = None  # when the slot was taken from which on a probe is to be timed
    polls: bool = True  # look whether room has come back before the reset, until that was refused once
    blur_s: float = 0.0  # how uncertain the round trips make what a probe tells of the period
    contradicted: int = 0
    belied: int = 0  # requests let through that it would have kept waiting
    longer_s: tuple[float, ...] = ()  # periods that were kept to before probes shortened it, the latest last
    low_was_s: float = 0.0  # before the last probe was refused
    shut_s: float = 0.0  # how long it is known to have refused before it was open again
    lead_s: float = 0.0  # how much earlier than a whole period ago slots come free: a declared floor of the round trip

    @property
    def tier(self) -> Tier:
        if self.named is not None:
            return self.named
        kind: Kind = "counter" if self.kinds == ("counter",) else "any"
        return Tier(max(1, self.limit), min(MAX_PERIOD_S, max(0.001, round(self.high_s, 3))), kind)

    @property
    def span_s(self) -> float:
        return max(0.0, self.high_s + guard_s(self.high_s) - self.lead_s)

    @property
    def trust(self) -> str:
        if not self.settled:
            return "tentative"
        return "high" if self.source == "declared" or (self.is_fine and not self.contradicted) else "fair"

    @property
    def is_fine(self) -> bool:
        return (
            (self.told and self.high_s <= 2.0 * self.low_s)
            or self.source != "refusal"
            or self.high_s <= FINE * self.low_s
            or self.high_s - self.low_s <= CLEAR * self.blur_s
        )

    def narrow(self, low_s: float | None = None, high_s: float | None = None) -> None:
        """Narrow the period by new evidence; once it is known well enough, the usual period in what is left is it."""
        if low_s is not None:
            self.low_s = max(self.low_s, low_s)
        if high_s is not None:
            self.high_s = min(self.high_s, high_s)
        self.high_s = max(self.high_s, self.low_s)
        near = [p for p in PERIODS if self.low_s < p <= self.high_s and self.high_s < p * CLOSE + 1.5 * self.blur_s]
        if len(near) == 1 and near[0] < self.low_s * CLOSE + 1.5 * self.blur_s:
            self.high_s, self.low_s, self.told = near[0], max(self.low_s, near[0] / CLOSE), True

    def narrow_to(self, period_s: float) -> None:
        """Take the period that a rate tells: the usual one if one is near."""
        near = min(PERIODS, key=lambda period: abs(period - period_s))
        self.low_s = self.high_s = near if abs(near - period_s) < (FINE - 1) * period_s else period_s

    def shorten(self, high_s: float) -> None:
        """Shorten the period, for a probe got through: it is no longer than that, if windows begin with the first
        request in them.
        """
        self.longer_s = (*self.longer_s, self.high_s)
        self.narrow(high_s=high_s)

    def acquit(self) -> None:
        """Take back what the probe seemed to say: another limit refused it."""
        self.low_s = self.low_was_s

    def lengthen(self, period_s: float) -> None:
        """Keep to this period again: an earlier, shorter guess was wrong. After the second time it is not tested any
        more.
        """
        self.low_s, self.high_s = max(self.low_s, min(self.high_s, period_s / FINE)), period_s
        self.kinds, self.longer_s = ("aligned",), ()
        self.contradicted += 1
        self.told = self.contradicted > 1
        self.evidence += f"; refused after {period_s:.3g} s all the same, so it began before its first request"

    def fits(self, now: float, cost: int, history: History) -> bool:
        return self.is_rate or history.used(now, self.span_s) + cost <= self.limit

    def opens_at(self, now: float, cost: int, history: History) -> float | None:
        return history.opens_at(now, self.span_s, self.limit, cost)

    @property
    def is_rate(self) -> bool:
        """Return whether it is kept to by the rate at which it lets through, its period being nothing but a guess."""
        return self.kinds == ("counter",) and not self.told

    def test_s(self) -> float | None:
        """Return a shorter period worth a probe; None where the period is known well enough.

        Just below a usual period if one is near, for that would settle it; else the middle, or just above a usual
        period that is near it.
        """
        if self.is_fine or self.is_rate:
            return None
        usual = [period for period in PERIODS if self.low_s < period < self.high_s]
        if usual and self.high_s < usual[-1] * FINE + self.blur_s:
            # So far below that getting through rules it out, whenever the two requests arrived.
            just_below_s = usual[-1] / FINE - 1.05 * self.blur_s
            if just_below_s > self.low_s:
                return just_below_s
        middle_s = (self.low_s + self.high_s) / 2
        near = min(usual, key=lambda period: abs(period - middle_s), default=0.0)
        return near * 1.004 if abs(near - middle_s) < NEAR * middle_s and near * 1.004 < self.high_s else middle_s

    def statistics(self, now: float, history: History) -> TierStatistics:
        used = history.used(now, self.span_s)
        left = max(0, self.limit - used)
        opens_at = self.opens_at(now, 1, history) if used >= self.limit else None
        full_at = history.answered[-1] + self.span_s if used and len(history) else None
        return TierStatistics(self.tier, used, left, opens_at, full_at, self.span_s)


def declared(tier: Tier, rtt_floor_s: float) -> Belief:
    """Return a belief in a limit that people named: paced as `window` would pace it."""
    limit, period_s = paced_as(tier)
    return Belief(limit, period_s, period_s, "declared", "declared", (tier.kind,), named=tier, lead_s=rtt_floor_s)
