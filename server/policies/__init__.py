"""Policies: how a server counts. One module per way of counting; `budget` holds several at once."""

from __future__ import annotations

from server.errors import BadConfig
from server.policies.base import ADMIT, Policy, Verdict
from server.policies.budget import Budget, OnRefusal, Ruling
from server.policies.windows import anchored
from server.tiers import Tier

__all__ = ["ADMIT", "Budget", "OnRefusal", "Policy", "Ruling", "Verdict", "make_policy"]


def make_policy(tier: Tier, epoch_offset: float) -> Policy:
    """A fresh policy for `tier`; epoch_offset: what added to `now` gives epoch seconds."""
    del epoch_offset
    if tier.kind != "anchored":
        raise BadConfig(f"the limit {str(tier)!r} is of a kind not served yet; leave the kind out")
    return anchored(tier)
