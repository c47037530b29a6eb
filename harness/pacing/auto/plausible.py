"""Which counts and periods people choose: limits are set by people, and people like round numbers."""

from __future__ import annotations

import math

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
    """The most common period in (low_s, high_s], the longest of equals; else the longest whole one; None if none."""
    for ranked in _RANKED:
        fitting = [period for period in ranked if low_s < period <= high_s]
        if fitting:
            return max(fitting)
    whole = float(int(high_s))
    return whole if whole > low_s and whole >= 1 else None


def commonness(period_s: float) -> int:
    """How common a period is: 3 for a second or a minute, 2 for 20 s, 1 for 25 s, 0 for the rest."""
    return next((3 - at for at, ranked in enumerate(_RANKED[:3]) if period_s in ranked), 0)


def next_step(after_s: float) -> float:
    """The first border after `after_s`; beyond the last, a tenth more."""
    return next((step for step in STEPS if step > after_s), after_s * 1.1)


def roundness(count: int) -> int:
    """How round a count is: trailing zeros twice, a trailing 5 once: 500 -> 5, 2000 -> 6, 75 -> 1, 37 -> 0."""
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
    """The most usual rate above `low` and up to `high`, in requests a second, if that is less than a factor of two; the
    highest of equals, and None where there is none.
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
    """Those of `heads`, times powers of ten, that lie in (low, high], a per cent or so above low."""
    scale = 10.0 ** math.floor(math.log10(low))
    return [head * ten for ten in (scale, 10 * scale) for head in heads if 1.01 * low <= head * ten <= 1.001 * high]
