"""Choose the key that a request goes with, where there are several, and let one that is refused leave alone. No IO.

Each key has budgets of its own. A request goes with the key whose budget lets it go first, the keys in turn where
several would. A 401, or a 403 that says nothing of a limit, may be the key's fault, the request's own, or that of all
keys; with several keys that is found out without holding anyone up:

    bounce      the request goes to the front again, for another key; the one that was refused rests meanwhile
    let in      with another key: the first was refused for its own sake. After a 401 it leaves; after a 403, which may
                be a limit after all, it pauses as for a refusal, and leaves after three in a row
    refused     by every key: it is the request's own fault or that of all, which `unauthorised` and `doubts` find out
                as they do with one key. A comparison that gets a 401 is sent again with each other key, too: where one
                is let in, the others leave; where none is, everyone stops
    otherwise   (5xx, lost, refused by a limit) it tells nothing, and the key that rested goes on

The last key never leaves: that takes another one that gets through.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from harness.core.budgets import Budgets, Places
from harness.core.work import InFlight
from harness.pacing import Budget, Grant, Later, Notice, Tiers
from harness.record.events import Endpoint, Key, Role

# 403s in a row, each of them let in with another key, after which a key is held to be refused for good.
MOST_FORBIDDEN = 3
Of = tuple[Role, Key]
Verdict = Literal["theirs", "bounced", "paused"]
# Whom a request asks, which budget pays for it, and with what.
Reserved = tuple[Endpoint, Budget, Grant]


@dataclass(frozen=True, slots=True)
class Left:
    """A key that goes no more: the name of what holds it, the status it got, and its budgets' name."""

    credential: str | None
    status: int
    budget: str


