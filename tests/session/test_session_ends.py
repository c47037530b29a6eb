"""How imports end when lists lie, commands come late, views break, and sessions die one after another."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
import trio

from harness.config import ImportConfig
from harness.core.answers import Failed, Fetch, ItemRead, PageRead, Result
from harness.core.rules import Rules
from harness.pacing import Notice, parse_tiers
from harness.record import events as e
from harness.record.clock import Boot
from harness.record.fold import fold
from harness.record.history import read_events
from harness.record.recorder import FLUSH_EVENTS, Recorder
from harness.record.sent import SentCounter
from harness.session.driver import Flusher
from harness.session.importing import import_into, prepare_run
from harness.session.session import Session
from tests.core.play import OK, Play, catalogue, failing, windowed
from tests.session.test_driver import Fake, driver_for


def listing(pages: dict[int, PageRead]) -> Play:
    """An import of a list that answers exactly so, and with empty pages besides."""

    def serve(fetch: Fetch, now: float) -> tuple[float, Notice | None, Result]:
        assert fetch.role == "item" or fetch.page.number is not None
        return 0.05, OK, ItemRead(1) if fetch.role == "item" else pages.get(fetch.page.number or 0, PageRead(()))

    return Play(serve)


def test_a_list_whose_last_page_wobbles_is_read_once() -> None:
    """Pages that say 3, 5, 3, 5 … in turn, as replicas do: each of the five is asked for once."""
    pages = {n: PageRead((n,), 5, 3 + 2 * (n % 2)) for n in range(1, 6)}
    play = listing(pages).run()
    assert sorted(key.number for _, role, key, _ in play.sent if role == "list") == [1, 2, 3, 4, 5]
    assert play.done is not None
    assert play.done.status == "complete"


def test_items_that_a_list_declares_and_never_names_are_no_complete_import() -> None:
    """4 declared, 3 named: the run has failed and says so; resumed, it reads the list again and finds the fourth."""
    short = {1: PageRead((1, 2), 4, 2), 2: PageRead((3,), 4, 2)}
    play = listing(short).run()
    assert play.done is not None
    assert (play.done.status, play.done.reason.split(";")[0]) == (
        "failed",
        "the list declares 4 items but named 3",
    )
    again = listing(short | {2: PageRead((3, 4), 4, 2)})
    again.state = fold(play.events)
    again.run()
    assert again.done is not None
    assert again.done.status == "complete"
    assert [key for _, role, key, _ in again.sent if role == "item"] == [4]


def test_a_page_that_failed_for_good_holds_no_items_up() -> None:
    """Sequentially too, the items of the other pages are imported."""
    gone = failing(
        catalogue(300),
        lambda f, _: (Notice(404), Failed("gone", passing=False)) if f.key == e.numbered(2) else None,
    )
    play = Play(gone, Rules(sequential=True)).run()
    assert play.core.state.imported == 200
    assert play.done is not None
    assert play.done.status == "failed"


def test_a_list_that_repeats_itself_for_ever_ends() -> None:
    """Page 2 with the records of page 1 says that it gives no pages: its items are imported, and the run failed."""
    play = listing(dict.fromkeys(range(1, 9), PageRead((1, 2, 3)))).run()
    assert play.done is not None
    assert (play.done.status, len(play.sent)) == ("failed", 5)


def test_without_a_total_there_is_none_whatever_the_maximum() -> None:
    """--max-items on a list that does not say its size leaves it unsaid."""
    play = listing({1: PageRead(tuple(range(10)), None, None, None)})
    play.rules = Rules(max_items=5)
    play.run()
    assert (play.core.state.total, play.core.state.imported) == (None, 5)


def test_a_pause_with_its_probe_is_one_wait() -> None:
    """The wait for the probe's answer follows on the pause: together one."""
    refused = failing(
        catalogue(50), lambda f, now: (Notice(429, 5.0, refused=True), Failed("-")) if 0.04 < now < 0.06 else None
    )
    state = Play(refused).run().core.state
    assert (state.holds, state.sleeps) == (1, 1)


def test_what_people_do_after_the_end_changes_nothing() -> None:
    """No event after SessionEnded, and no error."""
    play = Play(catalogue(3)).run()
    before = len(play.events)
    for act in (play.core.pause, play.core.resume):
        act(play.now)
    play.core.set_workers(3, play.now)
    play.core.set_limits(parse_tiers("1/1s"), play.now)
    assert len(play.events) == before
    assert isinstance(play.events[-1], e.SessionEnded)


