"""What an account can be asked, whichever store keeps it: one protocol, and one suite of tests for all of them.

**The books.** An account belongs to a host and an identity. It holds *units* that were sent (route, cost, by when the
server had counted them), *leases* (how many units each holder has, and since when), *holds* after refusals, and the
limits that were learned. All times are the store's own; what goes in and out are durations.

**An exchange** is one atomic step, in this order:

1. The same number as before: the answer of before again, and nothing else.
2. Holders that said nothing for a lease's life and as long as a request of theirs can take are buried: their units
   count as sent at the last moment at which they can have been. Of one that is known to be dead it is now plus the
   linger.
3. What the holder spent is taken out of its lease and put among the units, at the moment of the exchange less its age;
   what it gives back is taken out of its lease.
4. A refusal begins a hold, or makes it longer; a probe that passed ends it, one that came back lets another go.
5. It is leased what it wants: as much as it wants where it is *alone*; nothing during a hold; one unit where a probe is
   due; else as much as every limit has free, shared with the others that want some.

**Alone** is a holder while no other is at work, and nothing can count that another has told of since it joined, or is
still to tell of.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from harness.errors import HarnessError
from harness.pacing.exchange import Exchange, Leased


class StoreUnavailable(HarnessError):
    """A store that cannot be asked now; nothing was changed, or the same exchange will find what was."""


@dataclass(frozen=True, slots=True)
class AccountKey:
    """Whose account: a host (with its port), and an identity. label: how people call the key, never its value."""

    host: str
    identity: str = ""
    label: str = ""


@dataclass(frozen=True, slots=True)
class Holder:
    """Who takes part. id: its own, for ever. name: the run, or the command; pid, machine: where it is at work. store:
    the id of the store that it joined.
    """

    id: str
    name: str
    pid: int
    machine: str
    store: str = ""


@dataclass(frozen=True, slots=True)
class Counted:
    """Units of a route that may still count: by so many seconds ago at the latest (below 0: they may be yet)."""

    route: str
    age_s: float
    cost: int


@dataclass(frozen=True, slots=True)
class LimitNow:
    """One limit of an account now. used, left: units; opens_s: when the next comes free (None: open, or not known)."""

    text: str
    units: int
    used: int
    left: int
    opens_s: float | None


@dataclass(frozen=True, slots=True)
class AccountNow:
    """What `limits` shows of an account. learned: as in the grammar of limits. hold_s: everyone pauses so long."""

    key: AccountKey
    limits: tuple[LimitNow, ...]
    holders: tuple[Holder, ...]
    learned: str = ""
    hold_s: float | None = None
    last_used_s: float | None = None


class BudgetStore(Protocol):
    """A store of accounts. Everything raises StoreUnavailable; nothing else is to be expected of it."""

    where: str  # for people

    async def open(self) -> str:
        """Connect, make what is not there, and return the id of this store: another one once it was emptied."""

    async def secret(self) -> bytes:
        """Return the random key by which secrets are hashed, kept in the store itself."""

    async def join(self, key: AccountKey, holder: Holder, span_s: float, dead: tuple[str, ...] = ()) -> list[Counted]:
        """Take part from now on; return all that may still count within the longest of `span_s` seconds, oldest first.

        dead: holders of which it is known that they send no more. Called again by the same holder it begins anew what
        it knows.
        """

    async def exchange(self, key: AccountKey, holder: Holder, said: Exchange) -> Leased:
        """Do what the module says, in one atomic step."""

    async def learned(self, key: AccountKey) -> str:
        """Return the limits that were learned, in the grammar of limits; "" where none were."""

    async def learn(self, key: AccountKey, limits: str) -> None:
        """Keep them for the next run; "" forgets them."""

    async def accounts(self) -> list[AccountNow]:
        """Return every account as it is now, by host and key."""

    async def forget(self, key: AccountKey) -> None:
        """Forget an account and all that was learned of it."""

    async def close(self) -> None:
        """Let go of the connection."""
