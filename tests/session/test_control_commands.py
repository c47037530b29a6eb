"""Commands to a run: failed items are tried again or given up, in a run that goes on and in one that has ended."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio

from harness.config import ImportConfig
from harness.core.answers import Failed, ItemRead, PageRead
from harness.core.rules import Rules
from harness.errors import RunLocked
from harness.pacing import Notice
from harness.record.control import ask, reply
from harness.record.events import numbered
from harness.record.fold import fold
from harness.record.history import read_events, read_state
from harness.record.run import Run
from harness.session import retry_failed
from harness.session.importing import forget, import_into, prepare_run, reopen
from harness.session.session import Session
from tests.core.play import OK, Play, catalogue, failing
from tests.record.samples import facts
from tests.session.test_driver import Fake

GONE = (Notice(404), Failed("gone", "Not Found", passing=False))


def gone(items: set[int], until: float = 1e9) -> object:
    return lambda fetch, now: GONE if fetch.role == "item" and fetch.key in items and now < until else None


def test_what_failed_is_tried_again_while_the_run_goes_on() -> None:
    """Asked at 3 s, both are fetched as if for the first time, and the run is complete without a failure."""
    count: list[int] = []
    play = Play(failing(catalogue(100, latency_s=0.5), gone({1, 2}, 3.0)))
    play.at = [(3.0, lambda core, now: count.append(retry_failed.retry_failed(core, now)))]
    play.run()
    assert count == [2]
    assert play.done is not None
    assert play.done.status == "complete"
    assert [(now, attempt) for now, role, key, attempt in play.sent if role == "item" and key == 1] == [
        (0.5, 1),
        (3.0, 1),
    ]
    assert facts(fold(play.events)) == facts(play.core.state)


def test_only_those_that_are_named_and_failed() -> None:
    """Imported, unknown and pending ones are left alone, each named one is taken once."""
    counts: list[int] = []
    play = Play(failing(catalogue(100, latency_s=0.5), gone({1, 2})))
    play.at = [(3.0, lambda core, now: counts.append(retry_failed.retry_failed(core, now, [2, 2, 3, 99, 12345])))]
    play.at += [(3.0, lambda core, now: counts.append(retry_failed.forget_failed(core, now, [1, 1, 3, 99, 12345])))]
    play.run()
    assert counts == [1, 1]
    assert [key for _, role, key, _ in play.sent if role == "item"].count(1) == 1
    assert [key for _, role, key, _ in play.sent if role == "item"].count(2) == 2
    assert (play.core.state.failed, play.core.state.forgotten, play.core.state.imported) == (1, 1, 98)


def test_a_run_whose_failures_are_forgotten_is_complete() -> None:
    """Given up while it runs, they are in nobody's way."""
    play = Play(failing(catalogue(100, latency_s=0.5), gone({1, 2})))
    play.at = [(3.0, lambda core, now: retry_failed.forget_failed(core, now))]
    play.run()
    assert play.done is not None
    assert (play.done.status, play.core.state.forgotten, play.core.state.failed) == ("complete", 2, 0)


def test_after_its_end_a_core_takes_no_more() -> None:
    """No event after SessionEnded."""
    play = Play(failing(catalogue(10), gone({1}))).run()
    before = len(play.events)
    assert retry_failed.retry_failed(play.core, play.now) == 0
    assert retry_failed.forget_failed(play.core, play.now) == 0
    assert len(play.events) == before


def test_a_page_that_failed_is_asked_for_again() -> None:
    """Its items come with it."""
    server = failing(catalogue(300), lambda f, now: GONE if f.key == numbered(2) and now < 1.0 else None)
    play = Play(server, Rules(workers=1))
    play.at = [(5.0, lambda core, now: retry_failed.retry_failed(core, now))]
    play.run()
    assert (play.core.state.imported, play.core.state.failed_pages) == (300, [])


class Breaking(Fake):
    """A Fake of which some items are gone, until they are mended."""

    broken: frozenset[int] = frozenset({3, 4})

    async def fetch(self, role, key, on_headers):  # type: ignore[no-untyped-def]
        got = await super().fetch(role, key, on_headers)
        if role == "item" and key in self.broken and got is not None:
            return type(got)(Failed("gone", "Not Found", passing=False))
        return got


async def once(run: Run, config: ImportConfig, api: Fake) -> None:
    with run.locked():
        await import_into(run, config, api, "", inline=True)


@pytest.fixture
async def ended(tmp_path: Path) -> tuple[Run, ImportConfig, Breaking]:
    """A run of 20 items, of which 3 and 4 failed."""
    config = ImportConfig(url="http://127.0.0.1:9/x", limit="100/1s", results=tmp_path, run="r")
    run = prepare_run(config)
    api = Breaking(20)
    await once(run, config, api)
    assert run.status == "complete with failures"
    return run, config, api


