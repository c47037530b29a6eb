"""The strategies that people can name."""

from __future__ import annotations

from typing import Literal, get_args

from harness.pacing.auto import AutoPacer
from harness.pacing.base import Pacer
from harness.pacing.baselines import ReferencePacer, RetryAfterPacer
from harness.pacing.tiers import Tiers
from harness.pacing.window import WindowPacer

Strategy = Literal["auto", "window", "reference", "retry-after"]
STRATEGIES: tuple[str, ...] = get_args(Strategy)


def make_pacer(strategy: Strategy, tiers: Tiers, linger_s: float, rtt_floor_s: float, remembered: Tiers = ()) -> Pacer:
    """A new pacer of that name; `retry-after` knows no limits and ignores them.

    remembered: what an earlier run learned; only `auto` starts from it.
    """
    if strategy == "auto":
        return AutoPacer(tiers, linger_s, rtt_floor_s, remembered)
    if strategy == "window":
        return WindowPacer(tiers, linger_s, rtt_floor_s)
    if strategy == "reference":
        return ReferencePacer(tiers)
    return RetryAfterPacer()
