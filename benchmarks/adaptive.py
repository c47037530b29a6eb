"""ATB and AATB, the two strategies of arXiv:2510.04516, by the rules and figures of its authors' programs.

Both are token buckets of 4 that begin with one token and 6 requests a minute, know no limit, and move their rate by
what becomes of their requests. They were made for clients that send one request at a time. Where many are in flight,
the rate of ATB moves only by a request that was sent since it moved last: an older one tells of an older rate.
"""

from __future__ import annotations

from collections import deque
from random import Random

from harness.pacing import Grant, Later, Notice, Outcome, Tiers, Unpaced

SIZE, FIRST_TOKENS, FIRST_RATE, LEAST_RATE, LEAST_STEP = 4.0, 1.0, 0.1, 0.01, 0.01
# What a rate grows by: well below what is known to be too much, and near it.
QUICKLY, SLOWLY = 1.5, 1.2
# Tokens are sums of products: at the very moment that one is due it may be short by a rounding.
_WHOLE = 1 - 1e-9


class _Bucket(Unpaced):
    """A token bucket. rate: tokens a second."""

    def __init__(self) -> None:
        super().__init__()
        self.rate = FIRST_RATE
        self._tokens = FIRST_TOKENS
        self._filled_at = self._shut_until = float("-inf")
        self._reports_at = float("inf")

    def reserve(self, now: float, cost: int = 1) -> Grant | Later:
        self._fill(now)
        opens_at = max(self._shut_until, now if self._tokens >= _WHOLE else now + (1 - self._tokens) / self.rate)
        if opens_at > now:
            return Later(min(opens_at, self._reports_at), "limit")
        self._tokens = max(0.0, self._tokens - 1)
        return super().reserve(now, cost)

    def _fill(self, now: float) -> None:
        """Add what came at the rate so far: every change of the rate comes after this."""
        if self._filled_at > float("-inf"):
            self._tokens = min(SIZE, self._tokens + (now - self._filled_at) * self.rate)
        self._filled_at = now

    def _grow(self, factor: float) -> None:
        self.rate = max(self.rate + LEAST_STEP, self.rate * factor)


class AdaptiveTokenBucket(_Bucket):
    """ATB: an answer lets the rate grow, quickly below the rate of the last refusal; a refusal halves it."""

    name = "ATB"

    def __init__(self) -> None:
        super().__init__()
        self._congested_rate = 1.0
        self._moved_at = float("-inf")

    def settle(
        self, grant: Grant, now: float, outcome: Outcome, notice: Notice | None = None, cost: int | None = None
    ) -> float | None:
        super().settle(grant, now, outcome, notice, cost)
        if grant.at < self._moved_at or outcome not in (Outcome.ANSWERED, Outcome.REFUSED):
            return None
        self._fill(now)
        self._moved_at = now
        if outcome is Outcome.ANSWERED:
            self._grow(QUICKLY if self.rate < self._congested_rate else SLOWLY)
        else:
            self._congested_rate = self.rate
            self.rate, self._tokens = max(LEAST_RATE, self.rate / 2), 0.0
        return None


class Telemetry:
    """The service that AATB's clients report to: it adds up what all of them sent, and were refused, for half a minute.

    It is told how fast the API gives out tokens: its slowest limit's rate. A client counts as active for a minute.
    """

    SUMMED_S, ACTIVE_S = 30.0, 60.0

    def __init__(self, tiers: Tiers) -> None:
        self.token_s = max(tier.period_s / tier.limit for tier in tiers)
        self._reports: deque[tuple[float, int, int, bool]] = deque()  # when, client, sent, of a refusal

    def report(self, now: float, client: int, sent: int, refused: bool = False) -> tuple[float, int]:
        """Take in a report; return what was sent per active client, and how many refusals were reported, before it."""
        while self._reports and self._reports[0][0] <= now - self.ACTIVE_S:
            self._reports.popleft()
        summed = [report for report in self._reports if report[0] > now - self.SUMMED_S]
        active = max(1, len({report[1] for report in self._reports}))
        self._reports.append((now, client, sent, refused))
        return sum(report[2] for report in summed) / active, sum(report[3] for report in summed)

    def is_alone(self, client: int) -> bool:
        """Return whether no other client is active."""
        return all(report[1] == client for report in self._reports)


class AssistedTokenBucket(_Bucket):
    """AATB: every 10 s the rate grows, by how much of the load this client has; where anybody reported refusals, it
    sends nothing for as long instead. Its own refusal brings the rate down, and a wait for its turn.
    """

    name = "AATB"
    WINDOW_S = 10.0

    def __init__(self, telemetry: Telemetry, client: int = 0, seed: int = 0) -> None:
        super().__init__()
        self._telemetry = telemetry
        self._client = client
        self._random = Random(seed)
        self._sent = self._reported = 0  # since the last report, and what that report told
        self._refused_at = self._moved_at = float("-inf")

    def reserve(self, now: float, cost: int = 1) -> Grant | Later:
        if self._reports_at == float("inf"):
            self._reports_at = now + self.WINDOW_S
        while now >= self._reports_at:
            self._routine(self._reports_at)
            self._reports_at += self.WINDOW_S
        answer = super().reserve(now, cost)
        self._sent += isinstance(answer, Grant)
        return answer

    def settle(
        self, grant: Grant, now: float, outcome: Outcome, notice: Notice | None = None, cost: int | None = None
    ) -> float | None:
        super().settle(grant, now, outcome, notice, cost)
        if outcome is Outcome.REFUSED and now - self._refused_at >= self.WINDOW_S:
            self._refused(now)
        return None

    def _report(self, now: float, refused: bool) -> tuple[float, int]:
        told = self._telemetry.report(now, self._client, self._sent, refused)
        self._reported, self._sent = self._sent, 0
        self._fill(max(now, self._filled_at))
        return told

    def _routine(self, now: float) -> None:
        """Report what was sent, unless a refusal was just now, and move by the answer."""
        if now - self._refused_at < self.WINDOW_S:
            return
        average, refusals = self._report(now, refused=False)
        if refusals:
            self._shut_until = now + self.WINDOW_S + self._random.uniform(-2, 2)
        elif now - self._moved_at >= self.WINDOW_S:
            alone = self._telemetry.is_alone(self._client) or average == 0
            self._grow(QUICKLY if alone or self._reported < 0.75 * average else SLOWLY)
            self._moved_at = now

    def _refused(self, now: float) -> None:
        """Report a refusal, and wait until the API has a token for each that was reported."""
        average, refusals = self._report(now, refused=True)
        self._refused_at = self._moved_at = now
        self.rate = max(LEAST_RATE, self.rate / (2 if self._reported < 0.5 * average else 3))
        self._tokens = 1.1
        self._shut_until = now + (refusals + 1) * self._telemetry.token_s + self._random.random()
