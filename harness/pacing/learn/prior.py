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
# Where a pause without any hint looks whether it is over: seconds as people choose them, none more than a third beyond
# the last from 3 s on. With a factor g, the first pause and the halving of what it leaves cost at most 2 (g - 1)
# windows; 0.95 of the best over 13 windows allows 0.63, so that g must be 1.32. Looking twice as often would cost ten
# refusals more and gain a tenth of a window.
LADDER = (
    0.5, 1, 2, 3, 4, 5, 6, 8, 10, 12, 15, 20, 25, 30, 40, 50, 60, 75, 90, 120, 150, 180, 240, 300, 400, 500, 600, 750,
    900, 1200, 1500, 1800, 2400, 3000, 3600, 4800, 5400, 7200, 9000, 10800, 14400, 18000, 21600, 28800, 36000, 43200,
    57600, 72000, 86400,
)  # fmt: skip


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


# Of refusals that may be no limit's only eight probes are sent before everyone gives up (`core.rulings`): these reach
# ten minutes in eight. Of four ladders that do, this one lost least over 14 periods from 2 s to ten minutes: 0.94 of
# who knows, where 1, 2, 5, 20, 60 and 180 s reach 0.92.
DOUBTFUL_LADDER = (0.5, 1, 5, 10, 20, 60, 120, 300, 600, 1800, 3600, 21600, 86400)


def next_step(after_s: float, doubtful: bool = False) -> float:
    """Return the first step of the ladder after `after_s`; beyond the last, a tenth more."""
    ladder = DOUBTFUL_LADDER if doubtful else LADDER
    return next((float(step) for step in ladder if step > after_s), after_s * 1.1)


def next_usual(after_s: float) -> float:
    """Return the first usual period after `after_s`; beyond the last, half as much more."""
    return next((period for period in PERIODS if period > after_s and commonness(period) > 1), after_s * 1.5)


# Bits: -log2 of how often a count as round, or a period as common, is chosen; read off the limits in APIS.md, roughly.
# What nobody would choose (37, or a third of a second) is as long as two limits that people would.
_COUNT_BITS = (12.0, 9.0, 7.0, 4.5, 3.5, 2.0, 1.0)
_PERIOD_BITS = (6.0, 4.0, 2.5, 1.5)
NO_PERIOD_BITS, NO_WINDOW_BITS = 9.0, 14.0
# One or two at a time are no window that anybody would choose.
FEW, FEW_BITS = 2, 16.0


def count_bits(count: int) -> float:
    """Return the length of a count's description."""
    if count <= FEW:
        return FEW_BITS
    bits = _COUNT_BITS[min(roundness(count), len(_COUNT_BITS) - 1)]
    # Five a second are usual, though five is not as round as five hundred.
    return min(2.0 * math.log2(count), bits) if roundness(count) else bits


def period_bits(low_s: float, high_s: float) -> float:
    """Return the length of the shortest description of a period in (low, high]: usual ones first, then whole ones."""
    if high_s < 0.9:
        return NO_WINDOW_BITS
    common = [commonness(period) for period in PERIODS if low_s < period <= high_s]
    if common:
        return _PERIOD_BITS[max(common)]
    return _PERIOD_BITS[0] if math.floor(high_s) > low_s else NO_PERIOD_BITS


# A period is settled once it lies so near to both ends of what is left.
CLOSE = 1.03
# Where another whole one is left beside it, which is less usual: 60 s are told from 59.
CLOSER = 1.01


def wholes(low_s: float, high_s: float) -> list[float]:
    """Return the periods in (low, high] that people would choose: whole seconds up to two minutes, then rounder ones.

    Fifty at most, so that a wide range is looked through in no time.
    """
    grain = 1.0 if high_s <= 120 else 5.0 if high_s <= 600 else 60.0 if high_s <= 7200 else 600.0
    first, last = math.floor(low_s / grain) + 1, math.floor(high_s / grain)
    if last - first > 50:
        return [period for period in PERIODS if low_s < period <= high_s]
    return [grain * at for at in range(first, last + 1)]


def settled_period(low_s: float, high_s: float, blur_s: float) -> float | None:
    """Return the period that people would choose, where one alone is left, and near enough to both ends: of whole ones,
    or of usual ones.
    """
    whole = wholes(low_s, high_s)
    for close, choices in ((CLOSE, whole), (CLOSER, [period for period in whole if commonness(period) > 1])):
        near = [p for p in choices if high_s < p * close + 1.5 * blur_s and p < low_s * close + 1.5 * blur_s]
        if len(choices) == len(near) == 1:
            return near[0]
    return None


def worth_trying(low_s: float, high_s: float, blur_s: float) -> float:
    """Return the time after a window's opening at which one early request tells most of its period.

    Just below the usual period at the upper end, if there is one: refused, that is it. Else a hair above the whole
    period nearest to the middle; else the middle.
    """
    usual = [period for period in PERIODS if low_s < period <= high_s and commonness(period) > 1]
    last = usual[-1:] or wholes(low_s, high_s)[-1:]
    if last and high_s < last[0] * CLOSE + 1.5 * blur_s:  # as near as `settled_period` asks
        below_s = last[0] / 1.02 - 1.05 * blur_s
        alone = usual or len(wholes(low_s, high_s)) == 1
        if below_s > low_s and alone:
            return below_s
    middle_s = (low_s + high_s) / 2
    above = [p * 1.004 + blur_s / 2 for p in wholes(low_s, high_s) if p * 1.004 + blur_s / 2 < 0.99 * high_s]
    return min(above, key=lambda at: abs(at - middle_s), default=middle_s)


# So much rounder must a count be with the refusals in its window than without them for these to count.
ROUNDER, ROUND = 2, 3


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
