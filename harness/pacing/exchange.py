"""What a holder and its account say to each other, in an exchange; `leases` says what for.

What goes in and out are durations, never times: the two have clocks of their own.
"""

from __future__ import annotations

from dataclasses import dataclass

from harness.pacing.limiters import guard_s, paced_as
from harness.pacing.tiers import EVERY_ROUTE, Tier

# How long a lease lives without a word. A holder that dies keeps its units so long from the others.
LIFE_S = 2.0


@dataclass(frozen=True, slots=True)
class Limit:
    """A limit as an account keeps it: at most `units` in any `span_s` seconds; 0 s: at once. route: what it counts."""

    units: int
    span_s: float
    route: str = EVERY_ROUTE
    text: str = ""

    @classmethod
    def of(cls, tier: Tier) -> Limit:
        """Return the sliding log that is at least as strict as `tier`."""
        if tier.kind == "concurrency":
            return cls(tier.limit, 0.0, tier.route, str(tier))
        units, period_s = paced_as(tier)
        return cls(units, period_s + guard_s(period_s), tier.route, str(tier))

    def counts(self, route: str) -> bool:
        """Return whether units of `route` are counted; those of which it is not known are."""
        return EVERY_ROUTE in (self.route, route) or self.route == route


@dataclass(frozen=True, slots=True)
class Spent:
    """Units that were sent. age_s: since the server had counted them, when the exchange was called; below 0 where it
    may still. cost: what they cost, reserved: what had been leased for them.
    """

    age_s: float
    cost: int
    reserved: int


@dataclass(frozen=True, slots=True)
class Exchange:
    """What a holder says. number: counts from 1, the same again where no answer came.

    linger_s: so long after it is given up a request may be counted; occupies_s: so long after a lease's life. spent,
    back: what became of units that it had. want: so many more; least: fewer are of no use to a probe. hold_s: a refusal
    began a pause that ends so long from the call. probe: what became of the probe, `passed` or `back`. leaves: it will
    say no more.
    """

    number: int
    route: str
    limits: tuple[Limit, ...]
    occupies_s: float
    linger_s: float = 0.0
    spent: tuple[Spent, ...] = ()
    back: int = 0
    want: int = 0
    least: int = 1
    hold_s: float | None = None
    probe: str = ""
    leaves: bool = False


@dataclass(frozen=True, slots=True)
class Other:
    """Somebody else at work on the account: what people call it, its process, its machine, the units it has."""

    name: str
    pid: int
    machine: str
    leased: int = 0


@dataclass(frozen=True, slots=True)
class Leased:
    """What an account answers: units, for `LIFE_S` from before the call.

    alone: nothing was judged. opens_s: when to ask again, from the answer, where fewer came than were wanted (None: it
    is not known). full: the index of the limit in the way. hold_s: everyone pauses so long. probing: the one unit is
    the probe; waits: somebody else's probe is on its way. others: who else is at work. lost: the store was emptied, or
    is as it was a while ago: what was left of earlier leases is void.
    """

    units: int
    alone: bool = True
    opens_s: float | None = None
    full: int | None = None
    hold_s: float | None = None
    probing: bool = False
    waits: bool = False
    others: tuple[Other, ...] = ()
    lost: bool = False
