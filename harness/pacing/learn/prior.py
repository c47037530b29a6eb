"""Weigh evidence: which counts and periods people choose, and which headers have proved wrong.

Limits are set by people, and people like round numbers. Headers that are not believed stand in a ledger, with why:
it is written once and read by everyone.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from harness.pacing.base import RETRY_AFTER, Notice

# Periods in seconds by how common they are in documented limits: seconds, minutes, hours and days first.
_COMMON = (1.0, 10.0, 60.0, 3600.0, 86400.0)
_USUAL = (5.0, 15.0, 20.0, 30.0, 100.0, 120.0, 300.0, 600.0, 900.0, 1800.0, 7200.0, 21600.0, 43200.0, 604800.0)
_KNOWN = (2.0, 3.0, 4.0, 6.0, 8.0, 12.0, 25.0, 40.0, 45.0, 50.0, 90.0, 180.0, 200.0, 240.0, 1000.0, 1200.0, 10800.0)
_RARE = (0.1, 0.2, 0.25, 0.5)
_RANKED = (_COMMON, _USUAL, _KNOWN, _RARE)
PERIODS = tuple(sorted(_COMMON + _USUAL + _KNOWN))
# Borders at which a pause without any hint looks whether the window is over: each about twice the one before.
STEPS = (0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1800.0, 3600.0, 7200.0, 86400.0)


def period_between(low_s: float, high_s: float) -> float | None:
    """Return the most common period in (low_s, high_s], the longest of equals; else the longest whole one; None if
    none.
    """
    for ranked in _RANKED:
        fitting = [period for period in ranked if low_s < period <= high_s]
        if fitting:
            return max(fitting)
    whole = float(int(high_s))
    return whole if whole > low_s and whole >= 1 else None


def commonness(period_s: float) -> int:
    """Return how common a period is: 3 for a second or a minute, 2 for 20 s, 1 for 25 s, 0 for the rest."""
    return next((3 - at for at, ranked in enumerate(_RANKED[:3]) if period_s in ranked), 0)


def next_step(after_s: float) -> float:
    """Return the first border after `after_s`; beyond the last, a tenth more."""
    return next((step for step in STEPS if step > after_s), after_s * 1.1)


def roundness(count: int) -> int:
    """Return how round a count is: trailing zeros twice, a trailing 5 once: 500 -> 5, 2000 -> 6, 75 -> 1, 37 -> 0."""
    if count <= 0:
        return 0
    zeros = len(str(count)) - len(str(count).rstrip("0"))
    head = count // 10**zeros
    return 2 * zeros + (1 if head % 5 == 0 or head in (1, 2) else 0)


# What people put before "a second", "a minute", "an hour", the most usual first.
_HEADS = ((1.0, 2.0, 5.0, 10.0), (2.5, 3.0, 4.0, 6.0), (1.2, 1.5, 7.5, 8.0))
MOST_COUNTED = 10_000  # nobody writes more than that a minute, an hour or a day where so many a second would do
PER = (1.0, 60.0, 3600.0, 86400.0)


def rates_between(low: float, high: float) -> float | None:
    """Return the most usual rate above `low` and up to `high`, in requests a second, if that is less than a factor of
    two; the highest of equals, and None where there is none.
    """
    if high >= 2 * low or low <= 0:
        return None
    for per_s in PER:
        if per_s > 1 and low * per_s > MOST_COUNTED:
            break
        for heads in _HEADS:
            fitting = [rate for rate in _decades(heads, low * per_s, high * per_s) if rate >= 1]
            if fitting:
                return max(fitting) / per_s
    return None


def _decades(heads: tuple[float, ...], low: float, high: float) -> list[float]:
    """Return those of `heads`, times powers of ten, that lie in (low, high], a per cent or so above low."""
    scale = 10.0 ** math.floor(math.log10(low))
    return [head * ten for ten in (scale, 10 * scale) for head in heads if 1.01 * low <= head * ten <= 1.001 * high]


# Longer than any quota: real servers have said 10^9. Beyond it a header is noise.
ABSURD_S = 366 * 86400.0


@dataclass(slots=True)
class Trust:
    """Headers that were caught, each with the reason. slack_s: added to what a header rounds down, by header."""

    dropped: dict[str, str] = field(default_factory=dict)
    slack_s: dict[str, float] = field(default_factory=dict)

    def drop(self, header: str, why: str) -> bool:
        """Stop believing `header`; True where that is new."""
        if header in self.dropped:
            return False
        self.dropped[header] = why
        return True

    def believes(self, header: str) -> bool:
        return header not in self.dropped

    def too_short(self, header: str) -> bool:
        """Note that the limit was still shut at the time `header` named. First assume rounding down by a second; then
        distrust the header. Return True if people should be told.
        """
        if header not in self.slack_s:
            self.slack_s[header] = 1.0
            return True
        return self.drop(header, "it named an end, but the limit was still closed then, even a second later")

    def weigh(self, notice: Notice | None) -> str | None:
        """Return the header that a refusal's own words belie, where that is new: a Retry-After of 0, below, or of
        decades, or one that the body contradicts.
        """
        if notice is None or notice.retry_after_s is None:
            return None
        header, told, more = notice.waited_by, notice.retry_after_s, ""
        if notice.header_s is not None:
            header, told, more = RETRY_AFTER, notice.header_s, f", its body {notice.retry_after_s:g} s"
        if told == 0 and notice.retry_after_s <= 1.0:  # rounded down, perhaps
            return header if header not in self.slack_s and self.too_short(header) else None
        if told <= 0 or told > ABSURD_S:
            why = f"a refusal said {told:g} s" + (", longer than any quota" if told > 0 else more)
            return header if self.drop(header, why) else None
        return None

    def wait_s(self, header: str, seconds: float) -> float | None:
        """Return the wait that `header` asks for; None where it is not believed or means nothing."""
        wait_s = seconds + self.slack_s.get(header, 0.0)
        return wait_s if self.believes(header) and 0 <= seconds <= ABSURD_S and wait_s > 0 else None

    def sentences(self) -> tuple[str, ...]:
        dropped = [f"{header} is no longer trusted: {why}" for header, why in self.dropped.items()]
        rounded = [f"{header} is rounded down: a second is added" for header in self.slack_s if self.believes(header)]
        return (*dropped, *rounded)


def says_why(notice: Notice) -> bool:
    """Return whether an answer names a limit as its reason, in any header."""
    return notice.retry_after_s is not None or any(quota.remaining == 0 for quota in notice.quotas)