def test_a_pause_before_the_first_request_is_no_part_of_the_duration() -> None:
    """Paused for a minute before anything was sent: the duration is that of the requests."""
    at = [(0.0, lambda core, now: core.pause(now)), (60.0, lambda core, now: core.resume(now))]
    play = Play(catalogue(3), at=at)
    play.run()
    assert play.core.state.duration_s == pytest.approx(0.1)


@pytest.mark.anyio
@pytest.mark.parametrize("origin_s", [0.0, 7.3, 1234.567, 86400.1])
async def test_the_driver_runs_from_any_moment_of_its_clock(origin_s: float) -> None:
    """(origin + until) - origin may be less than until: the alarm still wakes to something to do."""
    await trio.sleep(origin_s)
    driver, _ = driver_for(Fake(60), pacer=windowed("7/1s+20/3s"))
    with trio.fail_after(100):
        done = await driver.run()
    assert done.status == "complete"


@pytest.mark.realtime
@pytest.mark.anyio
@pytest.mark.parametrize("events", [FLUSH_EVENTS - 1, FLUSH_EVENTS, FLUSH_EVENTS + 1])
async def test_a_session_that_ends_while_it_writes_loses_nothing(tmp_path: Path, events: int) -> None:
    """Cancelled in the moment in which a part is due: every event is on disk, without a gap."""
    recorder = Recorder(tmp_path, "r", 1)
    flusher = Flusher(recorder, lambda: fold([]))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(flusher.run)
        await trio.testing.wait_all_tasks_blocked()
        for number in range(events):
            recorder.record(e.Returned(float(number), "item", number, 1, 0.0, "cut off", True))
            flusher.recorded()
        nursery.cancel_scope.cancel()
    await flusher.flush()
    assert [event.t_s for event in read_events(tmp_path)] == [float(number) for number in range(events)]


def test_a_session_that_dies_at_once_leaves_its_predecessors_debt(tmp_path: Path) -> None:
    """5 requests begun and unrecorded are charged to session 2, and to session 3 if 2 died before its first flush."""
    config = ImportConfig(url="http://127.0.0.1:9/x", limit="10/100s", results=tmp_path, run="r", linger=0.0)
    run = prepare_run(config)
    counter = SentCounter(run.folder)
    for _ in range(5):
        counter.add(0.0, Boot("b", 1_000.0))
    counter.close()

    def session_at(machine_s: float) -> Session:
        return Session(run, config, inline=True, wall=lambda: 5.0, machine=lambda: Boot("b", machine_s))

    with run.locked():
        for later_s in (1.0, 2.0):
            session = session_at(1_000.0 + later_s)
            assert session.core.budget_of("item").pacer.statistics(0.0).tiers[0].used == 5
        trio.run(session.flusher.flush)
        session = session_at(1_050.0)
        assert session.core.budget_of("item").pacer.statistics(0.0).tiers[0].used == 5
        session = session_at(1_200.0)
        assert session.core.budget_of("item").pacer.statistics(0.0).tiers[0].used == 0


@pytest.mark.anyio
async def test_a_broken_view_stops_no_import(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """It is said once, and the import goes on to its end."""
    config = ImportConfig(url="http://127.0.0.1:9/x", limit="100/1s", results=tmp_path, run="r")
    run = prepare_run(config)

    def broken(state: object, live: object) -> None:
        raise ZeroDivisionError

    with run.locked(), caplog.at_level(logging.WARNING, "harness"):
        await import_into(run, config, Fake(150), "", None, broken, inline=True)
    assert run.status == "complete"
    assert [record.name for record in caplog.records] == ["harness"]
    assert run.items().num_rows == 150


def test_what_is_waited_after_the_last_answer_is_no_part_of_the_duration() -> None:
    """Stopped in the middle of a wait, and again killed in one: active and waiting add up to the duration."""
    stopped = Play(catalogue(600), pacer=windowed("500/20s"), at=[(15.0, lambda core, now: core.stop(now, "-"))]).run()
    state = stopped.core.state
    assert state.asleep_s <= state.duration_s < 4.0
    again = Play(catalogue(600), pacer=windowed("500/20s"), state=fold(stopped.events), utc_s=stopped.utc_s + 60).run()
    assert again.core.state.asleep_s < again.core.state.duration_s
    assert again.core.state.waits["500/20s"][1] == 1
