"""Does a record show a limit whose room comes back bit by bit? Pure, from its pauses.

Refused, and let in again after the least that a client waits, three times and more: no window does that. Between two
such refusals n requests got through, all of which were refilled, so that the rate is at least (n - 1) / the whole time;
and while the client sent there was room for no more: less than (n + 1) / the open time (`pacing.auto.refill`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from harness.pacing.auto.plausible import rates_between
from harness.pacing.auto.refilling import ALIKE, SHORT_S
from harness.pacing.tiers import Tier

ENOUGH = 3


@dataclass(frozen=True, slots=True)
class Pause:
    """Refused at `closed_s`, after `accepted`; shut for `shut_s` more, as far as is known; open again at `open_s`."""

    closed_s: float
    shut_s: float
    open_s: float
    accepted: int

    @property
    def is_short(self) -> bool:
        return self.open_s - self.closed_s - self.shut_s <= SHORT_S and self.shut_s <= SHORT_S


def rate_of(pauses: Sequence[Pause]) -> float | None:
    """Requests a second that come back, the most usual rate in question; None where the pauses show no such limit."""
    short = [pause for pause in pauses if pause.is_short]
    if len(short) < ENOUGH:
        return None
    low, high = 0.0, math.inf
    for before, pause in pairwise(pauses):
        if not pause.is_short or pause.closed_s <= before.open_s:
            continue
        n = pause.accepted - before.accepted
        # The latest word counts where they differ: windows that were found meanwhile spoil the first.
        low = max(low, (n - 1) / (pause.closed_s - before.closed_s))
        high = min(high, max(n, 1) / (pause.closed_s - before.open_s))
    if low <= 0:
        return None
    if low >= high:
        return low
    return rates_between(low, high) or low


def counted(tier: Tier, shut_s: float, rate: float) -> Tier:
    """`tier`, as a sliding counter where its rate is the one that comes back and it was shut for long."""
    slow = (1 - ALIKE) * tier.limit / tier.period_s <= rate <= (1 + ALIKE) * tier.limit / tier.period_s
    return Tier(tier.limit, tier.period_s, "counter") if slow and shut_s > SHORT_S else tier
