"""A policy is one tier's state for one key, and a budget is all the policies that one request is counted by.

Neither has a clock, IO or async; `now` is in seconds on any clock that does not go back. `decide` books nothing,
`charge` books what was admitted. So a budget asks all its policies first and charges them all after: a refusal changes
nothing.

Laravel's middleware charged the tiers before the one that refused (laravel/framework#54386), and gateways that count
every refusal let nobody in who keeps knocking. Both misbehaviours are switches here, off by default.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from harness_test_api.tiers import Tier


@dataclass(frozen=True, slots=True)
class Verdict:
    """Admit now, admit after `delay_s`, or refuse until `retry_at`.

    retry_at: absolute time, on the clock of `now`, from which the same question would be answered with yes if
    nothing else were charged; None where only another request's end can tell (concurrency).
    """

    admitted: bool
    delay_s: float = 0.0
    retry_at: float | None = None


# One object for the common answer: the hot path allocates nothing.
ADMIT = Verdict(True)


class Policy(Protocol):
    """One tier's state for one key."""

    tier: Tier

    def decide(self, now: float, cost: int) -> Verdict:
        """Judge a request of `cost` units, at most `tier.most_cost`, at `now`; books nothing."""

    def charge(self, now: float, cost: int) -> None:
        """Book `cost` units at `now`; allowed beyond the limit, for servers that count refusals."""

    def release(self, cost: int) -> None:
        """Note that a request has been answered or given up (only concurrency cares)."""

    def remaining(self, now: float) -> int:
        """Count the units that would pass at `now`, never below 0."""

    def reset_at(self, now: float) -> float:
        """Tell when the whole limit is there again if nothing more is charged; `now` if it is there already."""

    def frees_at(self, now: float) -> float:
        """Tell when some of it comes back, knowing no more than the oldest request counted, as many servers do."""

    def penalise(self, now: float) -> float | None:
        """Book that it has refused; return the absolute time up to which it refuses everything for that, or None."""


class Windowed:
    """The part shared by policies that do not care when a request ends."""

    def release(self, cost: int) -> None:
        """Do nothing: only the arrival was counted."""

    def frees_at(self: Policy, now: float) -> float:
        """Answer as `reset_at` does, for windows and buckets."""
        return self.reset_at(now)

    def penalise(self, now: float) -> float | None:
        """Book nothing: a refusal has no consequences."""
        return None


class Penalising:
    """A policy that is shut for a while once it has refused (Airtable: 30 s). Knocking meanwhile does not renew it."""

    def __init__(self, inner: Policy, penalty_s: float) -> None:
        self._inner = inner
        self._penalty_s = penalty_s
        self._shut_until = -math.inf

    @property
    def tier(self) -> Tier:
        """The tier of the policy within."""
        return self._inner.tier

    @tier.setter
    def tier(self, tier: Tier) -> None:
        self._inner.tier = tier

    def decide(self, now: float, cost: int) -> Verdict:
        return Verdict(False, retry_at=self._shut_until) if now < self._shut_until else self._inner.decide(now, cost)

    def charge(self, now: float, cost: int) -> None:
        self._inner.charge(now, cost)

    def release(self, cost: int) -> None:
        self._inner.release(cost)

    def remaining(self, now: float) -> int:
        return 0 if now < self._shut_until else self._inner.remaining(now)

    def reset_at(self, now: float) -> float:
        return max(self._shut_until, self._inner.reset_at(now))

    def frees_at(self, now: float) -> float:
        return max(self._shut_until, self._inner.frees_at(now))

    def penalise(self, now: float) -> float | None:
        if now >= self._shut_until:
            self._shut_until = now + self._penalty_s
        return self._shut_until


OnRefusal = Literal["free", "charge-earlier", "charge-all"]


@dataclass(frozen=True, slots=True)
class Ruling:
    """The verdict of all tiers together.

    tier: index of the tier that refused with the latest `retry_at`, or that delays longest; None when none does.
    retry_at: absolute; None when admitted, or when no time can be named.
    """

    admitted: bool
    delay_s: float = 0.0
    retry_at: float | None = None
    tier: int | None = None


_PASS = Ruling(True)


class Budget:
    """The policies that one request is counted by, in the order in which the limits were written."""

    __slots__ = ("on_refusal", "policies")

    def __init__(self, policies: Sequence[Policy], on_refusal: OnRefusal = "free") -> None:
        self.policies = tuple(policies)
        self.on_refusal = on_refusal

    def rule(self, now: float, cost: int) -> Ruling:
        """Ask every tier, and charge every tier if all say yes."""
        ruling = _PASS
        for index, policy in enumerate(self.policies):
            verdict = policy.decide(now, cost)
            if verdict.admitted:
                if ruling.admitted and verdict.delay_s > ruling.delay_s:
                    ruling = Ruling(True, verdict.delay_s, None, index)
            else:
                retry_at = policy.penalise(now) or verdict.retry_at
                if ruling.admitted or _later(retry_at, ruling.retry_at):
                    ruling = Ruling(False, 0.0, retry_at, index)
        if ruling.admitted:
            for policy in self.policies:
                policy.charge(now, cost)
        elif self.on_refusal != "free":
            self._charge_refused(now, cost)
        return ruling

    def _charge_refused(self, now: float, cost: int) -> None:
        for policy in self.policies:
            if self.on_refusal == "charge-earlier" and not policy.decide(now, cost).admitted:
                return
            # A refused request is never in flight: nothing would release it.
            if policy.tier.kind != "concurrency":
                policy.charge(now, cost)

    def release(self, cost: int) -> None:
        """Tell every tier that the request is over."""
        for policy in self.policies:
            policy.release(cost)


def _later(one: float | None, other: float | None) -> bool:
    # A time that can be named is worth more to the client than none.
    return one is not None and (other is None or one > other)