@pytest.mark.anyio
async def test_an_ended_run_is_opened_again(ended: tuple[Run, ImportConfig, Breaking]) -> None:
    """Reopened it can be resumed: what failed, and nothing else, is fetched; record and resumed session agree."""
    run, config, api = ended
    assert reopen(run) == 2
    assert reopen(run) == 0
    assert (run.status, run.state().pending, run.failed()) == ("stopped", 2, [])
    summary = run.summary()
    assert summary is not None
    assert (summary["status"], summary["failed"], summary["pending"]) == ("stopped", 0, 2)
    api.broken = frozenset({4})
    api.sent.clear()
    await once(run, config, api)
    assert [key for _, role, key in api.sent if role == "item"] == [3, 4]
    assert (run.status, run.state().failed, run.state().imported) == ("complete with failures", 1, 19)
    assert facts(read_state(run.folder)) == facts(fold(read_events(run.folder)))


@pytest.mark.anyio
async def test_forgotten_failures_leave_a_complete_run(ended: tuple[Run, ImportConfig, Breaking]) -> None:
    """One forgotten, one is still failed; both, and the run is complete. What was forgotten can be asked for."""
    run, _, _ = ended
    assert forget(run, [3]) == 1
    assert run.status == "complete with failures"
    assert forget(run) == 1
    assert (run.status, run.state().forgotten) == ("complete", 2)
    assert reopen(run) == 0
    assert reopen(run, [4]) == 1
    assert (run.status, run.state().pending, run.state().forgotten) == ("stopped", 1, 1)
    assert facts(read_state(run.folder)) == facts(fold(read_events(run.folder)))


@pytest.mark.anyio
async def test_a_run_that_is_being_written_is_not_opened_behind_its_back(
    ended: tuple[Run, ImportConfig, Breaking],
) -> None:
    """RunLocked: ask its session instead."""
    run, _, _ = ended
    with run.locked(), pytest.raises(RunLocked):
        reopen(run)


@pytest.mark.anyio
async def test_a_session_obeys_what_is_left_in_its_folder(tmp_path: Path) -> None:
    """Pause, set, retry, resume and stop from outside: each is done within half a second and answered."""
    config = ImportConfig(url="http://127.0.0.1:9/x", limit="10/1s", results=tmp_path, run="r", workers=2)
    run = prepare_run(config)
    said: list[object] = []

    async def person(session: Session) -> None:
        async def want(command: str, **values: object) -> None:
            asked = ask(run, command, **values)  # type: ignore[arg-type]
            await trio.sleep(0.5)
            said.append(reply(asked))

        await trio.sleep(1.2)
        await want("pause")
        sent = len(api.sent)
        await trio.sleep(30.0)
        assert (len(api.sent), session.live().doing) == (sent, "paused")
        await want("set", workers=5, limit="100/1s")
        await want("set", workers=0, limit="1/s")
        await want("set", workers=5, limit="often")
        assert (session.core.desired.workers, session.state.limits) == (5, "100/1s")
        await want("retry")
        await want("retry", items=["3"])
        await want("forget", items=[4])
        await want("resume")
        assert session.live().doing != "paused"
        await want("stop")

    api = Breaking(2000, latency_s=0.1)
    with run.locked():
        async with trio.open_nursery() as nursery:
            await import_into(run, config, api, "", lambda session, _: nursery.start_soon(person, session), inline=True)
    refused = [answer for answer in said if "error" in answer]  # type: ignore[operator]
    assert said[:2] == [{}, {}]
    assert [str(answer) for answer in refused] == [
        str({"error": "workers must be a number from 1 to 1000, not 0"}),
        str({"error": "'often' is not a limit; write limits like 500/20s+2000/100s"}),
    ]
    assert said[4:7] == [{"count": 2}, {"count": 0}, {"count": 0}]
    state = run.state()
    assert (state.status, state.reason) == ("stopped", "asked from another terminal")
    assert state.duration_s < 10.0
    assert [path.name for path in (run.folder / "control").iterdir()] == ["1.over"]


@pytest.mark.anyio
async def test_stopping_a_paused_run_ends_it(tmp_path: Path) -> None:
    """Asked to stop while it is paused it ends within a poll, resumable, and the pause is no part of its duration."""
    config = ImportConfig(url="http://127.0.0.1:9/x", limit="10/1s", results=tmp_path, run="r", workers=2)
    run = prepare_run(config)

    async def person(session: Session) -> None:
        await trio.sleep(1.2)
        ask(run, "pause")
        await trio.sleep(60.0)
        assert session.live().doing == "paused"
        ask(run, "stop")

    with run.locked():
        async with trio.open_nursery() as nursery:
            watch = lambda session, _: nursery.start_soon(person, session)  # noqa: E731
            await import_into(run, config, Fake(2000, latency_s=0.1), "", watch, inline=True)
    assert run.status == "stopped"
    assert 61.0 < trio.current_time() < 62.0
    assert run.state().duration_s < 2.0


def test_what_would_be_retried_is_known_beforehand() -> None:
    """Failed pages first, then items as they were listed."""
    state = (
        Play(
            failing(
                lambda f, _: (0.05, OK, ItemRead(1) if f.role == "item" else PageRead((7, 5, 6), None, 2)),
                lambda f, _: GONE if f.key in (numbered(2), 5, 7) else None,
            )
        )
        .run()
        .core.state
    )
    assert retry_failed.to_retry(state) == [("list", numbered(2)), ("item", 7), ("item", 5)]
    assert retry_failed.to_forget(state) == [7, 5]
