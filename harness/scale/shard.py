"""One shard of an import: a session without a list, whose items come from a feed.

It writes a run's folder of its own, with the recorder, the core and the driver of any session. It ends when its feed
says so, when it is told to stop, or soon after the process that started it has gone.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, nullcontext, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import trio

from harness.account.account import Account
from harness.config import ImportConfig
from harness.core.budgets import Budgets
from harness.core.core import Core
from harness.core.rules import Rules
from harness.core.stop_conditions import StopConditions
from harness.errors import RecordError
from harness.pacing import Tiers
from harness.record.clock import utc_s
from harness.record.events import ItemId
from harness.record.history import recorded
from harness.record.parts import compact
from harness.record.run import Run
from harness.record.state import State
from harness.record.status import RunStatus
from harness.scale.feed import FeedReader
from harness.session.factory import make_core
from harness.session.importing import go_by, http_api, noted
from harness.session.joining import account_for, own_account, told_of
from harness.session.session import Session
from harness.source.base import Api
from harness.source.client import HttpApi
from harness.speed import by_the_wall

# How often a shard looks whether its feed has grown: one look is one stat.
LOOK_S = 0.05
# What is in flight when the coordinator has gone may take so long; what is left then is asked for again on resume.
GRACE_S = 5.0


@dataclass(frozen=True)
class ShardTask:
    """What another process needs to be shard `number` (from 1) of `shards`; it can be pickled.

    folder: of the shard. url: of the list, or of the test API that stands for it.
    """

    folder: Path
    number: int
    shards: int
    config: ImportConfig
    url: str


class ShardSession(Session):
    """A session that fetches the items which its feed names."""

    def __init__(
        self,
        run: Run,
        config: ImportConfig,
        *,
        inline: bool = False,
        wall: Callable[[], float] = utc_s,
        account: Account | None = None,
        remembered: Tiers | None = None,
    ) -> None:
        super().__init__(run, config, inline=inline, wall=wall, account=account, remembered=remembered)
        self._feed = FeedReader(run.folder)
        self.core.hold_open("feed")
        self.read_feed()

    def _make_core(self, budgets: Budgets, state: State, payloads: set[ItemId] | None) -> Core:
        core = make_core(self.config, budgets, self._record, self._started_utc_s, state, payloads, adapted=_of_shard)
        core.foresight = None  # it sees a part of what there is to do
        return core

    def _look_around(self, budgets: Budgets) -> None:
        """Say nothing of the other shards, which are the same run."""

    def tasks(self) -> Sequence[Callable[[], Awaitable[object]]]:
        return (self._follow_feed,)

    async def _follow_feed(self) -> None:
        while True:
            await trio.sleep(by_the_wall(LOOK_S))
            if self.core.over:
                continue
            if self.read_feed():
                self._wake()
            if self.core.is_idle:  # the others wait for what it knows
                self.flusher.hurry()

    def read_feed(self) -> bool:
        """Take in what is new; answers whether there was anything."""
        end, found = "", False
        for line in self._feed.read():
            found = True
            if line.ids:
                self.core.feed(self.now(), line.ids, line.places)
            if line.all or line.more:
                self.core.feed_open(line.more)
            end = "" if line.more else line.end or end
        if end:
            self.core.end_feed(self.now(), end)
        return found


def _of_shard(rules: Rules) -> Rules:
    """Return the rules of a session whose items come from a feed; when the whole ends is not for one shard to say."""
    alone: dict[str, Any] = {"elsewhere": False, "fed": True, "detail": True, "choose": False, "accept_list": False}
    ends = StopConditions(until_quota=rules.stop_conditions.until_quota)  # it is this one that meets the quota
    return replace(rules, **alone, max_items=None, parts=(), stop_conditions=ends, processes=1)


async def run_shard(
    task: ShardTask,
    until_alone: Callable[[], Awaitable[object]] | None = None,
    *,
    api: Api | None = None,
    inline: bool = False,
    wall: Callable[[], float] = utc_s,
) -> RunStatus:
    """Be a shard until its work is done; return the status in which its session ended.

    until_alone: returns when whoever started it is gone. api: in place of that at the task's url. inline: write without
    threads. wall: the wall clock.
    """
    run = Run(task.folder)
    with run.locked(), noted(run, new=False):
        async with (
            nullcontext(api) if api is not None else http_api(task.config, task.url) as source,
            _account(task, run, inline) as shared,
        ):
            session = ShardSession(run, task.config, inline=inline, wall=wall, **shared)
            session.url = task.url
            if isinstance(source, HttpApi):
                go_by(source, run, task.config, session)
                source.reading.on_assumed = None  # the coordinator reads the list
            async with trio.open_nursery() as nursery:
                if until_alone is not None:
                    nursery.start_soon(_end_alone, session, until_alone)
                done = await session.run(source)
                nursery.cancel_scope.cancel()
        _conclude(run, session.state)
    return done.status


@asynccontextmanager
async def _account(task: ShardTask, run: Run, inline: bool) -> AsyncIterator[dict[str, Any]]:
    """Yield what the session is told of the account of the whole run. inline: in virtual time there is none."""
    if inline:
        yield {}
        return
    whole = task.folder.parent.parent
    account = await account_for(task.config, whole.name) or await own_account(task.config, whole)
    account.be_part_of(whole.name, f"shard {task.number}")
    try:
        yield await told_of(account, run, task.config, forget=False)
    finally:
        await account.close()


async def _end_alone(session: ShardSession, until_alone: Callable[[], Awaitable[object]]) -> None:
    await until_alone()
    session.stop("the process that started it has ended")
    await trio.sleep(by_the_wall(GRACE_S))
    session.stop("the process that started it has ended")


def _conclude(run: Run, state: State) -> None:
    """Note how it ended. Its items are written by the whole run alone."""
    if state.status.is_complete:
        with suppress(RecordError):  # it only makes reading quicker
            compact(run.folder)
    ended = {"status": state.status, "reason": state.reason, "ended_utc_s": state.ended_utc_s}
    run.note(**ended, recorded=recorded(run.folder), settled=False)
