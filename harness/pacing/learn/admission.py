"""Decide whether a request may go by what headers say. To ask changes nothing; a grant does.

One rule: it goes by the server's count or by ours, whichever is sure. Where neither lets it, one goes ahead at the turn
of a window, and its answer tells what there is.
"""

from __future__ import annotations

import math
from bisect import bisect_right

from harness.pacing.base import Later
from harness.pacing.learn.claim import Claim
from harness.pacing.learn.claims import Claims
from harness.pacing.learn.observations import Observations


class Admission:
    """Opens by the server's own count, or by ours where that is sure enough."""

    def __init__(self, claims: Claims, seen: Observations) -> None:
        self.left = 0  # requests that are still to be sent, if that was told
        self._claims = claims
        self._seen = seen
        self._intents: list[tuple[Claim, bool | None]] = []  # see `granted`

    def granted(self, now: float) -> None:
        """Note that what was asked for last goes: it looks at limits whose headers said that nothing was left."""
        self.left -= 1
        for claim, polled in self._intents:
            if polled is None:
                claim.looks += 1
            else:
                claim.polled, claim.waited_out = polled, now
                claim.doubts += claim.doubt_s() > 0
        self._intents = []

    def later(self, now: float, cost: int) -> Later | None:
        """Return what is in the way of `cost` more the longest; an answer that is waited for counts as longest of all.
        What was asked before and not granted is void.
        """
        self._intents = []
        if not self._claims.all:
            return None
        units = self._seen.in_flight_cost + cost
        ahead = self._ahead(units)
        if ahead is not None:
            return ahead
        latest, latest_s = None, -math.inf
        for claim in self._claims.all.values():
            later = self._later(claim, now, cost, units)
            if later is not None and later.until is None:
                return later
            if later is not None and later.until is not None and later.until > latest_s:
                latest, latest_s = later, later.until
        return latest

    def _ahead(self, units: int) -> Later | None:
        """Make others wait while one request goes ahead after a window's turn: where headers show one limit at a time
        there may be more, and its answer shows the tightest. Not for logs, whose slots come free one by one.
        """
        if not self._seen.in_flight:
            return None
        for claim in self._claims.all.values():
            family = claim.family
            if not family.is_tightest or family.has_room(units):
                continue
            heard = claim.last is not None or claim.first_reset_s is not None  # without a count it paces nothing
            known = claim.told_s is not None or claim.refilling is not None
            if heard and not known and not claim.is_log:
                return Later(None, "in flight", claim.tier)
        return None

    def _later(self, claim: Claim, now: float, cost: int, units: int) -> Later | None:
        """Return None where `cost` more, `units` with those in flight, may go by this claim."""
        if claim.refilling is not None and not claim.is_shared:
            return None  # `WindowPacer` keeps it
        least = claim.least
        if least is not None and claim.told_s is None and least in (units, units + cost):
            kept = self._keep_back(claim, now, least == units)
            if kept is not None:
                return kept
        if claim.family.has_room(units):
            return None
        if least is None:
            if not claim.settled:
                return self._unread(claim, units)
            fits = claim.fits(now, cost, self._seen)
            return None if fits else _wait(claim, claim.opens_at(now, cost, self._seen))
        if least >= units:
            return None
        sure = claim.settled and not claim.is_shared
        if sure and not self._is_shut(claim, now) and claim.fits(now, cost, self._seen):
            return None
        if self._seen.in_flight and least >= cost:
            return _wait(claim, None)
        return self._exhausted(claim, now, cost, sure)

    def _keep_back(self, claim: Claim, now: float, is_last: bool) -> Later | None:
        """Keep back the last two requests of a window. What their later answers say of the reset tells how this limit
        counts, and there is nothing to be done afterwards but wait anyway: the first tells whether it moves, the second
        whether it jumps. Where the reset is no time, so that it cannot be seen to jump, only the last.
        """
        resets = claim.resets
        if not is_last and not resets.tells_times:
            return None
        until = resets.watch_until()
        if until is not None:
            if now < until:
                return _wait(claim, until)
            asked = is_last and resets.tells_times and self._seen.in_flight
            return _wait(claim, None) if asked else None
        looks = resets.looks_at()[claim.looks :] if is_last and self.left > 1 else ()
        if not looks:
            return None
        if now >= looks[0]:
            self._intents.append((claim, None))
            return None
        return _wait(claim, looks[0])

    @staticmethod
    def _is_shut(claim: Claim, now: float) -> bool:
        """Return whether a window that ends at its reset is still open, and used up."""
        if claim.resets_at is None or now >= claim.resets_at[1]:
            return False
        return claim.resets_when_told and claim.is_by_reset

    def _unread(self, claim: Claim, units: int) -> Later | None:
        """Return how long to wait where headers have been silent: assume what was last left, less all that may have
        been counted since.
        """
        if claim.last is None:
            return None
        seen = self._seen
        since = len(seen) - bisect_right(seen.answered, claim.last.sent_s)
        return _wait(claim, None) if claim.last.remaining - since < units and seen.in_flight else None

    def _exhausted(self, claim: Claim, now: float, cost: int, sure: bool) -> Later | None:
        """Return how long to wait where nothing is left: until the oldest slot comes free, or the reset, whichever is
        sooner; then one goes ahead.
        """
        seen = self._seen
        by_reset = claim.is_by_reset
        ours = not by_reset and (sure or (claim.settled and not claim.fits(now, cost, seen)))
        at = claim.opens_at(now, cost, seen) if ours else None
        if claim.resets_at is not None and claim.resets_when_told:
            reset_s = claim.resets_at[1] + claim.doubt_s()
            at = reset_s if at is None else min(at, reset_s)
        elif at is None and not sure and claim.last is not None:
            at = claim.last.answered_s + 1.0  # nobody says when: look once a second
        poll_at = math.inf if ours else _poll_at(claim)
        if at is not None and now < min(at, poll_at):
            return _wait(claim, min(at, poll_at))
        if seen.in_flight:
            return Later(None, "probe", claim.tier)
        self._intents.append((claim, now < (at or now)))
        return None


def _poll_at(claim: Claim) -> float:
    """Return when to look again early, where by our count something should be left: a counter or a bucket gives some
    back all the time.
    """
    if not (claim.polls and claim.settled and claim.told_s is not None and claim.last is not None):
        return math.inf
    return claim.last.answered_s + claim.period_s / 10


def _wait(claim: Claim, at: float | None) -> Later:
    return Later(at, "in flight" if at is None else "limit", claim.tier)
