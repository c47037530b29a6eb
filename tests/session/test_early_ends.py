"""Rules that end a run before it is done, and the breaker that pauses it while nothing works: histories in seconds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import trio

from harness.config import ImportConfig
from harness.core.answers import Done, Failed, Fetch
from harness.core.rules import Rules
from harness.core.stop_conditions import LEAST_JUDGED, MOST_PROBES, StopConditions, outage_breaker
from harness.errors import BadInput
from harness.pacing import Hold, Notice
from harness.record import events as e
from harness.record.clock import next_local, parse_local
from harness.record.events import Key, Role
from harness.record.fold import fold
from harness.record.run import create_run
from harness.session.factory import ends_of
from harness.session.importing import config_of, prepare_run
from harness.source.base import Got, OnHeaders
from tests.core.play import Play, catalogue, failing, windowed
from tests.session.test_driver import Fake, driver_for

GONE = (Notice(404), Failed("gone", "Not Found", passing=False))
# Not 503: without a word about limits that is suspected to be one's, see test_doubts.
DOWN = (Notice(502), Failed("status 502", "Bad Gateway"))
LOST = (None, Failed("timed out"))


def ends(**rules: Any) -> Rules:
    return Rules(1, stop_conditions=StopConditions(**rules))


def gone_from(item: int) -> Any:
    return lambda fetch, now: GONE if fetch.role == "item" and int(fetch.key) >= item else None


def test_so_many_failures_and_no_more() -> None:
    """The third item that fails ends it, as failed and with the reason; resumed, it counts anew."""
    play = Play(failing(catalogue(100), gone_from(50)), ends(max_failures=3)).run()
    assert play.done == Done("failed", "--max-failures 3: 3 items failed in this session")
    assert (play.core.state.failed, play.core.state.imported) == (3, 49)
    again = Play(failing(catalogue(100), gone_from(60)), ends(max_failures=3), state=fold(play.events)).run()
    assert again.core.state.failed == 6
    assert (again.core.state.imported, again.core.state.pending) == (56, 38)


def test_the_last_failure_ends_nothing_early() -> None:
    """Where nothing is left to do the run is complete with failures, whatever the rule says."""
    play = Play(failing(catalogue(100), gone_from(98)), ends(max_failures=3)).run()
    assert play.done == Done("complete with failures", "3 items failed")


def test_a_rate_of_failures_is_judged_from_twenty_on() -> None:
    """Above 50 % of what came to an end, and not at three of three."""
    play = Play(
        failing(catalogue(100), lambda f, _: GONE if f.role == "item" else None), ends(max_failure_rate=0.5)
    ).run()
    assert play.core.state.failed == LEAST_JUDGED
    assert play.done == Done("failed", "--max-failure-rate 50%: 20 of 20 items failed in this session")
    half = failing(catalogue(100), lambda f, _: GONE if f.role == "item" and f.key % 2 == 0 else None)
    assert Play(half, ends(max_failure_rate=0.5)).run().core.state.failed == 50


def test_time_is_up_in_the_middle_of_a_wait() -> None:
    """At 30 s exactly, while the next slot opens at 20 s and 40 s: what is in flight is finished, and it can go on."""
    rules = Rules(10, stop_conditions=StopConditions(max_time_s=30.0))
    play = Play(catalogue(2000), rules, windowed("500/20s")).run()
    assert play.now == 30.0
    assert play.done == Done("stopped", "--max-time: 30 s have passed")
    assert play.events[-1] == e.SessionEnded(30.0, "stopped", "--max-time: 30 s have passed")
    late = Play(
        catalogue(2000, latency_s=4.0),
        Rules(10, stop_conditions=StopConditions(max_time_s=30.0, until_s=29.0, until="06:00")),
    ).run()
    assert late.done == Done("stopped", "--until 06:00 was reached")
    assert late.now == 32.0
    assert not late.of(e.Returned)


def test_time_is_up_while_it_is_paused() -> None:
    """A pause does not hold the end up."""
    play = Play(
        catalogue(2000),
        Rules(10, stop_conditions=StopConditions(max_time_s=3600.0)),
        at=[(0.5, lambda core, now: core.pause(now))],
    )
    assert play.run().now == 3600.0
    assert play.done == Done("stopped", "--max-time: 1 h have passed")


def test_until_is_the_next_such_time() -> None:
    """06:00 is tomorrow's after six and today's before; a moment with a date is itself."""
    noon = parse_local("2026-11-24T12:00")
    assert next_local("06:00", noon) == noon + 18 * 3600
    assert next_local("12:30", noon) == noon + 1800
    assert next_local("12:00", noon) == noon + 24 * 3600
    assert next_local("6:00", noon) == next_local("06:00:00", noon) == noon + 18 * 3600
    assert next_local("2026-11-25T12:00", noon) == noon + 24 * 3600
    config = ImportConfig(until="13:00", max_time="2h", max_failures=7, max_failure_rate="5%")
    assert ends_of(config, noon) == StopConditions(7, 0.05, 7200.0, 3600.0, "13:00")


@pytest.mark.parametrize(
    "text", ["2026W481", "20261127", "T06:00", "2026-W48-1", "24:00", "6", "9999-12-31T23:59-23:00"]
)
def test_what_is_no_moment_is_refused_by_every_reader(text: str) -> None:
    """ISO's forms without a dash look like times of day: what the setting takes, the clock understands."""
    with pytest.raises(ValueError, match=r"."):
        next_local(text, 0.0)
    with pytest.raises(ValueError, match="neither a time of day nor a date"):
        ImportConfig(until=text)


