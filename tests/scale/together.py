"""A coordinator and its shards in one process, in virtual time: each can be killed as if it were a process."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import trio
import trio.testing

from harness import ImportConfig
from harness.record.clock import utc_s
from harness.record.run import Run
from harness.scale.coordinator import Coordinator
from harness.scale.feed import FeedWriter
from harness.scale.shard import ShardTask, run_shard
from harness.session.importing import import_into, prepared
from harness.session.session import Session
from tests.faults.power import Killed, Switch, World, settings

# Which of the processes that this one plays is running.
WHO: ContextVar[str] = ContextVar("who", default="coordinator")


# No session here takes so long, in virtual time: one that does hangs.
_MOST_S = 600.0


@dataclass
class Shard:
    """A shard that is a task. kill: as kill -9, nothing of it reaches the disk any more."""

    switch: Switch
    scope: trio.CancelScope = field(default_factory=trio.CancelScope)
    is_over: bool = False
    why: str = ""

    @property
    def is_alive(self) -> bool:
        return not self.is_over

    @property
    def was_killed(self) -> bool:
        return self.why.startswith("killed")

    def kill(self) -> None:
        self.switch.dead = True
        self.scope.cancel()


@dataclass
class Tasks:
    """An executor whose shards are tasks of `nursery`, which ask `world`."""

    nursery: trio.Nursery
    world: World
    switches: Switches
    wall: Callable[[], float]
    alone: trio.Event = field(default_factory=trio.Event)
    started: list[int] = field(default_factory=list)

    def start(self, task: ShardTask) -> Shard:
        shard = Shard(self.switches.fresh(f"shard {task.number}"))
        self.started.append(task.number)
        self.nursery.start_soon(self._run, shard, task)
        return shard

    async def _run(self, shard: Shard, task: ShardTask) -> None:
        WHO.set(f"shard {task.number}")
        try:
            with shard.scope:
                await run_shard(task, self.alone.wait, api=self.world, inline=True, wall=self.wall)
        except BaseException as error:
            if not shard.switch.dead:
                shard.why = repr(error)
        if shard.switch.dead:
            shard.why = "killed by a test"
        shard.is_over = True


@dataclass
class Switches:
    """What each process does on the disk, by its name; `at` says at which step (from 0) which of them dies, once, and
    `always` at which it does each time that it is started.
    """

    at: dict[str, int] = field(default_factory=dict)
    of: dict[str, Switch] = field(default_factory=dict)
    when: Any = "before"
    always: dict[str, int] = field(default_factory=dict)

    def fresh(self, who: str) -> Switch:
        """The switch of a process that starts; it dies where this one of its kind is to, and the next does not."""
        self.of[who] = Switch(self.at.pop(who, self.always.get(who)), self.when)
        return self.of[who]

    @contextmanager
    def seen(self) -> Iterator[None]:
        """Let each step of the block be seen by the switch of whoever takes it."""
        own = {name: _step_of(self, name) for name in ("rename", "replace", "unlink", "remove", "mkdir", "rmdir")}
        append = FeedWriter._write

        def fed(writer: FeedWriter, line: dict[str, Any]) -> None:
            switch = self.of[WHO.get()]
            number = len(switch.steps)
            switch.steps.append(f"feed {line}")
            if switch.dead:
                raise Killed
            if number != switch.at:
                append(writer, line)
                return
            switch.dead = True
            if switch.when == "torn":
                writer._file.write(b'{"ids": [1')
                writer._file.flush()
            elif switch.when == "after":
                append(writer, line)
            raise Killed

        with pytest.MonkeyPatch.context() as patched:
            for name, step in own.items():
                patched.setattr(f"os.{name}", step)
            patched.setattr("os.fsync", lambda handle: self.of[WHO.get()].sync(handle))
            patched.setattr(FeedWriter, "_write", fed)
            yield


def _step_of(switches: Switches, name: str) -> Callable[..., None]:
    return lambda *args, **kwargs: switches.of[WHO.get()].step(name, *args, **kwargs)


@dataclass
class Ended:
    """What came of a session: the run, whether the coordinator was killed, and which shards were started, in order."""

    run: Run
    killed: bool
    started: list[int]
    steps: dict[str, list[str]]


Person = Callable[[Coordinator, Tasks], Any]


def sharded(
    config: ImportConfig,
    world: World,
    switches: Switches | None = None,
    person: Person | None = None,
    *,
    relist: bool = False,
) -> Ended:
    """One session in virtual time, as `run_import` runs it; ended by the death of its coordinator, or as it ends."""
    switches = Switches() if switches is None else switches
    began_utc_s = utc_s()

    async def main() -> Ended:
        origin_s = trio.current_time()
        switches.fresh("coordinator")
        async with trio.open_nursery() as nursery:
            wall = lambda: began_utc_s + trio.current_time() - origin_s  # noqa: E731
            tasks = Tasks(nursery, world, switches, wall)
            killed = False
            try:
                with trio.fail_after(_MOST_S):
                    await _coordinate(config, world, tasks, person, relist)
            except BaseException:
                if not switches.of["coordinator"].dead:
                    raise
                killed = True
            tasks.alone.set()
        assert config.run.name is not None
        found = Run(config.run.results / config.run.name)
        return Ended(found, killed, tasks.started, {who: switch.steps for who, switch in switches.of.items()})

    with switches.seen():
        return trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))


async def _coordinate(config: ImportConfig, world: World, tasks: Tasks, person: Person | None, relist: bool) -> None:
    sessions = partial(Coordinator, executor=tasks, wall=tasks.wall)
    with prepared(config) as run:
        async with trio.open_nursery() as nursery:

            def begun(session: Session, _: str) -> None:
                assert isinstance(session, Coordinator)
                if person is not None:
                    nursery.start_soon(person, session, tasks)

            url = config.source.url or ""
            await import_into(run, config, world, url, begun, inline=True, relist=relist, sessions=sessions)
            nursery.cancel_scope.cancel()


def in_shards(results: Path, shards: int = 2, **more: Any) -> ImportConfig:
    """The settings of power.settings, for shards, with details."""
    return settings(results, **{"shards": shards, "detail": True, **more})
