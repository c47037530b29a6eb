"""Decide when a request may go. Pure: no clock, no IO, no async. `window` has the theory, and the proof that it is
safe.
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
from harness.pacing.breaker import Breaker, Hold
from harness.pacing.budget import Budget
from harness.pacing.learn import AutoPacer, DeclaredPacer
from harness.pacing.strategies import AimdPacer, BackoffPacer, ReferencePacer, RetryAfterPacer, SpacedPacer
from harness.pacing.tiers import Route, Tier, Tiers, format_tiers, names_routes, parse_tiers
from harness.pacing.window import WindowPacer

__all__ = [
    "AimdPacer",
    "AutoPacer",
    "BackoffPacer",
    "Breaker",
    "Budget",
    "DeclaredPacer",
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
    "Route",
    "SpacedPacer",
    "Statistics",
    "Tier",
    "TierStatistics",
    "Tiers",
    "Unpaced",
    "WindowPacer",
    "format_tiers",
    "names_routes",
    "parse_tiers",
]
