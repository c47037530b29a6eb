"""The least time an import can take: a true lower bound of its makespan. Pure; no clock.

The model, kinder than any server and any network: time starts when the first request arrives; every limit starts
unused; the listing is the friendliest one with as many pages; `rtt_s` is the least way there plus the least way
back (the least *observed* round trip is never below that sum, so it is safe only when the two ways do not wander).
The makespan is then at least the last arrival plus `rtt_s`. Why the last arrival cannot be earlier: let x[i] be the
i-th arrival in order of time, whatever was asked.

    chain     x[i] >= t           if fewer than i requests can arrive before t, the list's round trips considered
    log       x[i+L] >= x[i] + W                                             (`any`, undeclared, is held to the log)
    workers   x[i+w] >= x[i] + rtt_s        of w+1 requests one worker sends two, the later after the earlier's answer
    bucket    x[i+m] >= x[i] + (m+1-b) W/L      b at once, then one each W/L; gcra is the same rule, and so is leaky
              with b = queue + 1, whose answers moreover come W/L apart
    at once   x[i+c] >= x[i] + rtt_s            concurrency c, as workers
    aligned   x[i+(k+1)L] >= x[i] + kW      a span touches a window more than it fills; x[1+kL] >= border k, if known
    anchored  x[i+(k+1)L] >= x[i] + kW      the same, and x[1+kL] >= kW, as the first arrival opens the first window
    counter   x[i+m] >= x[i] + (m+1-L) W/L and x[i+m] >= x[i] + (m-L) W/(L-1): see below

The sliding counter admits where used + before * (share of the last W in the window before) <= L, the request itself
counted. A span that ends e into a window has in it and in the one before at most L + c e/W (c in the one before),
c <= L, and at most L in each earlier one: L + L d/W in a span of d, a bucket's rule. And c = L only after a window
without any (there is a share until the very end), so that L - 1 a window is the pace: L + 1 + (L-1) d/W. With L = 1
it is one in two windows.

No schedule can beat the longest chain of such links from the first request to the last; `paths.py` finds it in closed
form. For logs and buckets, alone or together, greedy admission meets it, and mostly for the other kinds too: `exact`
says where. Where it does not, `greedy_s` is given as well.
Limits of one route count its requests alone. The pages by themselves, the items by themselves and all requests together
each have a longest chain, under the limits that count them, and the pages say how early the items can be known:
`paths._routed_s` says it in full. There the bound is called exact where greedy admission meets it.

The tests hold all of it against an exhaustive search.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from dataclasses import dataclass
from functools import lru_cache

from harness.bound.greedy import NUDGE_S, greedy_s
from harness.bound.paths import Paging, Work, last_arrival_s, longest_s
from harness.errors import NeverFits
from harness.pacing.tiers import Tier, Tiers, held_to, names_routes, of_route, unnamed

__all__ = ["Bound", "Paging", "Work", "admissible", "bound"]

# "Enough" workers: within this share of what any number of workers could reach.
_ENOUGH = 1.01
# Kinds under which greedy admission is the optimum, alone or together.
_GREEDY = ("any", "log", "bucket", "gcra")


@dataclass(frozen=True, slots=True)
class Bound:
    """The least time an import can take, in seconds from its first request to its last answer.

    bound_s: under the limits, with any number of workers; never above the true optimum.
    bound_workers_s: with the workers asked about, each busy for one least round trip per request; never above the
    optimum with them, and never below bound_s.
    exact: a schedule is known that takes bound_s (arrivals just before a border counted as on it).
    greedy_s: what sending as soon as every limit allows takes, where it is known to be more; else None.
    binding: the limit that alone costs most; None where the round trips of the list take as long without any.
    enough_workers: the least number of workers whose bound_workers_s is at most 1.01 bound_s.
    """

    bound_s: float
    bound_workers_s: float
    exact: bool
    greedy_s: float | None
    binding: Tier | None
    enough_workers: int


@lru_cache(maxsize=256)
def bound(work: Work, tiers: Tiers, rtt_s: float, workers: int, epoch_s: float | None = None) -> Bound:
    """The least time `work` can take under `tiers`, with a least round trip of `rtt_s` seconds, and `workers`.

    epoch_s: Unix time at which the first request arrived, if known: it fixes where aligned windows end. Unknown, the
    kindest phase counts, and a day has 24 hours. Costs other than 1, and batches, are bounded by volume, never
    called exact. Cached. Raises NeverFits where one request costs more than a limit, ValueError for arguments that mean
    nothing.
    """
    if not (math.isfinite(rtt_s) and rtt_s >= 0 and workers >= 1):
        raise ValueError(f"rtt_s={rtt_s} and workers={workers} must be at least 0 and 1")
    _refuse_what_never_fits(work, tiers)
    last_s = last_arrival_s(work, tiers, rtt_s, epoch_s)
    exact, greedy = _compare(work, tiers, rtt_s, epoch_s, last_s)
    return Bound(
        bound_s=last_s + rtt_s,
        bound_workers_s=last_arrival_s(work, tiers, rtt_s, epoch_s, workers) + rtt_s,
        exact=exact,
        greedy_s=greedy,
        binding=_binding(work, tiers, rtt_s, epoch_s),
        enough_workers=_enough_workers(work, tiers, rtt_s, epoch_s),
    )


def admissible(t_s: float, tiers: Tiers, epoch_s: float | None = None) -> int | None:
    """Units of cost (requests, where each costs 1) that `tiers` let through in the t_s seconds from a first arrival.

    Both ends included, the supply endless, no list to wait for: no schedule under these limits gets more through, and
    where `bound` is exact one gets as much. None: without limits there is no such number. epoch_s as in `bound`.
    """
    if names_routes(tiers):
        return _admissible_by_route(t_s, tiers, epoch_s)
    if not tiers:
        return None
    if t_s < 0:
        return 0

    def fits(count: int) -> bool:
        return longest_s(count, [(0.0, 0)], tiers, epoch_s) <= t_s * (1 + 1e-12) + 1e-9

    above = 2
    while fits(above):
        above *= 2
    # The first count that does not fit comes after the last that does.
    return bisect_left(range(above + 1), True, lo=1, key=lambda count: not fits(count)) - 1


def _admissible_by_route(t_s: float, tiers: Tiers, epoch_s: float | None) -> int | None:
    """Pages and items have limits of their own: no more than both together, nor than those of every route allow."""
    common = admissible(t_s, of_route(tiers, "*"), epoch_s)
    alone = [admissible(t_s, unnamed(held_to(tiers, route)), epoch_s) for route in ("list", "item")]
    together = None if None in alone else sum(count or 0 for count in alone)
    known = [count for count in (common, together) if count is not None]
    return min(known, default=None)


def _compare(work: Work, tiers: Tiers, rtt_s: float, epoch_s: float | None, last_s: float) -> tuple[bool, float | None]:
    """Whether a schedule meets the bound, and how long the greedy one takes where it does not."""
    if (work.list_cost, work.item_cost, work.batch, work.chain) != (1, 1, 1, None):
        return False, None
    if _met_in_theory(work, tiers, rtt_s):
        return True, None
    greedy = greedy_s(work, tiers, rtt_s, epoch_s, last_s)
    if greedy is None:
        return False, None
    exact = math.isclose(greedy, last_s, rel_tol=1e-9, abs_tol=2 * NUDGE_S)
    return exact, None if exact else greedy + rtt_s


def _met_in_theory(work: Work, tiers: Tiers, rtt_s: float) -> bool:
    """Greedy admission, pages first, is known to meet the bound, however long the import.

    Numbered pages under logs and buckets: once every page may be asked for, no slot goes unused before two round trips
    are over, and from then on the limits let through no more than they did one round trip earlier, when pages came
    first: the n-th slot finds the items of the n-th page. One anchored window: all windows but the last are full.
    """
    if (work.paging == "cursor" and work.pages > 1) or names_routes(tiers):
        return False
    if [tier.kind for tier in tiers] == ["anchored"]:
        return 2 * rtt_s < tiers[0].period_s
    return all(tier.kind in _GREEDY for tier in tiers)


def _binding(work: Work, tiers: Tiers, rtt_s: float, epoch_s: float | None) -> Tier | None:
    alone = {tier: last_arrival_s(work, (tier,), rtt_s, epoch_s) for tier in tiers}
    longest = max(alone, key=alone.__getitem__, default=None)
    if longest is None or alone[longest] <= last_arrival_s(work, (), rtt_s, epoch_s):
        return None
    return longest


def _enough_workers(work: Work, tiers: Tiers, rtt_s: float, epoch_s: float | None) -> int:
    most_s = _ENOUGH * (last_arrival_s(work, tiers, rtt_s, epoch_s) + rtt_s)

    def enough(workers: int) -> bool:
        return last_arrival_s(work, tiers, rtt_s, epoch_s, workers) + rtt_s <= most_s

    # More workers never raise the bound, and with one for each request it is the bound without workers.
    return bisect_left(range(work.requests), True, lo=1, key=enough)


def _refuse_what_never_fits(work: Work, tiers: Tiers) -> None:
    costs = {"list": work.list_cost, "item": work.item_cost if work.details else 1}
    for tier in tiers:
        cost = costs.get(tier.route, 1) if tier.route != "*" else max(costs.values())
        if cost > (tier.depth if tier.kind in ("bucket", "gcra") else tier.limit) and tier.kind != "concurrency":
            raise NeverFits(
                f"a request that costs {cost} never fits the limit {tier}; lower the cost or raise the limit"
            )
