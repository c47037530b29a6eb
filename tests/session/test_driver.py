"""The trio driver: it runs the core as it is, in exact virtual time."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest
import trio

from harness.core.answers import Failed, ItemRead, PageRead
from harness.core.budgets import shared
from harness.core.core import Core
from harness.core.rules import Rules
from harness.pacing import Budget, Notice, Pacer, Unpaced
from harness.record import events as e
from harness.record.events import ItemId, Key, PageRef, Role
from harness.session.driver import Driver
from harness.source.base import Got, OnHeaders
from tests.core.play import Play, catalogue, windowed

pytestmark = pytest.mark.anyio


class Fake:
    """An API of `items` numbered items that answers after `latency_s`; `refuse` says when with a 429."""

    def __init__(self, items: int, latency_s: float = 0.05, refuse: Callable[[float], bool] = lambda _: False) -> None:
        self.items, self.latency_s, self.refuse = items, latency_s, refuse
        self.origin = trio.current_time()
        self.sent: list[tuple[float, Role, Key]] = []
        self.in_flight = self.most = 0

    async def fetch(self, role: Role, key: Key, on_headers: OnHeaders) -> Got | None:
        now = trio.current_time() - self.origin
        self.sent.append((now, role, key))
        self.in_flight += 1
        self.most = max(self.most, self.in_flight)
        try:
            await trio.sleep(self.latency_s)
        finally:
            self.in_flight -= 1
        if self.refuse(now):
            assert not on_headers(Notice(429, 3.0, refused=True))
            return None
        on_headers(Notice(200))
        if role == "item":
            assert not isinstance(key, PageRef)
            return Got(ItemRead(2), ((key, "{}"),))
        assert isinstance(key, PageRef)
        number = key.number or 0
        ids = tuple(range((number - 1) * 100 + 1, min(self.items, number * 100) + 1))
        return Got(PageRead(ids, self.items, max(1, -(-self.items // 100))))


class Put:
    """Keeps payloads, and checks that each comes before its event."""

    def __init__(self) -> None:
        self.kept: list[ItemId] = []
        self.events: list[e.Event] = []

    def put(self, item: ItemId, payload: str) -> None:
        self.kept.append(item)

    def record(self, event: e.Event) -> None:
        if isinstance(event, e.ItemImported):
            assert event.item in self.kept[-1:]
        self.events.append(event)


def driver_for(api: Fake, rules: Rules | None = None, pacer: Pacer | None = None) -> tuple[Driver, Put]:
    store = Put()
    budget = Budget("api", pacer or Unpaced())
    core = Core(rules or Rules(), shared(budget), store.record, 0.0)
    driver = Driver(core, api, store.put)
    core.start()
    return driver, store


async def test_it_does_what_the_core_played_alone_does() -> None:
    """The same sends at the same times as the core driven by a heap, over two windows."""
    api = Fake(1000)
    driver, store = driver_for(api, pacer=windowed("500/20s+2000/100s"))
    done = await driver.run()
    play = Play(catalogue(1000), pacer=windowed("500/20s+2000/100s")).run()
    assert done == play.done
    assert [round(now, 6) for now, *_ in api.sent] == [round(now, 6) for now, *_ in play.sent]
    assert driver.core.state.duration_s == pytest.approx(play.core.state.duration_s, abs=1e-9)
    assert len(store.kept) == 1000


async def test_workers_are_a_fixed_number() -> None:
    """With 7 workers 7 requests are in flight at most, and at times exactly."""
    api = Fake(300)
    driver, _ = driver_for(api, Rules(workers=7))
    await driver.run()
    assert api.most == 7


async def test_a_refusal_pauses_everyone_and_one_probes() -> None:
    """After a burst of refusals one request goes at the end of the pause, the others after its answer."""
    api = Fake(200, refuse=lambda now: 0.1 < now < 0.2)
    driver, store = driver_for(api)
    await driver.run()
    held = [event for event in store.events if isinstance(event, e.Held)]
    assert len(held) == 1
    late = [now for now, *_ in api.sent if now > 0.5]
    assert late[0] == pytest.approx(held[0].until_s)
    assert late[1] == pytest.approx(held[0].until_s + 0.05)
    assert driver.core.state.imported == 200


async def test_stop_lets_what_is_in_flight_finish() -> None:
    """Stopped in the middle: the run ends one latency later, with nothing in flight and nothing lost."""
    api = Fake(500, latency_s=1.0)
    driver, _ = driver_for(api)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(driver.run)
        await trio.sleep(5.5)
        driver.core.stop(driver.now(), "Ctrl-C")
        driver.wake()
    assert driver.now() == 6.0
    assert driver.done is not None
    assert driver.done.status == "stopped"
    assert driver.core.state.lost == 0


async def test_cut_off_ends_at_once_and_says_what_was_lost() -> None:
    """Ctrl-C twice: no waiting for answers; each request that was in flight is recorded as cut off."""
    api = Fake(500, latency_s=1.0)
    driver, store = driver_for(api)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(driver.run)
        await trio.sleep(5.5)
        driver.cut_off("Ctrl-C")
    assert driver.now() == 5.5
    assert driver.done is not None
    assert driver.done.status == "stopped"
    assert len([event for event in store.events if isinstance(event, e.Returned)]) == 10
    assert driver.core.in_flight == {}


async def test_pausing_and_changing_workers_while_it_runs() -> None:
    """Paused for a minute, nothing goes; with more workers afterwards, more is in flight."""
    api = Fake(500, latency_s=1.0)
    driver, _ = driver_for(api, Rules(workers=2))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(driver.run)
        await trio.sleep(3.5)
        driver.core.pause(driver.now())
        await trio.sleep(60)
        assert not [now for now, *_ in api.sent if now > 3.5]
        driver.core.set_workers(30, driver.now())
        driver.core.resume(driver.now())
        driver.wake()
    assert api.most == 30
    assert driver.core.state.imported == 500


async def test_fewer_workers_finish_what_they_have() -> None:
    """From 30 workers to 1 in the middle: everything is imported, by one at a time at the end."""
    api = Fake(200, latency_s=1.0)
    driver, _ = driver_for(api, Rules(workers=30))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(driver.run)
        await trio.sleep(3.5)
        driver.core.set_workers(1, driver.now())
        driver.wake()
    late = sorted(now for now, *_ in api.sent if now > 3.5)
    assert min(b - a for a, b in itertools.pairwise(late)) == pytest.approx(1.0)
    assert driver.core.state.imported == 200


async def test_a_lost_answer_is_a_failed_attempt() -> None:
    """A timeout is lost: recorded as sent, retried 30 s later, imported then."""

    class Loses(Fake):
        async def fetch(self, role: Role, key: Key, on_headers: OnHeaders) -> Got | None:
            if role == "item" and not [k for _, _, k in self.sent if k == key and role == "item"] and key == 5:
                self.sent.append((trio.current_time() - self.origin, role, key))
                await trio.sleep(2.0)
                return Got(Failed("timed out"))
            return await super().fetch(role, key, on_headers)

    driver, _ = driver_for(Loses(10))
    await driver.run()
    assert driver.core.state.lost == 1
    assert driver.core.state.imported == 10
    assert driver.now() == pytest.approx(32.1, abs=0.05)


async def test_a_time_set_while_the_alarm_rings_is_still_to_come() -> None:
    """Re-set in the very moment in which it was due, to later or to never: the clock does not jump, the run ends."""
    for until in (None, 50.0):
        driver, _ = driver_for(Fake(3))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(driver._ring)
            await trio.sleep(0.5)
            driver._alarm.cancel()  # as its deadline does: the task runs later in this tick
            driver._ring_at(until)
            await trio.testing.wait_all_tasks_blocked()
            assert driver.now() == 0.5
            nursery.cancel_scope.cancel()
