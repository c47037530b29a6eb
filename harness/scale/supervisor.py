"""What a coordinator does for its shards: start them, feed them, gather what they record, and end them.

It goes by four steps, several times a second: pages that are on disk are fed; what the shards have written is gathered;
a shard that has died is started again, a bounded number of times; and once the list has been read and each item has
come to an end, the shards are told to end, and with the last of them the run.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import trio

from harness.errors import HarnessError, NotRunning
from harness.record.control import Command, ask
from harness.record.events import Held, ItemId, PageListed, RunStatus, WaitBegan, Waited
from harness.record.files import make_folder, unwritable, write_json
from harness.record.gather import Piece, ShardReader, gathered
from harness.record.run import Run
from harness.record.shards import shard_folder, shard_of
from harness.scale.executors import Executor, Handle
from harness.scale.feed import FeedWriter, fed
from harness.scale.shard import ShardTask
from harness.scale.waits import CommonWaits
from harness.speed import by_the_wall

if TYPE_CHECKING:
    from harness.scale.coordinator import Coordinator

# How often a coordinator looks after its shards: a look is a stat of each.
LOOK_S = 0.05
# A shard that has died so often in one session is not started again: it would die again.
MOST_DEATHS = 5
# Waits in common are told of the time up to here: shards write what they record every second.
BEHIND_S = 3.0
# Pages are written at once while shards have less to do than so many items a worker.
ENOUGH = 4
# So many ids are one line of a feed.
_SOME = 1000


@dataclass(slots=True)
class _Shard:
    """A shard, as its coordinator knows it. left: items that it was given and that have not come to an end."""

    number: int
    run: Run
    reader: ShardReader
    feed: FeedWriter
    handle: Handle | None = None
    deaths: int = 0
    left: int = 0
    unsaid: deque[tuple[Command, dict[str, Any]]] = field(default_factory=deque)
    is_over: bool = False


class Supervisor:
    """Looks after the shards of the run of `session`, from `run` on, until they have ended."""

    def __init__(self, session: Coordinator, executor: Executor) -> None:
        self._session = session
        self._executor = executor
        self._shards: list[_Shard] = []
        self._unfed: deque[tuple[int, list[ItemId], list[str] | None]] = deque()  # with the event that named them
        self._own: set[ItemId] = set()  # items that the coordinator has begun itself, or that have ended
        self._waits = CommonWaits()
        self._is_list_given = False
        self._is_ended = False
        self._is_told_to_stop = False
        self._held_until_s = 0.0
        self._looked_s = 0.0

    @property
    def is_at_it(self) -> bool:
        """Whether the shards have been given the items, and the run is not over."""
        return bool(self._shards)

    def has(self, item: ItemId) -> bool:
        """Return whether `item` belongs to a shard by now."""
        return self.is_at_it and item not in self._own

    async def run(self) -> None:
        """Look after the shards for ever, until cancelled."""
        while True:
            if not self._shards:
                self._begin_if_due()
                self._end_without()
            elif not self._session.core.over:
                await self._look()
            await trio.sleep(by_the_wall(LOOK_S))

    # --- the beginning --------------------------------------------------------------------------------------------

    def _begin_if_due(self) -> None:
        """Begin once it is known that items are to be fetched, and what the list's pages look like."""
        core = self._session.core
        if core.over or core.chooser.is_open or not core.state.pages or core.is_in_dispute:
            return
        if not core.rules.detail:
            self._session.say_none()
        elif core.desired.stopping is None and (core.state.pending or core.state.waiting):
            self._begin()

    def _end_without(self) -> None:
        """Let a session end that had nothing for its shards to do."""
        core = self._session.core
        nothing = core.is_idle and not core.state.pending and not core.state.waiting
        if not self._shards and (nothing or core.desired.stopping is not None):
            self._session.end_feed_of_shards()

    def _begin(self) -> None:
        session, core = self._session, self._session.core
        shards = session.config.pacing.shards
        self._own = core.begun_items()
        core.leave_items(self._own_wait)
        core.hold_open("shards")
        about = session.run_folder.about
        for number in range(1, shards + 1):
            self._shards.append(self._prepared(number, shards, about))
        for shard in self._shards:
            self._feed_what_is_left(shard, shards)

    def _prepared(self, number: int, shards: int, about: dict[str, Any]) -> _Shard:
        session = self._session
        folder = shard_folder(session.run_folder.folder, number)
        if not (folder / "run.json").exists():
            try:
                make_folder(folder)
            except OSError as error:
                raise unwritable(folder, error) from None
            told = {key: value for key, value in about.items() if key in _COPIED}
            write_json(folder / "run.json", {**told, "status": "running", "shard": {"number": number, "of": shards}})
        after = session.state.gathered.get(str(number), "")
        reader = ShardReader(folder, number, shards, after, session.config.speed)
        return _Shard(number, Run(folder), reader, FeedWriter(folder))

    def _feed_what_is_left(self, shard: _Shard, shards: int) -> None:
        """Queue what the shard should do and was never given; what it was given it finds in its feed."""
        given = fed(shard.run.folder)
        items, left = self._session.state.items, []
        for item in [*items.in_state("pending"), *items.in_state("waiting")]:
            if shard_of(item, shards) == shard.number and item not in self._own:
                shard.left += item in given
                if item not in given:
                    left.append(item)
        failed = [*items.in_state("failed"), *items.in_state("forgotten")]
        self._own |= {item for item in failed if shard_of(item, shards) == shard.number and item not in given}
        if given:
            shard.feed.go_on()
        seq = self._session.recorder.seq
        for at in range(0, len(left), _SOME):
            some = left[at : at + _SOME]
            places = [self._session.state.places.get(item) for item in some]
            self._unfed.append((seq, some, None if None in places else places))  # type: ignore[arg-type]

    # --- what the list brings -------------------------------------------------------------------------------------

    def listed(self, event: PageListed) -> None:
        """Take in a page of the list; its items are fed once that is on disk."""
        if not self._shards:
            return
        items = self._session.state.items
        wanted = [item for item in event.ids if items.state(item) == "pending" and item not in self._own]
        if not wanted:
            return
        where = dict(zip(event.ids, event.places, strict=True)) if event.places else None
        places = None if where is None else [where[item] for item in wanted]
        self._unfed.append((self._session.recorder.seq, wanted, places))

    def _feed(self) -> None:
        """Feed what is on disk; let it be written at once where shards have little to do."""
        session = self._session
        written = session.flusher.written_seq
        bulk: dict[int, tuple[list[ItemId], list[str]]] = {}
        placed = False
        while self._unfed and self._unfed[0][0] <= written:
            _, ids, places = self._unfed.popleft()
            placed = placed or places is not None
            for at, item in enumerate(ids):
                of = bulk.setdefault(shard_of(item, len(self._shards)), ([], []))
                of[0].append(item)
                of[1].append("" if places is None else places[at])
        for number, (ids, where) in bulk.items():
            shard = self._shards[number - 1]
            self._give(shard, ids, where if placed else None)
        if self._unfed and sum(shard.left for shard in self._shards) < self._enough:
            session.flusher.hurry()

    def _give(self, shard: _Shard, ids: Sequence[ItemId], places: Sequence[str] | None) -> None:
        shard.left += len(ids)
        if places is None or all(places):
            shard.feed.items(ids, places)
            return
        with_place = [at for at, place in enumerate(places) if place]
        without = [item for at, item in enumerate(ids) if not places[at]]
        if with_place:
            shard.feed.items([ids[at] for at in with_place], [places[at] for at in with_place])
        shard.feed.items(without)

    @property
    def _enough(self) -> int:
        return ENOUGH * len(self._shards) * self._session.core.desired.workers

    # --- a look after them ----------------------------------------------------------------------------------------

    async def _look(self) -> None:
        session = self._session
        self._feed()
        for shard in self._shards:
            alive = shard.handle is not None and shard.handle.is_alive  # before its last events are read
            await self._gather(shard)
            if not alive and not shard.is_over:
                self._start_or_leave(shard)
            self._say(shard)
        self._tell_waits()
        self._stop_if_told()
        self._end_if_done()
        if all(shard.is_over for shard in self._shards):
            session.end_feed_of_shards()

    async def _gather(self, shard: _Shard) -> None:
        session = self._session
        for piece in shard.reader.read(session.started_utc_s):
            caught_up = session.flusher.behind()
            if caught_up is not None:
                await caught_up.wait()
            if session.core.over:
                return
            self._take(shard, piece)
            session.wake()
            await trio.lowlevel.checkpoint()

    def _take(self, shard: _Shard, piece: Piece) -> None:
        """Record a piece of what a shard has written, in one step."""
        session = self._session
        ended = session.state.imported + session.state.failed + session.state.forgotten

        def emit(event: Any) -> None:
            if isinstance(event, (WaitBegan, Waited)):
                self._waits.add(shard.number, event)
            elif isinstance(event, Held) and event.until_s <= self._held_until_s:
                pass  # the pause that another shard has told of: it is one, however many processes pause
            else:
                if isinstance(event, Held):
                    self._held_until_s = event.until_s
                session.take(event)

        gathered(piece, shard.number, session.state, emit, session.now())
        shard.left -= session.state.imported + session.state.failed + session.state.forgotten - ended

    # --- their beginnings and ends --------------------------------------------------------------------------------

    def _start_or_leave(self, shard: _Shard) -> None:
        """Start a shard that is not running, unless it is over; end the run where it cannot go on."""
        handle, shard.handle = shard.handle, None
        self._waits.gone(shard.number)
        core = self._session.core
        if handle is not None:
            why = self._fault(shard, handle)
            if core.desired.stopping is not None or why is None:
                shard.is_over = True
            elif not handle.why and self._is_stopped(shard):
                core.stop(self._session.now(), why)
                shard.is_over = True
            elif handle.was_killed and shard.deaths < MOST_DEATHS:
                shard.deaths += 1
            else:
                times = f", the last of {shard.deaths + 1} times" if shard.deaths else ""
                reason = f"shard {shard.number} ended{times}: {why}"
                core.stop(self._session.now(), reason, RunStatus.FAILED)
                shard.is_over = True
        elif core.desired.stopping is not None:
            shard.is_over = True
        if not shard.is_over:
            shard.handle = self._executor.start(self._task(shard))
            if core.desired.paused:
                shard.unsaid.append(("pause", {}))

    def _is_stopped(self, shard: _Shard) -> bool:
        """Return whether a shard ended by a rule of its session, which then is the run's: --until-quota."""
        return shard.run.about.get("status") == RunStatus.STOPPED

    def _fault(self, shard: _Shard, handle: Handle) -> str | None:
        """Return why a shard has ended that was not to; None where it did as it was told."""
        if handle.was_killed:
            return handle.why
        if handle.why:
            with suppress(HarnessError):
                about = shard.run.about
                if about.get("status") == RunStatus.FAILED and about.get("reason"):
                    return str(about["reason"])
            return handle.why
        about = shard.run.about
        status = about.get("status")
        return None if status in (RunStatus.COMPLETE, RunStatus.WITH_FAILURES) else str(about.get("reason") or status)

    def _task(self, shard: _Shard) -> ShardTask:
        session = self._session
        changed: dict[str, Any] = {"workers": session.core.desired.workers} if session.core.concurrency is None else {}
        asked = session.run_folder.about.get("asked", {})
        changed |= {"limit": asked["limit"]} if "limit" in asked else {}
        config = session.config.with_settings(**changed) if changed else session.config
        url = session.url
        assert url is not None, "a list that nobody asked"
        return ShardTask(shard.run.folder.absolute(), shard.number, len(self._shards), config, url)

    def _end_if_done(self) -> None:
        """Tell the shards once that the list has been read, and once that everything has come to an end."""
        session, core = self._session, self._session.core
        if core.desired.stopping is not None or self._unfed or not core.is_idle:
            return
        if not self._is_list_given:
            self._is_list_given = True
            for shard in self._shards:
                shard.feed.all_given()
        state = session.state
        if not self._is_ended and not state.pending and not state.waiting:
            self._is_ended = True
            for shard in self._shards:
                shard.feed.end("each item that the list named has come to an end")

    def _stop_if_told(self) -> None:
        if self._session.core.desired.stopping is not None and not self._is_told_to_stop:
            self._is_told_to_stop = True
            self.tell("stop", reason=self._session.core.desired.stopping)

    def end_now(self) -> None:
        """End every shard at once, and record what they have written."""
        session = self._session
        for shard in self._shards:
            if shard.handle is not None:
                shard.handle.kill()
            for piece in shard.reader.read(session.started_utc_s):
                self._take(shard, piece)
            shard.handle, shard.is_over = None, True
        if self._shards:
            session.end_feed_of_shards()

    def close(self) -> None:
        """Leave no process behind, however the session ended."""
        for shard in self._shards:
            if shard.handle is not None:
                shard.handle.kill()
                shard.handle = None
            shard.feed.close()

    # --- commands -------------------------------------------------------------------------------------------------

    def tell(self, command: Command, **values: Any) -> None:
        """Pass a command on to each shard, in turn with those before it, as soon as it listens."""
        for shard in self._shards:
            shard.unsaid.append((command, values))

    def tell_of(self, command: Command, items: Iterable[ItemId]) -> None:
        """Pass a command on to the shards of these items, each with its own."""
        of: dict[int, list[ItemId]] = {}
        for item in items:
            of.setdefault(shard_of(item, len(self._shards)), []).append(item)
        for number, own in of.items():
            self._shards[number - 1].unsaid.append((command, {"items": own}))

    def _say(self, shard: _Shard) -> None:
        """Say what a shard has not been told; one that is still starting is told in a moment."""
        with suppress(NotRunning):
            while shard.unsaid and shard.handle is not None and shard.run.writer_pid is not None:
                command, values = shard.unsaid[0]
                ask(shard.run, command, **values)
                shard.unsaid.popleft()

    # --- waits ----------------------------------------------------------------------------------------------------

    def _own_wait(self, event: Any) -> None:
        self._waits.add(0, event)

    def _tell_waits(self) -> None:
        """Record what all processes have waited together, up to a little while ago."""
        session = self._session
        now = session.now()
        for shard in self._shards:
            if shard.left <= 0 or shard.handle is None:
                self._waits.idle(shard.number, self._looked_s, now)
        if session.core.is_idle:
            self._waits.idle(0, self._looked_s, now)
        self._looked_s = now
        over = all(shard.is_over for shard in self._shards)
        for wait in self._waits.common(now if over else now - BEHIND_S):
            session.core.emit(wait)


# What of a run's run.json its shards need: how its list is read, and what it was started with.
_COPIED = (
    *("schema", "run", "created", "created_utc_s", "config", "source", "assumed", "page_size", "decided"),
    *("strategy", "versions", "seed", "host", "platform", "simulated"),
)
