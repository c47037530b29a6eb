"""All that headers claim of the limits of one budget."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right

from harness.pacing.base import Notice, Quota
from harness.pacing.learn.claim import ROUNDED_UP_S, UNKNOWN, Claim, Family
from harness.pacing.learn.hypotheses import Clocked
from harness.pacing.learn.levels import Countings
from harness.pacing.learn.observations import Observations
from harness.pacing.learn.prior import Trust
from harness.pacing.server_clock import ServerClock
from harness.pacing.shared_quota import READINGS, STRANGERS
from harness.pacing.tiers import Tier, Tiers

# Nothing left after each of the first so many requests, of a limit of more: one at a time, a bucket without any depth.
SINGLES = 3

Key = tuple[str, str | int | None]


class Claims:
    """Each claim opens by itself once its period is known. single: the latest limit that was seen to let one through at
    a time.
    """

    def __init__(self, seen: Observations, trust: Trust) -> None:
        self._seen = seen
        self._trust = trust
        self.clock = ServerClock()
        self.all: dict[Key, Claim] = {}
        self.families: dict[str, Family] = {}
        self.single: Quota | None = None
        self._gone: set[Key] = set()

    def read(self, notice: Notice | None, sent_s: float, now: float) -> list[Claim]:
        """Take in an answer's headers; return the claims that are new or newly settled by them."""
        if notice is not None and notice.server_utc_s is not None:
            self.clock.learn(sent_s, now, notice.server_utc_s)
        else:
            self.clock.second_ends = math.inf
        if notice is None or not (notice.quotas or self.all):
            return []
        changed = self._read_families(notice, sent_s, now) if notice.quotas else []
        for quota in notice.quotas:
            key = _key(quota)
            claim = self.all.get(key)
            if claim is None:
                claim = self._new(key, quota)
                if claim is None:
                    continue
                changed += [claim] if claim.settled else []
            if not notice.refused and self._is_single(claim, quota):
                self._gone.add(key)
                del self.all[key]
                claim.family.claims.remove(claim)
                continue
            if self._read(claim, quota, sent_s, now, notice.refused):
                changed.append(claim)
        return changed if notice.refused else changed + self._watch_levels(notice, sent_s, now)

    def limits(self) -> Tiers:
        """Return the limits that refill: for `WindowPacer` to keep."""
        return tuple(claim.refilling for claim in self.all.values() if claim.refilling is not None)

    def _read_families(self, notice: Notice, sent_s: float, now: float) -> list[Claim]:
        """Take in what an answer says of each family; return the claims that its silence about them settles."""
        changed, surely = [], self._seen.in_flight_cost if notice.refused else None
        lefts: dict[str, dict[Key, int]] = {}
        for quota in notice.quotas:
            of_header = lefts.setdefault(_header(quota), {})
            if quota.remaining is not None:
                key = _key(quota)
                of_header[key] = min(quota.remaining, of_header.get(key, quota.remaining))
        for header, left in lefts.items():
            family = self._family(header)
            for claim in family.claims if left else ():
                # Most servers show one limit at a time: what they said of the others is out of date.
                if claim.key not in left:
                    claim.outdate(sent_s, now)
                    changed += [claim] if claim.settle() else []
            family.read(min(left.values(), default=None), sent_s, now, surely)
        return changed

    def _family(self, header: str) -> Family:
        family = self.families.get(header)
        if family is None:
            family = self.families[header] = Family(header, self._trust, self.clock)
        return family

    def _new(self, key: Key, quota: Quota) -> Claim | None:
        """Return a claim of a limit that was not heard of before, if this is one."""
        if key in self._gone or quota.limit == 0 or quota.limit is quota.remaining is None:
            return None
        if quota.remaining is quota.reset_s is None:  # without a readable count it paces nothing
            return None
        family = self._family(key[0])
        claim = self.all[key] = Claim(quota, family)
        family.claims.append(claim)
        return claim

    def _is_single(self, claim: Claim, quota: Quota) -> bool:
        """Return whether its count says nothing and its reset is in whole seconds: how soon the next may go is not
        told.
        """
        if not 0 <= claim.singles < SINGLES or quota.remaining is None:
            return False
        claim.singles = claim.singles + 1 if quota.remaining == 0 else -1
        # From the first request on: a limit that is shown only once it is used up has nothing left either.
        first = len(self._seen) <= SINGLES + 1
        if claim.singles < SINGLES or not first or (quota.limit or 0) <= SINGLES:
            return False
        self.single = quota
        return True

    def _read(self, claim: Claim, quota: Quota, sent_s: float, now: float, refused: bool) -> bool:
        """Take in what an answer says of one limit; return whether that teaches what it is."""
        believed = claim.is_counted
        ends = self._ends(quota, sent_s, now)
        claim.read(quota, sent_s, now, refused, ends)
        if believed and not claim.is_counted:
            self.forget_counts()
        if claim.polled and refused:
            claim.polls = False
        if quota.remaining is not None and quota.limit is not None and claim.is_counted:
            claim.strange += quota.limit - quota.remaining > self._ours(claim, sent_s, now) + 1 + STRANGERS
        claim.measure(quota, ends, self._seen)
        grown = self._watch_growth(claim, quota, sent_s, now)
        return claim.settle() or grown

    def _ours(self, claim: Claim, sent_s: float, now: float) -> float:
        """Return how much of it we have used at most as the server counted when a request came, at its send or
        later.
        """
        seen = self._seen
        if claim.counter and self.clock.known:
            clocked = Clocked(seen, self.clock)
            return seen.in_flight_cost + clocked.occupied("counter", claim.period_s, sent_s, now)[1]
        return seen.used(now, claim.span_s + now - sent_s if claim.settled else now + 1e9)

    def _ends(self, quota: Quota, sent_s: float, now: float) -> tuple[float, float]:
        """Return between which times the window ends by this answer, if its reset is rounded up."""
        reset_s = quota.reset_s or 0.0
        if quota.reset_utc_s is None or not self.clock.known:
            return sent_s + reset_s - ROUNDED_UP_S, now + reset_s
        low, high = self.clock.bounds(now)
        return quota.reset_utc_s - 1 - high, quota.reset_utc_s - low

    # --- does it refill? --------------------------------------------------------------------------------------------

    def _watch_levels(self, notice: Notice, sent_s: float, now: float) -> list[Claim]:
        """Return which limits that were taken for windows are now known to be buckets of that depth and rate."""
        grown = []
        for claim in self.all.values():
            if not claim.settled or claim.bucket is not None or claim.contradicted or claim.counter:
                continue
            period_s, countings = claim.countings
            if countings is None or period_s != claim.period_s:
                last = None if self._seen.in_flight else claim.last
                left = last.remaining + 1 if last is not None and last.sent_s == sent_s else None
                countings = Countings((Tier(claim.limit, claim.period_s),), self._seen, sent_s, left)
                claim.countings = claim.period_s, countings
            if countings.read(sent_s, now, 1, notice) is not None:
                said = f"{claim.evidence}; what is left grows all the time, so it is a bucket"
                claim.refills(Tier(claim.limit, claim.period_s, "bucket", claim.limit), said)
                grown.append(claim)
        return grown

    def _watch_growth(self, claim: Claim, quota: Quota, sent_s: float, now: float) -> bool:
        """Return whether it is news that the limit refills bit by bit, or does not: by a reset that runs ahead of the
        requests, or by what is left.

        Not where one header tells of several limits in turn, for what happened unseen would look like growth.
        """
        if quota.remaining is None or quota.period_s is not None or claim.limit >= UNKNOWN or claim.contradicted:
            return False
        if claim.is_shared or len(claim.family.claims) > 1 or claim.resets.moves is False:
            return False
        bucket = claim.full_by_reset(quota) or self._grown(claim, quota.remaining, sent_s, now)
        if claim.growth.refuted and claim.bucket is not None:
            claim.refills_not()
        elif bucket is not None and bucket != claim.bucket:
            said = f"{claim.header} says {claim.limit} at once, and what is left of them grows by"
            claim.refills(bucket, f"{said} {bucket.limit / bucket.period_s:.3g} a second")
        else:
            return False
        return True

    def _grown(self, claim: Claim, left: int, sent_s: float, now: float) -> Tier | None:
        """Return the bucket that answers with nothing else in flight show, if they do: those of which it is known that
        their requests were the last to arrive.
        """
        growth, limit, seen = claim.growth, claim.told_limit or 0, self._seen
        if left >= limit - 1:
            before, here = bisect_left(seen.sends, sent_s), bisect_right(seen.answered, sent_s)
            if before == here:  # nothing else was in flight when it was sent
                growth.full(sent_s, now, before, limit)
            else:
                growth.forget()
        elif not seen.in_flight and claim.used is not None:
            growth.read(sent_s, now, len(seen), left)
        return growth.tier(limit)

    # --- what others ask --------------------------------------------------------------------------------------------

    def explains(self, limit: int, low_s: float, high_s: float) -> Claim | None:
        """Return the limit that headers tell in a period of (low_s, high_s], if it is more than `limit`: others used
        the rest.

        It is taken for shared from then on.
        """
        for claim in self.all.values():
            if claim.settled and low_s < claim.period_s <= high_s * 1.02 and limit < claim.limit:
                claim.strange = READINGS
                return claim
        return None

    def names_limits(self) -> bool:
        """Return whether headers tell of a limit, whatever its period."""
        return any(claim.limit < UNKNOWN for claim in self.all.values())

    def used_up_by_others(self, notice: Notice | None) -> bool:
        """Return whether a refusal says that nothing is left of a limit that others are known to use, too."""
        empty = [quota for quota in notice.quotas if quota.remaining == 0] if notice is not None else []
        claims = (self.all.get(_key(quota)) for quota in empty)
        return any(claim is not None and claim.is_shared for claim in claims)

    def is_strangers(self, wait_s: float) -> bool:
        """Return whether a refusal that was over after `wait_s` is to be expected of a limit that others use too."""
        return any(c.is_shared and c.settled and wait_s <= 1.05 * c.period_s for c in self.all.values())

    def forget_counts(self) -> None:
        """Forget all counts: Remaining is no longer believed."""
        for claim in self.all.values():
            claim.forget()


def _header(quota: Quota) -> str:
    return quota.header or "X-RateLimit"


def _key(quota: Quota) -> Key:
    return _header(quota), quota.name or quota.limit
