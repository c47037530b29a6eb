"""When may a request go? Pure: no clock, no IO, no async.

**Arrival-interval accounting**, the rule of the `window` strategy. A request sent at s and answered at r reached
the server at some moment of [s, r], and nobody but the server knows which. So a slot comes free one window W after
the *answer* of the request that held it, judged at the *send* of the next; requests in flight hold their slots.

  Claim: no window of length W, closed at one end, sees more than L arrivals.
  Proof. Suppose L+1 requests arrive within less than W. Let x be the one of them that was sent last, at s(x).
  When x was granted, fewer than L others held a slot: each either in flight or answered less than W before s(x).
  So one of the L others, y, held none: it was answered at r(y) <= s(x) - W.
  y arrived by r(y), and x arrived at s(x) or later: their arrivals lie at least W apart. Contradiction.

The assumptions, each with a history in the tests that fails once it is dropped: (a) clocks agree to the guard of
max(1 ms, W/10,000); (b) the server counts a request before it answers it, and one that we give up on within the
linger; (c) the server's rule is no stricter than "L in any W" (sliding counters and small bursts are stricter; where
declared, they are kept by rules of their own, see `meters` and `phased`); (d) every request takes its own grant.
"""

from harness.pacing.base import (
    Grant,
    Later,
    LearnedFact,
    Notice,
    Outcome,
    Pacer,
    Planning,
    Quota,
    Statistics,
    TierStatistics,
    Unpaced,
)
from harness.pacing.baselines import AimdPacer, BackoffPacer, ReferencePacer, RetryAfterPacer, SpacedPacer
from harness.pacing.breaker import Breaker, Hold
from harness.pacing.budget import Budget
from harness.pacing.learn import AutoPacer
from harness.pacing.tiers import Tier, Tiers, format_tiers, parse_tiers
from harness.pacing.window import WindowPacer

__all__ = [
    "AimdPacer",
    "AutoPacer",
    "BackoffPacer",
    "Breaker",
    "Budget",
    "Grant",
    "Hold",
    "Later",
    "LearnedFact",
    "Notice",
    "Outcome",
    "Pacer",
    "Planning",
    "Quota",
    "ReferencePacer",
    "RetryAfterPacer",
    "SpacedPacer",
    "Statistics",
    "Tier",
    "TierStatistics",
    "Tiers",
    "Unpaced",
    "WindowPacer",
    "format_tiers",
    "parse_tiers",
]
