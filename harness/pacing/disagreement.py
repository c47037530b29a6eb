"""Does a header say another limit than the one that is declared?

A preset's limits are what a page of documentation said on some day, and for some plan; a header is what this server
says now, of this key. Where the two differ, a person is told, and chooses: a header may be wrong as well.

A header of the same number agrees, whatever period stands beside it: many headers say none. So does one that names what
a bucket holds.
"""

from __future__ import annotations

from collections.abc import Iterable

from harness.pacing.base import Quota
from harness.pacing.tiers import Tiers, format_tiers
from harness.units import format_period


def disagreement(declared: Tiers, quotas: Iterable[Quota]) -> str | None:
    """Return, in one sentence, what headers say of a limit that is none of the declared ones; None where they agree.

    Nothing is said of one that may be looser than what is declared: to keep to less is allowed.
    """
    for quota in quotas:
        if declared and quota.limit is not None and quota.limit > 0 and not _may_hold(declared, quota):
            period = "PERIOD" if quota.period_s is None else format_period(quota.period_s)
            said = f"{quota.limit:,}" if quota.period_s is None else f"{quota.limit}/{period}"
            advice = f"if the header is right, give --limit {quota.limit}/{period}"
            return f"{quota.header} says a limit of {said}, where {format_tiers(declared)} is declared: {advice}"
    return None


def _may_hold(declared: Tiers, quota: Quota) -> bool:
    """Return whether a limit in a header is one of the declared ones, or looser than what they let through."""
    limit, period_s = quota.limit or 0, quota.period_s
    rates = [tier for tier in declared if tier.kind != "concurrency"]
    if not rates or any(limit in (tier.limit, tier.depth) for tier in declared):
        return True
    if period_s is None:
        return limit > max(tier.limit for tier in rates)
    return limit >= min(tier.limit * max(1.0, period_s / tier.period_s) for tier in rates)
