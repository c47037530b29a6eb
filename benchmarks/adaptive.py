"""ATB and AATB, two client-side strategies of arXiv:2510.04516, for the table of strategies.

Both are token buckets of 4 that begin with one token and 6 requests a minute, know no limit, and move their rate by what
becomes of their requests. They were made for clients with one request at a time. With many at once a rate moves only by
requests that were sent since it moved last: the answers of older ones tell of an older rate.
"""

from __future__ import annotations

from random import Random

from harness.pacing import Grant, Later, Notice, Outcome, Tiers, Unpaced

_SIZE, _FIRST_TOKENS, _FIRST_RATE, _LEAST_RATE, _LEAST_STEP = 4.0, 1.0, 0.1, 0.01, 0.01
# By what a rate grows: well below what is known to be too much, and near it.
_QUICKLY, _SLOWLY = 1.5, 1.2


class _Bucket(Unpaced):
    """A token bucket whose rate is moved by `_answered` and `_refused`, each for requests of the present rate alone."""

    def __init__(self) -> None:
        super().__init__()
        self.rate, self._tokens = _FIRST_RATE, _FIRST_TOKENS
        self._filled_at: float | None = None
        self._moved_at = float("-inf")
        self._shut_until = float("-inf")

    def reserve(self, now: float, cost: int = 1) -> Grant | Later:
        passed_s = now - (now if self._filled_at is None else self._filled_at)
        self._filled_at = now
        self._tokens = min(_SIZE, self._tokens + passed_s * self.rate)
        opens_at = max(self._shut_until, now if self._tokens >= 1 - 1e-9 else now + (1 - self._tokens) / self.rate)
        if opens_at > now:
            return Later(opens_at, "limit")
        self._tokens -= 1
        return super().reserve(now, cost)

    def settle(
        self, grant: Grant, now: float, outcome: Outcome, notice: Notice | None = None, cost: int | None = None
    ) -> float | None:
        super().settle(grant, now, outcome, notice, cost)
        if grant.at >= self._moved_at and outcome is Outcome.ANSWERED:
            self._answered(now)
        elif grant.at >= self._moved_at and outcome is Outcome.REFUSED:
            self._refused(now)
        return None

    def _grow(self, factor: float, now: float) -> None:
        self.rate, self._moved_at = max(self.rate + _LEAST_STEP, self.rate * factor), now

    def _answered(self, now: float) -> None:
        """Take in that a request of the present rate got through."""

    def _refused(self, now: float) -> None:
        """Take in that one was refused."""


class AdaptiveTokenBucket(_Bucket):
    """ATB: each answer lets the rate grow, quickly below the rate of the last refusal; a refusal halves it."""

    name = "ATB"

    def __init__(self) -> None:
        super().__init__()
        self._congested_at_rate = 1.0

    def _answered(self, now: float) -> None:
        self._grow(_QUICKLY if self.rate < self._congested_at_rate else _SLOWLY, now)

    def _refused(self, now: float) -> None:
        self._congested_at_rate = self.rate
        self.rate, self._tokens, self._moved_at = max(_LEAST_RATE, self.rate / 2), 0.0, now


class AssistedTokenBucket(_Bucket):
    """AATB: a service that hears of all clients tells each how many there are, what they sent, and how fast the API
    refills.

    Here it hears of this client alone; other tenants of a key do not report. So every 10 s without a refusal the rate
    grows quickly, and a refusal brings it down to a third and a wait for one token of the API.
    """

    name = "AATB"
    _REPORTS_S = 10.0

    def __init__(self, tiers: Tiers, seed: int = 0) -> None:
        super().__init__()
        self._token_s = max(tier.period_s / tier.limit for tier in tiers)
        self._random = Random(seed)

    def _answered(self, now: float) -> None:
        if self._moved_at == float("-inf"):
            self._moved_at = now
        if now - self._moved_at >= self._REPORTS_S:
            self._grow(_QUICKLY, now)

    def _refused(self, now: float) -> None:
        self.rate, self._tokens, self._moved_at = max(_LEAST_RATE, self.rate / 3), 1.1, now
        self._shut_until = now + self._token_s + self._random.random()
