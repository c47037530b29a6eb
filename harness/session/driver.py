"""Run a core on trio with fixed workers, and write its record while it runs; decides nothing.

Idle workers stand in one line. An alarm wakes the first when the core's wait is over, and so does every input; one
that gets something to do wakes the next before it goes, so that they leave one by one instead of all at once.

The record is written every second, or as soon as a part is full, and a last time at the end.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import trio

from harness.core.answers import Done, Fetch, PageRead
from harness.core.core import Core
from harness.errors import RecordError
from harness.pacing import Notice
from harness.record.events import ItemId
from harness.record.recorder import FLUSH_S, Recorder
from harness.record.snapshot import SNAPSHOT_EVENTS, SNAPSHOT_SHARE, Frozen, freeze, write_snapshot
from harness.record.state import State
from harness.source.base import Api, Got
from harness.speed import by_the_wall


class Driver:
    """One session of `core` against `api`.

    put: keeps a payload, synchronously, before the core hears that its item was read. behind: while the record is
    behind, the event that says when it has caught up. sending: called for each fetch before it goes. Times are
    trio's, counted from `origin_s`.
    """

    def __init__(
        self,
        core: Core,
        api: Api,
        put: Callable[[ItemId, str], None],
        behind: Callable[[], trio.Event | None] = lambda: None,
        sending: Callable[[], None] = lambda: None,
    ) -> None:
        self.core = core
        self.origin_s = trio.current_time()
        self.done: Done | None = None
        self._api = api
        self._put = put
        self._behind = behind
        self._sending = sending
        self._line = trio.lowlevel.ParkingLot()
        self._alarm = trio.CancelScope()
        self._until = math.inf  # what the alarm is set for
        self._rung = 0.0  # what it last rang for
        self._workers = 0
        self._nursery: trio.Nursery | None = None
        self._all = trio.CancelScope()

    def now(self) -> float:
        """Return the seconds since the session began; at the alarm never less than the time it was set for.

        (origin + until) - origin may be less than `until` by a rounding error: the core would name the same time again,
        and on a clock that only moves when all sleep that would be for ever.
        """
        return max(trio.current_time() - self.origin_s, self._rung)

    async def run(self) -> Done:
        """Run until the core is done, or was stopped and nothing is in flight, or `cut_off` was called."""
        with self._all:
            async with trio.open_nursery() as nursery:
                self._nursery = nursery
                nursery.start_soon(self._ring)
                self.wake()
        if self.done is None:  # cut off: what was in flight came back to the core as it was cancelled
            answer = self.core.next(self.now())
            assert isinstance(answer, Done), "cut off with something in flight"
            self.done = answer
        return self.done

    def wake(self) -> None:
        """Tell the workers that the core was told something (workers, limits, pause, stop)."""
        wanted = self.core.desired.workers
        if self._nursery is not None and self.done is None:
            for _ in range(wanted - self._workers):
                self._workers += 1
                self._nursery.start_soon(self._work)
        self._line.unpark()

    def cut_off(self, reason: str) -> None:
        """End at once: requests in flight are abandoned."""
        self.core.stop(self.now(), reason)
        self._all.cancel()

    async def _work(self) -> None:
        while self._workers <= self.core.desired.workers:
            caught_up = self._behind()
            if caught_up is not None:
                await caught_up.wait()
            answer = self.core.next(self.now())
            if isinstance(answer, Fetch):
                self._sending()
                self._line.unpark()
                await self._perform(answer)
            elif isinstance(answer, Done):
                self.done = answer
                self._all.cancel()
                return
            else:
                self._ring_at(answer.until)
                await self._line.park()
        self._workers -= 1
        self._line.unpark()  # the one that leaves may have been woken in somebody's stead

    async def _perform(self, fetch: Fetch) -> None:
        def on_headers(notice: Notice) -> bool:
            wanted = self.core.answered(fetch.id, self.now(), notice)
            self.wake()  # an answer may have raised the number of workers, too
            return wanted

        more: dict[str, str | None] = {} if fetch.target is None else {"target": fetch.target}
        if fetch.place is not None:
            more["place"] = fetch.place
        if self.core.keys.are_several:
            more["credential"] = fetch.endpoint.credential
        if fetch.place is not None:
            more["place"] = fetch.place
        try:
            got = await self._api.fetch(fetch.role, fetch.key, on_headers, **more)
        except trio.Cancelled:
            if fetch.id in self.core.in_flight:
                self.core.abandon(fetch.id, self.now())
            raise
        if got is not None:
            self._finish(fetch, got)

    def _finish(self, fetch: Fetch, got: Got) -> None:
        hand_over(self.core, fetch, got, self._put, self.now)
        self._line.unpark()

    def _ring_at(self, until: float | None) -> None:
        """Set the alarm to `until`, or to nothing: whoever asked last knows best."""
        self._until = math.inf if until is None else until
        self._alarm.deadline = self.origin_s + self._until

    async def _ring(self) -> None:
        """Wake the first in line whenever the alarm's time has come."""
        while True:
            with trio.CancelScope(deadline=self.origin_s + self._until) as self._alarm:
                await trio.sleep_forever()
            # Between the alarm and here somebody may have set another time: that one is still to come.
            if self.origin_s + self._until <= trio.current_time():  # exact: the deadline is the same sum
                self._rung, self._until = max(self._rung, self._until), math.inf
            self._line.unpark()


