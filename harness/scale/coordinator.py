"""The session of an import whose items are fetched by shards: it owns the run, reads the list, and gathers the rest.

To everybody else it is the session of a run: its state, its live status and its commands are those of the whole. What
its shards do is in `supervisor`.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Awaitable, Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, cast

from harness.account.account import Account
from harness.config import ImportConfig
from harness.core.answers import Done
from harness.core.budgets import Budgets
from harness.core.core import Core
from harness.core.rules import Rules
from harness.pacing import Tiers, format_tiers
from harness.record.clock import utc_s
from harness.record.control import Command
from harness.record.events import Event, ItemId, PageListed, WaitBegan, Waited
from harness.record.gather import gather_rest
from harness.record.live import MOST_FLIGHTS, Live, LiveTier, read_live
from harness.record.run import Run
from harness.record.shards import shard_folders
from harness.record.state import State
from harness.scale.executors import Executor
from harness.scale.supervisor import Supervisor
from harness.session.factory import make_core
from harness.session.retry_failed import retry_pages, to_forget, to_retry
from harness.session.session import OnUpdate, Session
from harness.source.base import Api

_log = logging.getLogger("harness")


class Coordinator(Session):
    """A session of which shards fetch the items, once it is clear that they are to be fetched one by one."""

    def __init__(
        self,
        run: Run,
        config: ImportConfig,
        *,
        executor: Executor,
        inline: bool = False,
        relist: bool = False,
        wall: Callable[[], float] = utc_s,
        account: Account | None = None,
        remembered: Tiers | None = None,
    ) -> None:
        for folder in shard_folders(run.folder):
            with Run(folder).locked():  # of a coordinator that was killed: else two would write it
                pass
        gather_rest(run)
        self._supervisor: Supervisor | None = None
        shared = {"account": account, "remembered": remembered}
        super().__init__(run, config, inline=inline, relist=relist, wall=wall, **shared)  # type: ignore[arg-type]
        self._supervisor = Supervisor(self, executor)
        self._says_none = False
        if self.core.rules.elsewhere:
            self.core.hold_open("shards")

    def _make_core(self, budgets: Budgets, state: State, payloads: set[ItemId] | None) -> Core:
        """Return a core that leaves the items alone from the beginning, where it is clear that they are fetched."""
        shared = bool(shard_folders(self.run_folder.folder))

        def adapted(rules: Rules) -> Rules:
            elsewhere = shared or (rules.detail and not rules.choose)
            return replace(rules, elsewhere=elsewhere, processes=self.config.pacing.shards)

        made = (self.config, budgets, self._record, self._started_utc_s, state, payloads)
        core = make_core(*made, adapted=adapted)
        core.foresight = None  # it knows what one process can do
        return core

    def tasks(self) -> Sequence[Callable[[], Awaitable[object]]]:
        assert self._supervisor is not None
        return (self._supervisor.run,)

    async def run(self, api: Api, on_update: OnUpdate | None = None, update_s: float = 0.25) -> Done:
        assert self._supervisor is not None
        try:
            return await super().run(api, on_update, update_s)
        finally:
            self._supervisor.close()

    def _record(self, event: Event) -> None:
        super()._record(event)
        if isinstance(event, PageListed) and self._supervisor is not None:
            self._supervisor.listed(event)

    def say_none(self) -> None:
        """Say once that the shards have nothing to do."""
        if not self._says_none:
            self._says_none = True
            self.core.go_alone(self.now())
            _log.warning("--shards brings nothing here: the items come from the list, which one process reads")

    @property
    def started_utc_s(self) -> float:
        return self._started_utc_s

    # --- watching and steering ----------------------------------------------------------------------------------

    def live(self) -> Live:
        """Return what is known of this moment, of all processes."""
        own = super().live()
        if self._supervisor is None or not self._supervisor.is_at_it:
            return own
        now_utc_s = utc_s()
        found = [read_live(folder, now_utc_s) for folder in shard_folders(self.run_folder.folder)]
        return together(own, [one for one in found if one is not None], self.config.pacing.shards)

    def stop(self, reason: str = "stopped") -> None:
        """Finish what is in flight everywhere, then end; a second call ends at once."""
        if self.core.desired.stopping is not None and self._supervisor is not None:
            self._supervisor.end_now()
        super().stop(reason)

    def set_workers(self, workers: int) -> None:
        """Go on with so many workers in each process."""
        super().set_workers(workers)
        self._tell("set", workers=workers)

    def set_limits(self, tiers: Tiers) -> None:
        super().set_limits(tiers)
        self._tell("set", limit=format_tiers(tiers))

    def pause(self) -> None:
        super().pause()
        self._tell("pause")

    def resume(self) -> None:
        super().resume()
        self._tell("resume")

    def retry_failed(self, items: Collection[ItemId] | None = None) -> int:
        """Try again what failed for good, here and in the shards; answers how much that is."""
        again = [cast(ItemId, key) for role, key in to_retry(self.state, items) if role == "item"]
        own = self._told_to_shards("retry", again)
        pages = retry_pages(self.core, self.now()) if items is None else 0
        return pages + len(again) - len(own) + super().retry_failed(own)

    def forget_failed(self, items: Collection[ItemId] | None = None) -> int:
        gone = to_forget(self.state, items)
        own = self._told_to_shards("forget", gone)
        return len(gone) - len(own) + super().forget_failed(own)

    def _told_to_shards(self, command: Command, items: list[ItemId]) -> list[ItemId]:
        """Tell the shards a command for those of `items` that are theirs; answers the others."""
        assert self._supervisor is not None
        self._supervisor.tell_of(command, [item for item in items if self._supervisor.has(item)])
        return [item for item in items if not self._supervisor.has(item)]

    def _tell(self, command: Command, **values: Any) -> None:
        if self._supervisor is not None:
            self._supervisor.tell(command, **values)

    def wake(self) -> None:
        """Let the core look again: something was gathered."""
        self._wake()

    def take(self, event: Event) -> None:
        """Record an event of a shard among those of the run; a wait only counts where all wait."""
        assert self._supervisor is not None
        if not isinstance(event, (WaitBegan, Waited)) and not self.core.over:
            self.core.emit(event)

    def end_feed_of_shards(self) -> None:
        """Let the session end: no shard is at it any more."""
        self.core.hold_open("")
        self._wake()


def together(own: Live, shards: Sequence[Live], processes: int) -> Live:
    """Return the live status of a coordinator and its shards as one: that of the run."""
    everyone = [own, *shards]
    tiers = _tiers_together(everyone)
    retries = [one.next_retry_utc_s for one in everyone if one.next_retry_utc_s is not None]
    last = [one.last_retry_utc_s for one in everyone if one.last_retry_utc_s is not None]
    told = _told_by(own, shards)
    flights = sorted((flight for one in everyone for flight in one.flights), key=lambda flight: -flight.for_s)
    return replace(
        own,
        workers=own.workers * processes,
        in_flight=sum(one.in_flight for one in everyone),
        doing=told.doing,
        until_utc_s=told.until_utc_s,
        tier=told.tier,
        tiers=tiers,
        retrying=sum(one.retrying for one in everyone),
        next_retry_utc_s=min(retries, default=None),
        last_retry_utc_s=max(last, default=None),
        flights=tuple(flights[:MOST_FLIGHTS]),
    )


# What a process does that has nothing to do.
_NOTHING = ("feed", "shards")


def _told_by(own: Live, shards: Sequence[Live]) -> Live:
    """Return the status that says what the whole does: a person's word, then whoever works, then who waits longest."""
    if own.doing in ("paused", "stopping"):
        return own
    busy = [one for one in (own, *shards) if one.doing not in _NOTHING]
    working = [one for one in busy if one.doing in ("working", "in flight")]
    if working:
        return working[0]
    if not busy:
        return replace(own, doing="working", until_utc_s=None, tier=None)
    return min(busy, key=lambda one: math.inf if one.until_utc_s is None else one.until_utc_s)


def _tiers_together(everyone: Sequence[Live]) -> tuple[LiveTier, ...]:
    """Return each limit once, with what all processes have used of it."""
    found: dict[str, list[LiveTier]] = {}
    for one in everyone:
        for tier in one.tiers:
            found.setdefault(tier.text, []).append(tier)
    return tuple(_tier_together(tiers) for tiers in found.values())


def _tier_together(tiers: Sequence[LiveTier]) -> LiveTier:
    used = min(tiers[0].limit, sum(tier.used for tier in tiers))
    opens = [tier.opens_in_s for tier in tiers if tier.opens_in_s is not None]
    left = tiers[0].limit - used
    with suppress(ValueError):
        return replace(tiers[0], used=used, left=left, opens_in_s=None if left else min(opens))
    return replace(tiers[0], used=used, left=left, opens_in_s=None)
