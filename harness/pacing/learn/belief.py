"""Describe one limit that is believed to hold, and record it as it is learned.

A belief says how many, in which period, why, and how surely.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from harness.pacing.base import TierStatistics
from harness.pacing.learn.header_model import HeaderModel
from harness.pacing.learn.hypotheses import Window
from harness.pacing.learn.observations import Observations
from harness.pacing.shared_quota import Reading
from harness.pacing.tiers import MAX_PERIOD_S, Kind, Tier
from harness.pacing.window import guard_s

Source = Literal["declared", "header", "refusal", "remembered"]


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
    polls: bool = True  # look whether room has come back before the reset, until that was refused once
    contradicted: int = 0
    belied: int = 0  # requests let through that it would have kept waiting
    bucket: Tier | None = None  # it refills bit by bit: kept to by `WindowPacer`

    @property
    def tier(self) -> Tier:
        if self.bucket is not None:
            return self.bucket
        kind: Kind = "counter" if self.kinds == ("counter",) else "any"
        return Tier(max(1, self.limit), min(MAX_PERIOD_S, max(0.001, round(self.high_s, 3))), kind)

    @property
    def span_s(self) -> float:
        return self.high_s + guard_s(self.high_s)

    @property
    def trust(self) -> str:
        if not self.settled:
            return "tentative"
        return "fair" if self.contradicted else "high"

    def belie(self, passed_s: float, said: str) -> None:
        """Shorten the period: a request got through that it would have blocked; no longer kept to after the second."""
        if self.high_s <= passed_s or self.belied > 1:
            self.settled = False
        self.belied += 1
        self.low_s, self.high_s = min(self.low_s, passed_s), min(self.high_s, passed_s)
        self.evidence += said
        if self.model is not None:
            self.model.most_s = min(self.model.most_s, passed_s)

    def correct(self, found: Window, told: bool, last: Reading | None, in_flight: int) -> tuple[str, str] | None:
        """Correct it to the tighter count and longer period that a refusal showed; return the header that this
        disproves, and why, if one is: as `last` it had said, with so many in flight, that more was left.
        """
        self.contradicted += 1
        self.bucket = None
        self.limit = min(self.limit, found.limit)
        self.low_s, self.high_s = found.low_s, max(found.high_s, self.high_s if self.settled else 0.0)
        self.kinds, self.evidence, self.told, self.settled = (), found.evidence, told, True
        if self.model is None or last is None or last.remaining <= in_flight:
            return None
        return f"{self.model.header}-Remaining", f"refused while it said {last.remaining} were left"

    def fits(self, now: float, cost: int, history: Observations) -> bool:
        return history.used(now, self.span_s) + cost <= self.limit

    def opens_at(self, now: float, cost: int, history: Observations) -> float | None:
        return history.opens_at(now, self.span_s, self.limit, cost)

    def statistics(self, now: float, history: Observations) -> TierStatistics:
        used = history.used(now, self.span_s)
        left = max(0, self.limit - used)
        opens_at = self.opens_at(now, 1, history) if used >= self.limit else None
        full_at = history.answered[-1] + self.span_s if used and len(history) else None
        return TierStatistics(self.tier, used, left, opens_at, full_at, self.span_s)
