"""Policies: how a server counts. `windows` and `buckets` count; a budget (in `base`) holds several at once."""

from __future__ import annotations

from harness_test_api.policies.base import ADMIT, Budget, OnRefusal, Penalising, Policy, Ruling, Verdict
from harness_test_api.policies.buckets import Concurrency, Gcra, LeakyBucket, TokenBucket
from harness_test_api.policies.windows import SlidingCounter, SlidingLog, aligned, anchored
from harness_test_api.tiers import Tier

__all__ = ["ADMIT", "Budget", "OnRefusal", "Policy", "Ruling", "Verdict", "make_policy"]


def make_policy(tier: Tier, epoch_offset: float) -> Policy:
    """A fresh policy for `tier`; epoch_offset: what added to `now` gives epoch seconds."""
    counting = _counting(tier, epoch_offset)
    return Penalising(counting, tier.penalty_s) if tier.penalty_s else counting


def _counting(tier: Tier, epoch_offset: float) -> Policy:
    match tier.kind:
        case "anchored":
            return anchored(tier)
        case "aligned":
            return aligned(tier, epoch_offset)
        case "log":
            return SlidingLog(tier)
        case "counter":
            return SlidingCounter(tier, epoch_offset)
        case "bucket":
            return TokenBucket(tier)
        case "gcra":
            return Gcra(tier)
        case "leaky":
            return LeakyBucket(tier)
        case "concurrency":
            return Concurrency(tier)
