"""The words every pacing strategy speaks: grants, two kinds of no, outcomes, notices.

A strategy is asked `reserve(now)` before each request goes out and is told with `settle` what became of it, at
the headers of the answer. It reads no clock and does no IO: `now` is an argument, in seconds on any clock that
never goes back.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import Literal, Protocol, runtime_checkable

from harness.pacing.tiers import Tier

RELEASES = 64

WaitReason = Literal["limit", "in flight", "refused", "probe", "hold", "failing", "token", "account"]


class Outcome(Enum):
    """The four ways in which a grant ends."""

    ANSWERED = "answered"  # the server let it through: it occupies a slot from here on for one window
    REFUSED = "refused"  # the server said that a limit is used up
    LOST = "lost"  # sent, no answer: it may be counted now or up to the linger from now
    UNUSED = "unused"  # never sent: the grant is handed back


# Not frozen: that made each decision a third slower.
@dataclass(slots=True, eq=False)
class Grant:
    """Leave to send one request of `cost` units at time `at`. Each is settled once; compared by identity."""

    at: float
    cost: int = 1


@dataclass(frozen=True, slots=True)
class Later:
    """A refusal for now: ask again at `until` (absolute) or after a settlement; where `until` is None, only that can
    help.

    Before both the answer would be the same; at `until`, if nothing was sent since, it is a grant. A settlement may
    help earlier: a grant handed back frees its slots at once, and an answer can free one before a lost request does.
    `tier` is the limit in the way: with `cost` more, its occupied slots would exceed it.
    """

    until: float | None
    reason: WaitReason
    tier: Tier | None = None


@dataclass(frozen=True, slots=True)
class Quota:
    """One limit as a header tells it. `reset_s` counts from the answer; None is what was not said.

    name: the limit's, where it has one. header: the family of fields it was read from, for people.
    reset_utc_s: the reset on the server's own clock, where it was told as a time and not as seconds to go.
    """

    limit: int | None = None
    remaining: int | None = None
    reset_s: float | None = None
    period_s: float | None = None
    name: str | None = None
    header: str = field(default="", compare=False)
    reset_utc_s: float | None = field(default=None, compare=False)


# Who says how long to wait.
RETRY_AFTER, IN_BODY = "Retry-After", "the time to wait in the body"


# One for each answer. Not frozen, as grants.
@dataclass(slots=True)
class Notice:
    """The word of one answer about limits.

    `retry_after_s` counts from the answer; it may be <= 0. Where the body named it, `in_body` is set, and `header_s` is
    what Retry-After said instead, if there was one: 0 or less, which nobody can wait for. `refused`: this answer is a
    refusal by a rate limit, see `refusals`; `certain`: there is no doubt of it. `server_utc_s`: what the server's clock
    showed (Date: whole seconds, rounded down) at some moment between the request's send and its answer. headers, body:
    what is kept of an answer that was not the one wanted, without secrets.
    """

    status: int = 200
    retry_after_s: float | None = None
    quotas: tuple[Quota, ...] = ()
    refused: bool = False
    server_utc_s: float | None = None
    certain: bool = False
    headers: str | None = field(default=None, compare=False)
    body: str | None = field(default=None, compare=False)
    in_body: bool = False
    header_s: float | None = None

    @property
    def waited_by(self) -> str:
        """Return whose word `retry_after_s` is, as people call it."""
        return IN_BODY if self.in_body else RETRY_AFTER

    @property
    def doubtful(self) -> bool:
        """Return whether this is a refusal that may turn out to be the fault of its own request."""
        return self.refused and not self.certain and self.status != 429

    @property
    def bare(self) -> bool:
        """Return whether nothing but its status speaks of a limit."""
        return self.retry_after_s is None and not any(quota.remaining == 0 for quota in self.quotas)


@dataclass(frozen=True, slots=True)
class TierStatistics:
    """One tier now: `used` of its limit occupied (in flight or within the window), `left` free.

    opens_at: when the next occupied slot comes free; full_at: when the last known one does; both absolute, None
    where only an answer can tell. span_s: how long an answered request occupies its slot. known: of how many
    occupied slots it is known when they come free; releases: those times at up to RELEASES evenly spaced ranks.
    """

    tier: Tier
    used: int
    left: int
    opens_at: float | None
    full_at: float | None
    span_s: float
    known: int = 0
    releases: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Statistics:
    """The knowledge and beliefs of a strategy; `beliefs` are sentences for people."""

    strategy: str
    in_flight: int
    tiers: tuple[TierStatistics, ...] = ()
    beliefs: tuple[str, ...] = field(default=())


@runtime_checkable
class Pacer(Protocol):
    """A pacing strategy. Everything but `reserve` and `settle` may be left to `Unpaced`'s defaults."""

    name: str

    def reserve(self, now: float, cost: int = 1) -> Grant | Later:
        """Return a grant to be used at once, or when to ask again. NeverFits if no wait would be long enough."""

    def settle(
        self, grant: Grant, now: float, outcome: Outcome, notice: Notice | None = None, cost: int | None = None
    ) -> float | None:
        """Say what became of `grant`; `cost` is the true cost where it differs from the one reserved.

        On a refusal the answer may be the absolute time until which everyone is to pause; None leaves that to the
        budget, which obeys Retry-After.
        """

    def charge(self, at: float, cost: int) -> None:
        """Count `cost` units that this strategy did not grant, counted by the server at `at` or before."""

    def set_tiers(self, tiers: tuple[Tier, ...], now: float) -> None:
        """Replace the limits from now on; what was already sent still counts."""

    def statistics(self, now: float) -> Statistics:
        """Return what the strategy knows at `now`."""