def hand_over(core: Core, fetch: Fetch, got: Got, put: Callable[[ItemId, str], None], now: Callable[[], float]) -> None:
    """Give a fetch's result to the core, and keep the payloads that it wants kept, before it hears of their items."""
    payloads = got.payloads
    if fetch.role == "list" and core.rules.detail:
        if isinstance(got.result, PageRead):
            core.chooser.page(payloads, itemless=got.result.itemless, rivals=got.result.rivals)
        payloads = ()
    elif core.chooser.is_open:
        core.chooser.items(payloads)
    if core.keeps(got.result):
        for item, payload in payloads:
            put(item, payload)
    core.finished(fetch.id, now(), got.result)
    for item, payload in core.take_from_list(now()):
        put(item, payload)


class Flusher:
    """Flushes `recorder` and, now and then, a snapshot of `state`.

    inline: write in the trio thread itself. On a MockClock nothing may wait for a thread: a running one does not
    keep the clock from jumping.
    """

    def __init__(self, recorder: Recorder, state: Callable[[], State], *, inline: bool = False) -> None:
        self.recorder = recorder
        self._state = state
        self._inline = inline
        self._due = trio.Event()
        self._behind: trio.Event | None = None
        self._snapshot_seq = 0

    def recorded(self) -> None:
        """Call after each event: a full part is written at once; beyond a bound the record is behind."""
        if self.recorder.due:
            self._due.set()
            if self._behind is None and self.recorder.behind:
                self._behind = trio.Event()

    def hurry(self) -> None:
        """Write what there is now, not when a second is over."""
        if self.recorder.unwritten:
            self._due.set()

    @property
    def written_seq(self) -> int:
        """The last event that is on disk; 0 before the first."""
        return self.recorder.seq - self.recorder.unwritten

    def behind(self) -> trio.Event | None:
        """Return None while the record keeps up; else the event that says when it has caught up."""
        return self._behind

    async def run(self) -> None:
        """Flush for ever; RecordError ends it, and with it the import."""
        while True:
            with trio.move_on_after(by_the_wall(FLUSH_S)):
                await self._due.wait()
            self._due = trio.Event()
            await self.flush()

    async def flush(self, *, snapshot: bool = False) -> None:
        """Write what there is, then a snapshot if one is due or asked for.

        Shielded: what has been taken from the recorder is nowhere else, so a session that ends in the middle waits for
        the disk rather than lose it.
        """
        with trio.CancelScope(shield=True):
            for write in self._writes(snapshot):
                await self._write(write)

    def flush_now(self, *, snapshot: bool = False) -> None:
        """Flush in this thread, without an event loop."""
        for write in self._writes(snapshot):
            write()

    def _writes(self, snapshot: bool) -> Iterator[Callable[[], None]]:
        """Yield what there is to write, in order: each is to be done, in whichever thread, before the next is asked
        for.
        """
        recorder = self.recorder
        batch = recorder.take()
        fresh = recorder.seq - self._snapshot_seq
        due = fresh >= max(SNAPSHOT_EVENTS, len(self._state().items) // SNAPSHOT_SHARE) or (snapshot and fresh > 0)
        # In the same moment as `take`, so that the snapshot counts exactly the events up to its sequence number.
        frozen = freeze(self._state(), recorder.writer, recorder.seq) if due else None
        if batch is not None:
            yield lambda: recorder.write(batch)
            recorder.written(batch)
        if frozen is not None:
            self._snapshot_seq = frozen[0]["position"][1]
            yield lambda: _write_snapshot(recorder.folder, frozen)
        if self._behind is not None and not recorder.behind:
            self._behind.set()
            self._behind = None

    async def _write(self, write: Callable[[], None]) -> None:
        if self._inline:
            write()
        else:
            await trio.to_thread.run_sync(write)


def _write_snapshot(folder: Path, frozen: Frozen) -> None:
    with suppress(RecordError, OSError):  # a snapshot only saves time: the events are on disk
        write_snapshot(folder, frozen)