def test_a_moment_that_has_passed_is_refused_and_on_resume_let_go(tmp_path: Path) -> None:
    """A new run, or one resumed with it anew, would end at once; the one it was started with has done its part."""
    with pytest.raises(BadInput, match="--until 2020-01-01T06:00 is in the past"):
        prepare_run(ImportConfig(results=tmp_path, until="2020-01-01T06:00"))
    assert list(tmp_path.iterdir()) == []
    about = {"config": ImportConfig(until="2020-01-01T06:00", workers=3).as_written()}
    run = create_run(tmp_path, "r", about, 0.0)
    config = config_of(run)
    assert (config.run.until, config.pacing.workers) == (None, 3)
    assert config_of(run, until="06:00").run.until == "06:00"
    with pytest.raises(BadInput, match="is in the past"):
        prepare_run(config_of(run, until="2020-01-02T06:00"))


# --- the breaker --------------------------------------------------------------------------------------------------


def broken(how: Any, since: float, until: float) -> Any:
    return failing(catalogue(200, latency_s=0.1), lambda f, now: how if since <= now < until else None)


@pytest.mark.parametrize("how", [DOWN, LOST])
def test_when_everything_fails_everyone_pauses_and_one_probes(how: Any) -> None:
    """20 in a row, of any kind: 10 s of silence, then one request; it fails: 20 s; it works: all go on."""
    play = Play(broken(how, 1.0, 25.0), Rules(10, breaker=20)).run()
    sent = [now for now, *_ in play.sent]
    opened = play.of(e.Held)[0].t_s
    assert [(h.reason, h.consecutive_refusals, round(h.until_s - h.t_s, 9)) for h in play.of(e.Held)] == [
        ("failing", 1, 10.0),
        ("failing", 2, 20.0),
    ]
    assert len([now for now in sent if now <= opened]) - len([now for now in sent if now < 1.0]) <= 30
    assert [now for now in sent if opened < now < opened + 30.0] == [opened + 10.0]
    probe = opened + 10.0 + 0.1 + 20.0
    assert [now for now in sent if probe <= now < probe + 0.1] == [probe]
    assert play.done is not None
    assert (play.done.status, play.core.state.imported) == ("complete", 200)
    assert [wait.reason for wait in play.of(e.Waited)][:3] == ["failing", "probe", "failing"]


def test_an_outage_costs_items_only_the_attempts_that_opened_it() -> None:
    """Ten minutes without a server: no item fails for good, where without a breaker all would."""
    outage = broken(DOWN, 1.0, 600.0)
    assert Play(outage, Rules(10)).run().core.state.failed > 50
    play = Play(outage, Rules(10, breaker=20)).run()
    assert (play.core.state.failed, play.core.state.imported) == (0, 200)
    assert len(play.of(e.AttemptFailed)) < 60