@runtime_checkable
class Planning(Protocol):
    """A strategy that plans: one that wants to know how much there is left to send."""

    def expect(self, requests: int) -> None:
        """Note how many requests are still to be sent, beyond those in flight. Call it whenever the list says so."""


@dataclass(frozen=True, slots=True)
class LearnedFact:
    """Something that a strategy has begun to believe.

    limit: as in the grammar of limits, empty where the fact is about a header. kind: how the server seems to count, or
    `trust` where a header is no longer believed. evidence: why, for people. trust: high, fair, tentative or none.
    """

    limit: str
    kind: str
    evidence: str
    trust: str


@runtime_checkable
class Learning(Protocol):
    """A strategy that learns limits, whose beliefs may be wrong."""

    def resolved(self, reason: Literal["limit", "own"]) -> None:
        """Take in what doubtful refusals turned out to be: a limit's, or the fault of the requests themselves."""

    def new_facts(self) -> tuple[LearnedFact, ...]:
        """Return what was learned since this was last asked."""

    def overrule(self, now: float, cost: int = 1) -> Grant | Later:
        """Reserve by declared limits alone, for a request that looks whether what was learned is true."""

    def belied(self, grant: Grant, now: float) -> None:
        """Correct what was learned: an overruling request got through, so no learned limit may stand that would have
        kept it waiting.
        """

    def named_s(self, tier: Tier | None) -> float:
        """Return the longest that the server itself named for this learned limit: its period as told, the furthest
        reset, or the time from the request that opened a window to its reset. 0: nothing; infinite: the limit was not
        learned but declared, and nothing looks behind it.
        """


class Unpaced:
    """The strategy that always grants: the default of every method, to build one's own on."""

    name = "unpaced"

    def __init__(self) -> None:
        self.in_flight = 0

    def reserve(self, now: float, cost: int = 1) -> Grant | Later:
        self.in_flight += 1
        return Grant(now, cost)

    def settle(
        self, grant: Grant, now: float, outcome: Outcome, notice: Notice | None = None, cost: int | None = None
    ) -> float | None:
        self.in_flight -= 1
        return None

    def charge(self, at: float, cost: int) -> None:
        """Charge nothing: there is no limit."""

    def set_tiers(self, tiers: tuple[Tier, ...], now: float) -> None:
        """Change nothing: there is no limit."""

    def statistics(self, now: float) -> Statistics:
        return Statistics(self.name, self.in_flight)
