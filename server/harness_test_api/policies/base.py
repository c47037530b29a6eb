"""What every policy answers. A policy is one tier's state for one key: no clock, no IO, no async.

`now` is in seconds on any clock that does not go back. `decide` changes no verdict; `charge` books what was
admitted. So a budget of several tiers can ask them all first and charge them all after.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

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
        """May a request of `cost` units pass at `now`? Books nothing. `cost` is at most `tier.most_cost`."""

    def charge(self, now: float, cost: int) -> None:
        """Book `cost` units at `now`; allowed beyond the limit, for servers that count refusals."""

    def release(self, cost: int) -> None:
        """The request has been answered or given up (only concurrency cares)."""

    def remaining(self, now: float) -> int:
        """Units that would pass at `now`, never below 0."""

    def reset_at(self, now: float) -> float:
        """When the whole limit is there again if nothing more is charged; `now` if it is there already."""

    def frees_at(self, now: float) -> float:
        """When some of it comes back, as servers tell it that know no more than the oldest request they count."""


class Windowed:
    """What policies share that do not care when a request ends."""

    def release(self, cost: int) -> None:
        """Nothing to do: only the arrival was counted."""

    def frees_at(self: Policy, now: float) -> float:
        """Of windows and buckets as `reset_at`."""
        return self.reset_at(now)
