"""Several tiers that hold at once for one key: check all, then charge all; a refusal changes nothing.

Laravel's middleware charged the tiers before the one that refused (laravel/framework#54386); gateways that count every
refusal let nobody in who keeps knocking. Both misbehaviours are switches here, off unless asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from harness_test_api.policies.base import Policy

OnRefusal = Literal["free", "charge-earlier", "charge-all"]


@dataclass(frozen=True, slots=True)
class Ruling:
    """What all tiers together say.

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
            elif ruling.admitted or _later(verdict.retry_at, ruling.retry_at):
                ruling = Ruling(False, 0.0, verdict.retry_at, index)
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