def test_a_probe_costs_its_item_no_attempt() -> None:
    """Of two attempts each the opening took one; the probes in a minute of outage take none, so that nothing fails."""
    outage = broken(DOWN, 1.0, 60.0)
    state = Play(outage, Rules(1, retry_delays_s=(1.0,), breaker=3)).run().core.state
    assert (state.failed, state.imported) == (0, 200)


def test_only_a_probe_makes_a_pause_longer() -> None:
    """What was on its way when it opened comes back failed, too: the pause ends when it was to."""
    breaker = outage_breaker(2)
    opened = Hold(10.5, "failing", None, 1)
    assert [breaker.refused(1, 0.0), breaker.refused(2, 0.5), breaker.refused(3, 1.0)] == [None, opened, None]
    assert breaker.hold == opened
    breaker.sent(7, 10.5)
    assert [breaker.is_probe(6), breaker.is_probe(7)] == [False, True]
    assert breaker.refused(7, 11.0) == Hold(31.0, "failing", None, 2)


def test_answers_that_no_retry_can_mend_open_nothing() -> None:
    """404 for all: the server is there. Nor do failures with an answer between them."""
    gone = failing(catalogue(100), lambda f, _: GONE if f.role == "item" else None)
    assert Play(gone, Rules(5, breaker=20)).run().of(e.Held) == []
    mixed = failing(catalogue(100), lambda f, _: DOWN if f.role == "item" and f.attempt == 1 and f.key % 20 else None)
    assert Play(mixed, Rules(1, breaker=20)).run().of(e.Held) == []


def test_what_does_not_come_back_ends_the_run() -> None:
    """After so many probes in vain, as failed, with the reason; nothing failed for good, so that resume goes on."""
    play = Play(broken(DOWN, 1.0, 1e9), Rules(10, breaker=20)).run()
    assert play.done == Done("failed", "nothing works any more: 10 probes in a row failed; check the server")
    assert play.of(e.Held)[-1].consecutive_refusals == MOST_PROBES + 1
    assert 1800.0 < play.now < 1900.0
    assert play.core.state.failed == 0


def test_a_refused_probe_is_an_answer() -> None:
    """A limit that refuses is a server that works: its own pause takes over."""

    def how(fetch: Fetch, now: float) -> Any:
        refused = (Notice(429, 5.0, refused=True), Failed("-"))
        return DOWN if 1.0 <= now < 10.0 else refused if 10.0 <= now < 12.0 else None

    play = Play(failing(catalogue(200, latency_s=0.1), how), Rules(10, breaker=20)).run()
    assert [held.reason for held in play.of(e.Held)] == ["failing", "refused"]
    assert play.core.state.imported == 200


def test_a_breaker_of_0_never_opens() -> None:
    """However much fails."""
    breaker = outage_breaker(0)
    assert [breaker.refused(at, float(at)) for at in range(100)] == [None] * 100
    assert breaker.held(100.0) is None


class Down(Fake):
    """An API that answers 503 for a while."""

    async def fetch(self, role: Role, key: Key, on_headers: OnHeaders) -> Got | None:
        began = trio.current_time() - self.origin
        got = await super().fetch(role, key, on_headers)
        return Got(DOWN[1]) if 1.0 <= began < 25.0 else got


@pytest.mark.anyio
async def test_on_trio_everyone_pauses_and_goes_on_alike() -> None:
    """The driver sleeps through the pauses, sends each probe alone, and wakes all when one is answered."""
    api = Down(200, latency_s=0.1)
    driver, store = driver_for(api, Rules(10, breaker=20))
    with trio.fail_after(1000):
        done = await driver.run()
    opened = next(event.t_s for event in store.events if isinstance(event, e.Held))
    assert [now for now, *_ in api.sent if opened < now < opened + 30.0] == [pytest.approx(opened + 10.0)]
    assert len([now for now, *_ in api.sent if opened + 30.0 < now < opened + 30.5]) > 10
    assert done.status == "complete"


@pytest.mark.anyio
async def test_on_trio_time_is_up_while_everyone_sleeps() -> None:
    """At 30 s the driver wakes from a wait that would have lasted until 40 s, and ends."""
    driver, _ = driver_for(Fake(2000), Rules(10, stop_conditions=StopConditions(max_time_s=30.0)), windowed("500/20s"))
    with trio.fail_after(1000):
        done = await driver.run()
    assert (done.status, trio.current_time()) == ("stopped", pytest.approx(30.0))
