"""One session's part in its accounts, and the courier that carries what it says to the store.

A key has an account; a session with several keys takes part in several. For each route of a budget there is a balance
(`LeasePacer`), which says when an exchange is due. The courier sleeps until then, or until something rings.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace

import trio

from harness.account.store import AccountKey, BudgetStore, Counted, Holder, StoreUnavailable
from harness.pacing.exchange import Other
from harness.pacing.leases import AWAY_S, LeasePacer
from harness.record.clock import slept_s

_log = logging.getLogger("harness")
# A session that ends does not wait longer for a store to hear it.
LEAVES_S = 2.0
# Between the name of a run and which of its processes it is.
PART = " ("
# Sums of floats differ by less: waiting for the difference would take no time, for ever.
SOON_S = 1e-6


@dataclass(slots=True)
class _Seat:
    """A key's account, what counted in it when the session joined, and the balances of its routes.

    number: keys may share an account (`--account`), and each is a holder of its own then.
    """

    key: AccountKey
    number: int = 0
    counted: list[Counted] = field(default_factory=list)
    family: list[LeasePacer] = field(default_factory=list)


class Account:
    """What a session shares. keys: by the names of its credentials. named: the store was named by people.

    store_id: of the store that was opened. deadline_s, linger_s: of its requests.
    """

    def __init__(
        self,
        store: BudgetStore,
        store_id: str,
        holder: Holder,
        keys: Mapping[str | None, AccountKey],
        *,
        named: bool,
        deadline_s: float,
        linger_s: float,
    ) -> None:
        self.store, self.store_id, self.holder, self.named = store, store_id, holder, named
        self.of_run = ""  # the run that this is a part of
        self._deadline_s, self._linger_s = deadline_s, linger_s
        self._seats = {name: _Seat(key, number) for number, (name, key) in enumerate(keys.items())}
        # Told the name of each other that is at work on an account, once.
        self.on_other: Callable[[str], None] | None = None
        self.on_lost: Callable[[], None] | None = None  # told that the store is done without from here on
        self._rung = trio.Event()
        self._told: set[str] = set()
        self._away = False

    async def join(self, span_s: float, dead: tuple[str, ...] = ()) -> None:
        """Take part in every account; see `BudgetStore.join`. StoreUnavailable where the store is gone.

        dead: the ids of the holders of earlier sessions.
        """
        gone = tuple(_seated(one, number) for one in dead for number in range(len(self._seats)))
        for seat in self._seats.values():
            seat.counted = await self.store.join(seat.key, self._holder(seat), span_s, gone)

    def _holder(self, seat: _Seat) -> Holder:
        return self.holder if not seat.number else replace(self.holder, id=_seated(self.holder.id, seat.number))

    async def learned(self) -> str:
        """Return the limits that runs on the account learned, in the grammar of limits."""
        with suppress(StoreUnavailable):
            return next(iter([await self.store.learned(seat.key) for seat in self._seats.values()]), "")
        return ""

    async def kept(self) -> tuple[str, ...]:
        """Return the limits that other runs on the account keep to, or lately did."""
        with suppress(StoreUnavailable):
            mine = {(seat.key.host, seat.key.identity) for seat in self._seats.values()}
            found = [one for one in await self.store.accounts() if (one.key.host, one.key.identity) in mine]
            return tuple(dict.fromkeys(limit.text for one in found for limit in one.limits))
        return ()

    async def learn(self, limits: str) -> None:
        """Keep what was learned for the next run; a store that is gone is learned anew another time."""
        with suppress(StoreUnavailable):
            for seat in self._seats.values():
                await self.store.learn(seat.key, limits)

    def be_part_of(self, run: str, part: str = "") -> None:
        """Be called so by others; part: which of the processes of the run this is."""
        self.of_run = run
        self.holder = replace(self.holder, name=f"{run}{PART}{part})" if part else run)

    @property
    def keys(self) -> Mapping[str | None, AccountKey]:
        """Return whose accounts they are, by credential."""
        return {name: seat.key for name, seat in self._seats.items()}

    def counted(self, credential: str | None) -> list[Counted]:
        """Return what others, and earlier sessions, had sent when this one joined, oldest first."""
        return self._seats[credential].counted

    def balance(self, credential: str | None, route: str, most: int) -> LeasePacer:
        """Return a new balance of a route, for a budget. most: so many requests may be in flight."""
        slept = slept_s if self.named else _no_sleep
        what = (route, self._linger_s, self._deadline_s, most)
        one = LeasePacer(*what, named=self.named, slept=slept, family=self._seats[credential].family)
        one.ring = self._ring
        return one

    @property
    def others(self) -> tuple[Other, ...]:
        """Return who else is at work on any of the accounts, each run once: the processes of one run are one."""
        found: dict[str, Other] = {}
        for seat in self._seats.values():
            for one in seat.family:
                for other in one.others:
                    name = other.name.partition(PART)[0]
                    if name != self.of_run:
                        found.setdefault(name, replace(other, name=name))
        return tuple(found.values())

    @property
    def is_away(self) -> bool:
        """Return whether the store does not answer."""
        return self._away

    def _ring(self) -> None:
        self._rung.set()

    # --- the courier ------------------------------------------------------------------------------------------------

    async def begin(self, now: Callable[[], float], wake: Callable[[], None]) -> None:
        """Carry the first exchanges, so that nobody waits for them."""
        await self._carry(now, wake)

    async def run(self, now: Callable[[], float], wake: Callable[[], None]) -> None:
        """Carry exchanges for ever. wake: called when somebody may go who waited. The clock is `now`, in seconds."""
        while True:
            due = min((one.due_at(now()) for seat in self._seats.values() for one in seat.family), default=math.inf)
            wait_s = due - now()
            if wait_s > SOON_S and not self._rung.is_set():
                with trio.move_on_after(wait_s):
                    await self._rung.wait()
            self._rung = trio.Event()
            await self._carry(now, wake)
            await trio.lowlevel.checkpoint()

    async def _carry(self, now: Callable[[], float], wake: Callable[[], None]) -> None:
        for seat in self._seats.values():
            for one in list(seat.family):
                if one.due_at(now()) > now() + SOON_S:
                    continue
                try:
                    leased = await self.store.exchange(seat.key, self._holder(seat), one.exchange(now()))
                except StoreUnavailable as error:
                    self._failed(one.failed(now()), error)
                    wake()
                    continue
                if one.replied(now(), leased):
                    wake()
                self._answered(one)

    def _failed(self, detached: bool, error: StoreUnavailable) -> None:
        if detached:
            if self.on_lost is not None:
                self.on_lost()
            self._say("lost", f"{error}: from here on this run paces by itself, and others do not hear of it")
        elif not self._away and self.named:
            _log.warning("%s: nothing more is sent until it answers again", error)
        self._away = not detached

    def _answered(self, one: LeasePacer) -> None:
        if self._away:
            self._away = False
            if self.named:
                _log.warning("the account in %s answers again", self.store.where)
        for other in self.others if one.others else ():
            where = "" if other.machine == self.holder.machine else f" on {other.machine}"
            line = f"{other.name} (process {other.pid}{where}) uses the same limits now: both keep to them together"
            if self._say(other.name, line) and self.on_other is not None:
                self.on_other(other.name)

    def _say(self, what: str, line: str) -> bool:
        """Say each thing once; return whether this was the time."""
        if what in self._told:
            return False
        self._told.add(what)
        _log.warning("%s", line)
        return True

    async def leave(self, now: Callable[[], float]) -> None:
        """Tell what is left to tell, and give everything back; a store that is gone does not matter."""
        with trio.move_on_after(LEAVES_S, shield=True):
            for seat in self._seats.values():
                for one in seat.family:
                    await self._leave(seat, one, now)

    async def close(self) -> None:
        """Close the store."""
        with trio.CancelScope(shield=True):
            await self.store.close()

    async def _leave(self, seat: _Seat, one: LeasePacer, now: Callable[[], float]) -> None:
        while not one.detached:
            last = not one.is_saying
            try:
                said = one.exchange(now(), leaves=last)
                one.replied(now(), await self.store.exchange(seat.key, self._holder(seat), said))
            except StoreUnavailable:
                if not self.named:
                    return
                await trio.sleep(AWAY_S / 2)
                continue
            if last:
                return


def _seated(holder: str, number: int) -> str:
    """Return the id of a holder at its account of that number."""
    return f"{holder}.{number}" if number else holder


def _no_sleep() -> float:
    return 0.0