class Keys:
    """The endpoints of each role, one for each key that has not left, and what is known of each key."""

    def __init__(self, budgets: Budgets, tiers: Tiers) -> None:
        self._doors: dict[Role, list[tuple[Endpoint, Budget]]] = {}
        self.left: list[Left] = []
        self._tried: dict[Of, dict[str | None, int]] = {}  # bounced requests: the keys they were refused with, and how
        self._forbidden: dict[str | None, int] = {}
        self._doubted: set[str | None] = set()  # keys with which a comparison got a 401
        self.use(budgets, tiers)

    def use(self, budgets: Budgets, tiers: Tiers) -> None:
        """Use these budgets from here on."""
        gone = {one.credential for one in self.left}
        self._doors.clear()
        for endpoint, budget in budgets.items():
            if endpoint.credential not in gone:
                self._doors.setdefault(endpoint.role, []).append((endpoint, budget))
        self.budgets = budgets
        self._places = Places(budgets, tiers)
        # How many requests may be in flight at most, and whether places are counted apart.
        self.in_all, self.has_places = self._places.in_all, self._places.apart
        self._know()

    def _know(self) -> None:
        """Know which keys have not left, and whether there has been but one."""
        names = dict.fromkeys(endpoint.credential for doors in self._doors.values() for endpoint, _ in doors)
        self.live: list[str | None] = list(names)
        self.is_one = len(self.live) + len(self.left) < 2
        # With one key, where no places are counted apart: what each role goes by.
        simple = self.is_one and not self.has_places
        self.only = {role: doors[0] for role, doors in self._doors.items()} if simple else {}

    @property
    def names(self) -> list[str]:
        """The names of all keys that can be named, in order; those that have left too."""
        return list(dict.fromkeys(endpoint.credential for endpoint in self.budgets if endpoint.credential))

    @property
    def are_several(self) -> bool:
        """Whether a request has to say which key it goes with."""
        return not self.is_one

    def first(self, role: Role) -> Budget:
        """Return the budget that pays for requests of that role, of the first key."""
        return self._doors[role][0][1]

    def each(self, role: Role) -> list[Budget]:
        """Return the budgets that pay for requests of that role."""
        return [budget for _, budget in self._doors[role]]

    # --- the next request -------------------------------------------------------------------------------------------

    def reserve(
        self, now: float, role: Role, cost: int, in_flight: Iterable[Endpoint], key: Key | None = None
    ) -> Reserved | Later:
        """Reserve with the key that lets a request go first; else the earliest answer. key: what is asked for; None: a
        comparison.
        """
        doors, later = self._doors[role], None
        barred = self._barred(role, key) if len(doors) > 1 else ()
        for place, (endpoint, budget) in enumerate(doors):
            if endpoint.credential in barred:
                continue
            answer = self._ask(endpoint, budget, now, cost, in_flight)
            if isinstance(answer, Grant):
                if len(doors) > 1:
                    self._doors[role] = doors[place + 1 :] + doors[: place + 1]
                return endpoint, budget, answer
            later = answer if later is None or _until(answer) < _until(later) else later
        return Later(None, "probe") if later is None else later

    def _ask(
        self, endpoint: Endpoint, budget: Budget, now: float, cost: int, in_flight: Iterable[Endpoint]
    ) -> Grant | Later:
        full = self._places.full(endpoint, in_flight)
        return budget.reserve(now, cost) if full is None else Later(None, "in flight", full)

    def _barred(self, role: Role, key: Key | None) -> Iterable[str | None]:
        """Return the keys that a request may not go with: those it was refused with, else those that rest."""
        if key is None:
            return self._doubted
        tried = self._tried.get((role, key))
        return tried if tried is not None else {name for names in self._tried.values() for name in names}

    def unrest(self) -> bool:
        """Let every key go on; answers whether one rested. For where nothing else could ever end a wait."""
        rested = bool(self._tried)
        self._tried.clear()
        return rested

    # --- what is told -----------------------------------------------------------------------------------------------

    def heard(self, flight: InFlight, notice: Notice) -> tuple[Verdict, list[Left]]:
        """Return what an answer means for the key it was asked with, and the keys that leave because of it.

        theirs: for the others to judge. bounced, paused: the request goes back, to be sent with another key; paused: as
        one that was refused by a limit.
        """
        fetch = flight.fetch
        if len(self.live) < 2 and not self._tried:
            return "theirs", []
        name, of = fetch.endpoint.credential, (fetch.role, fetch.key)
        if 200 <= notice.status < 300 or (notice.status in (404, 410) and not notice.refused):
            return "theirs", self._let_in(name, of, flight.compared)
        unauthorised = notice.status == 401 and not notice.refused
        if not unauthorised and not (notice.status == 403 and notice.bare and not notice.certain):
            self._tried.pop(of, None)
            return "theirs", []
        if flight.compared:
            if unauthorised:
                self._doubted.add(name)
            everyone = self._doubted.issuperset(self.live)
            return ("theirs" if everyone or not unauthorised else "bounced"), []
        tried = self._tried.setdefault(of, {})
        tried[name] = notice.status
        if tried.keys() >= set(self.live):
            del self._tried[of]
            return "theirs", []
        return ("bounced" if unauthorised else "paused"), []

    def _let_in(self, name: str | None, of: Of, compared: bool) -> list[Left]:
        self._forbidden.pop(name, None)
        blamed = self._tried.pop(of, {})
        if compared:
            blamed = {**blamed, **dict.fromkeys(self._doubted, 401)}
            self._doubted.clear()
        return [left for other, status in blamed.items() if other != name for left in self._blame(other, status)]

    def _blame(self, name: str | None, status: int) -> list[Left]:
        """Note that a key was refused with what another got through with; return it if it leaves."""
        self._forbidden[name] = self._forbidden.get(name, 0) + 1
        if name not in self.live or (status != 401 and self._forbidden[name] < MOST_FORBIDDEN):
            return []
        budget = next(b.name for doors in self._doors.values() for e, b in doors if e.credential == name)
        for role, doors in self._doors.items():
            self._doors[role] = [door for door in doors if door[0].credential != name]
        self._tried = {of: names for of, names in self._tried.items() if names.keys() != {name}}
        self.left.append(Left(name, status, budget))
        self._know()
        return self.left[-1:]

    def to_renew(self, what: str) -> str:
        """Return a sentence with the keys that are to be renewed by name, where there are several."""
        names = self.names
        if len(names) < 2:
            return what
        return what.replace("renew the token", f"renew the tokens in {', '.join(names[:-1])} and {names[-1]}")


def _until(later: Later) -> float:
    return math.inf if later.until is None else later.until


def told(left: Left, others: int) -> str:
    """Return a sentence for people about a key that is no longer used."""
    rest = "the other goes on" if others == 1 else f"the other {others} go on"
    return f"{left.credential} is refused (status {left.status}) where another key gets through: {rest}; renew it"
