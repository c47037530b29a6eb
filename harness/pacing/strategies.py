"""The strategies that people can name."""

from __future__ import annotations

from typing import Literal, get_args

from harness.pacing.base import Pacer
from harness.pacing.baselines import AimdPacer, BackoffPacer, ReferencePacer, RetryAfterPacer, SpacedPacer
from harness.pacing.learn import AutoPacer
from harness.pacing.tiers import Tiers
from harness.pacing.window import WindowPacer

Strategy = Literal["auto", "window", "spaced", "reference", "retry-after", "backoff", "aimd"]
STRATEGIES: tuple[str, ...] = get_args(Strategy)


def make_pacer(
    strategy: Strategy, tiers: Tiers, linger_s: float, rtt_floor_s: float, seed: int = 0, remembered: Tiers = ()
) -> Pacer:
    """A new pacer of that name; the last three know no limits and ignore them.

    seed: where it draws lots. remembered: what an earlier run learned; only `auto` starts from it.
    """
    match strategy:
        case "auto":
            return AutoPacer(tiers, linger_s, rtt_floor_s, remembered)
        case "window":
            return WindowPacer(tiers, linger_s, rtt_floor_s)
        case "spaced":
            return SpacedPacer(tiers, linger_s, rtt_floor_s, seed)
        case "reference":
            return ReferencePacer(tiers)
        case "retry-after":
            return RetryAfterPacer()
        case "backoff":
            return BackoffPacer(seed)
        case "aimd":
            return AimdPacer()
