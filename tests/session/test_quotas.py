"""Long quotas: so many requests and no more, and a session that ends where it would wait for hours."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import trio
from harness_test_api import ServerConfig, Service, create_app
from hypothesis import example, given, settings, strategies as st

from harness.config import ImportConfig
from harness.core.answers import Done, Failed, Fetch, Redirected, Result, TokenRead
from harness.core.budgets import shared
from harness.core.rules import Rules, TokenRules
from harness.core.stop_conditions import StopConditions
from harness.lab.experiment import simulate_run
from harness.pacing import Budget, Notice, Unpaced
from harness.record import events as e
from harness.record.fold import fold
from harness.record.live import Live, told_by
from harness.record.quota import QUOTA_WAIT_S, is_for_quota
from harness.record.state import State
from harness.session.factory import ends_of
from harness.session.importing import _rest, prepare_run, state_counts, write_results
from harness.session.session import Session
from harness.source.client import HttpApi
from tests.asgi import InProcess
from tests.core.play import OK, UTC_S, Play, Server, catalogue, failing, windowed
from tests.core.test_routes import budgets
from tests.session.served import EPOCH_S, LIST
from tests.session.test_clocks import Machine
from tests.session.test_driver import Fake, driver_for
from tests.views.samples import started

DAY_S = 86_400.0


def at(t_s: float) -> str:
    """A time of the session, as a test can read it."""
    return f"{t_s:g} s"


UNTIL_QUOTA = StopConditions(until_quota=at)


def most(requests: int, **rules: Any) -> Rules:
    return Rules(stop_conditions=StopConditions(max_requests=requests), **rules)


# --- --max-requests -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("workers", [1, 3, 50])
@pytest.mark.parametrize("requests", [1, 2, 49, 50, 51, 203])
def test_so_many_requests_and_no_more(requests: int, workers: int) -> None:
    """Whatever the number of workers; what was in flight is in the record, and the rest is for the next session."""
    play = Play(catalogue(400), most(requests, workers=workers)).run()
    were = "1 request was" if requests == 1 else f"{requests} requests were"
    assert play.done == Done("stopped", f"--max-requests {requests}: {were} sent in this session")
    assert len(play.sent) == requests == play.core.state.sent
    assert play.core.in_flight == {}
    again = Play(catalogue(400), most(404 - requests, workers=workers), state=fold(play.events)).run()
    assert again.done == Done("complete", "")
    assert len(again.sent) == 404 - requests
    assert sorted(key for _, role, key, _ in [*play.sent, *again.sent] if role == "item") == list(range(1, 401))


@pytest.mark.anyio
async def test_so_many_requests_on_trio_with_fifty_workers() -> None:
    """The driver that imports: exactly 500, with all workers awake."""
    api = Fake(1000)
    driver, _ = driver_for(api, most(500, workers=50))
    with trio.fail_after(1000):
        done = await driver.run()
    assert done == Done("stopped", "--max-requests 500: 500 requests were sent in this session")
    assert (len(api.sent), api.most) == (500, 50)


def test_the_last_request_that_is_allowed_may_be_the_last_of_all() -> None:
    """Then there is nothing to stop, also where its answer was still to come."""
    assert Play(catalogue(99), most(100, workers=50)).run().done == Done("complete", "")


def test_what_never_left_is_no_request() -> None:
    """Ten connections that could not be made take nothing from the number; others wait to see if they were."""
    unsent = iter(range(10))
    refused = (None, Failed("connection refused", sent=False))
    server = failing(
        catalogue(100), lambda f, _: refused if f.role == "item" and next(unsent, None) is not None else None
    )
    play = Play(server, most(30, workers=25, retry_delays_s=(1.0,))).run()
    assert play.done == Done("stopped", "--max-requests 30: 30 requests were sent in this session")
    assert (len(play.sent), play.core.state.sent) == (40, 30)


def test_each_kind_of_request_counts() -> None:
    """A token, pages, redirects, refusals, failures and retries: the server has seen so many, whatever they were."""
    calls: list[Fetch] = []
    base = catalogue(40, 10)

    def serve(fetch: Fetch, now: float) -> tuple[float, Notice | None, Result]:
        calls.append(fetch)
        if fetch.role == "token":
            return 0.05, OK, TokenRead()
        if len(calls) % 7 == 3:
            return 0.05, Notice(429, 1.0, refused=True, certain=True), Failed("refused")
        if len(calls) % 5 == 4:
            return 0.05, Notice(500), Failed("status 500")
        if fetch.role == "item" and fetch.target is None:
            return 0.05, Notice(302), Redirected(f"http://a/{fetch.key}/", f"http://a/{fetch.key}")
        return base(fetch, now)

    rules = most(60, workers=8, retry_delays_s=(1.0,) * 9, token=TokenRules("ID and SECRET", "https://auth/", 2.0))
    play = Play(serve, rules, budgets=shared(Budget("api", Unpaced()), roles=("list", "item", "token"))).run()
    assert play.done == Done("stopped", "--max-requests 60: 60 requests were sent in this session")
    assert len(calls) == 60 == play.core.state.sent
    assert {role for _, role, *_ in play.sent} == {"token", "list", "item"}
    assert play.of(e.Refused)
    assert "redirected" in {event.reason for event in play.of(e.Returned)}
    assert {event.reason for event in play.of(e.AttemptFailed)} == {"status 500"}


OUTCOMES = st.lists(
    st.sampled_from(["ok"] * 4 + ["refused", "lost", "unsent", "500", "moved"]), min_size=1, max_size=40
)


@settings(max_examples=60)
@given(OUTCOMES, st.integers(1, 60), st.integers(1, 50), st.integers(0, 30))
@example(["unsent", "ok"], 5, 50, 30)
def test_whatever_happens_no_session_sends_more(outcomes: list[str], requests: int, workers: int, items: int) -> None:
    """Exactly as many wherever a session ends for it, and in the end everything is imported."""
    wire = [0]
    base = catalogue(items, 10)

    def serve(fetch: Fetch, now: float) -> tuple[float, Notice | None, Result]:
        outcome = outcomes.pop(0) if outcomes and fetch.key != e.FIRST_PAGE else "ok"  # a list that is not there fails
        wire[0] += outcome != "unsent"
        if outcome == "refused":
            return 0.1, Notice(429, 2.0, refused=True, certain=True), Failed("refused")
        if outcome == "500":
            return 0.3, Notice(500), Failed("status 500")
        if outcome == "moved" and fetch.target is None:
            return 0.1, Notice(302), Redirected(f"http://a/{fetch.key}/", f"http://a/{fetch.key}")
        if outcome in ("lost", "unsent"):
            return 0.2, None, Failed(outcome, sent=outcome == "lost")
        return base(fetch, now)

    state, ended = State(), False
    for _ in range(200):
        wire[0] = 0
        play = Play(serve, most(requests, workers=workers, retry_delays_s=(1.0,) * 20), state=state).run()
        assert play.done is not None
        assert wire[0] <= requests
        if play.done.status == "complete":
            ended = True
            break
        assert play.done.reason.startswith(f"--max-requests {requests}: ")
        assert wire[0] == requests
        state = play.core.state
    assert ended
    assert (play.core.state.imported, play.core.state.failed) == (items, 0)


# --- --until-quota --------------------------------------------------------------------------------------------------


def test_a_session_ends_where_the_quota_does_and_loses_nothing() -> None:
    """At 100/1d: 100 requests, and the end once the last of them is answered, not when the slot opens."""
    play = Play(catalogue(250), Rules(10, stop_conditions=UNTIL_QUOTA), windowed("100/1d")).run()
    assert play.done is not None
    assert (play.done.status, len(play.sent)) == ("stopped", 100)
    assert play.done.reason.startswith("--until-quota: the limit 100/1d is used up until 8640")
    assert play.done.reason.endswith(" s; resume the run then")
    assert play.now == max(sent for sent, *_ in play.sent) + 0.05
    assert (play.core.in_flight, play.of(e.Returned)) == ({}, [])
    waited = Play(catalogue(250), Rules(10), windowed("100/1d")).run()
    assert waited.done == Done("complete", "")
    assert [sent for sent, *_ in waited.sent[:100]] == [sent for sent, *_ in play.sent]


def test_only_a_wait_of_an_hour_is_one_for_a_quota() -> None:
    """Just below an hour the session sleeps, at an hour it ends."""
    for period_s, status in ((3_600.0, "complete"), (3_700.0, "stopped")):
        # The first slot opens 3,600 s after the last was taken, less what the hundred took.
        limit = f"100/{period_s:g}s"
        play = Play(catalogue(150), Rules(1, stop_conditions=UNTIL_QUOTA), windowed(limit)).run()
        assert play.done is not None
        assert play.done.status == status


def test_a_long_retry_after_is_a_quota_and_a_short_one_is_not() -> None:
    """A limit that nobody declared: the server's word, in a refusal."""

    def refusing(after_s: float) -> Server:
        said = (Notice(429, after_s, refused=True, certain=True), Failed("refused"))
        return failing(catalogue(100), lambda fetch, now: said if 1.0 <= now < 2.0 else None)

    rules = Rules(5, stop_conditions=UNTIL_QUOTA)
    play = Play(refusing(7200.0), rules).run()
    assert play.done is not None
    until = play.of(e.Held)[0].until_s
    what = "--until-quota: a limit of the server is used up until"
    assert play.done == Done("stopped", f"{what} {until:g} s; resume the run then")
    assert play.now < 2.0
    assert Play(refusing(3599.0), rules).run().done == Done("complete", "")


def test_a_retry_and_an_outage_are_no_quota() -> None:
    """Whatever they take: a retry that is due in two hours is waited for."""
    once = failing(
        catalogue(20), lambda f, _: (Notice(502), Failed("status 502")) if f.key == 7 and f.attempt == 1 else None
    )
    play = Play(once, Rules(5, retry_delays_s=(7200.0,), stop_conditions=UNTIL_QUOTA)).run()
    assert (play.done, play.now > 7200.0) == (Done("complete", ""), True)
    down = failing(catalogue(200), lambda f, now: (Notice(502), Failed("status 502")) if 1.0 <= now < 5000.0 else None)
    assert Play(down, Rules(10, breaker=20, stop_conditions=UNTIL_QUOTA)).run().done is not None
    assert not Play(down, Rules(10, breaker=20, stop_conditions=UNTIL_QUOTA)).run().done.reason.startswith("--until")


@pytest.mark.parametrize("limit", ["100/1d", "list=10/1d"])
def test_a_retry_that_another_limit_lets_go_is_waited_for(limit: str) -> None:
    """With the list's quota used up, an item is tried again in 30 s; where one limit is for all, it could not be."""
    server = failing(
        catalogue(300, 10), lambda f, _: (Notice(502), Failed("status 502")) if f.key == 5 and f.attempt == 1 else None
    )
    play = Play(server, Rules(10, stop_conditions=UNTIL_QUOTA), budgets=budgets(limit)).run()
    assert play.done is not None
    assert play.done.reason.startswith(f"--until-quota: the limit {limit} is used up until 8640")
    assert (play.now > 30.0) == limit.startswith("list")
    retried = [attempt for _, _, key, attempt in play.sent if key == 5]
    assert retried == ([1, 2] if limit.startswith("list") else [1])
    assert len(play.sent) == (10 + 100 + 1 if limit.startswith("list") else 100)


def test_a_quota_that_opens_sooner_with_another_key_ends_nothing() -> None:
    """Two keys of 50 a day send 100; a limit of 20 s beside it makes the session wait and not end."""
    both = Play(
        catalogue(150),
        Rules(10, stop_conditions=UNTIL_QUOTA),
        budgets=budgets("50/1d+10/20s", token_env=("KEY_A", "KEY_B")),
    ).run()
    assert both.done is not None
    assert (both.done.status, len(both.sent)) == ("stopped", 100)
    assert both.now > 80.0


# --- what is said of a wait -----------------------------------------------------------------------------------------


def test_a_wait_for_a_quota_is_told_of_while_it_lasts() -> None:
    """From its first moment until the slot opens, live and from events alone; a wait of 20 s is none."""
    seen: list[float | None] = []
    look = [(t, lambda core, now: seen.append(core.quota_until)) for t in (5.0, 30.0, 3600.0, 86_300.0, 86_450.0)]
    play = Play(catalogue(250), Rules(10), windowed("100/1d+50/20s"), at=look).run()
    assert seen[0] is None
    assert seen[1] == seen[2] == seen[3]
    assert seen[1] == pytest.approx(DAY_S, abs=10.0)  # with the guard of a window
    assert seen[4] != seen[3]
    (first, *_) = [event for event in play.of(e.WaitBegan) if event.tier == "100/1d"]
    assert first.until_s == seen[1]
    state = fold([event for event in play.events if event.t_s <= 30.0])
    assert told_by(state, state.session.utc_s + 30.0).quota_until_utc_s == state.session.utc_s + first.until_s


@pytest.mark.parametrize(
    ("reason", "wait_s", "is_one"),
    [
        *((reason, 3600.0, True) for reason in ("limit", "refused", "hold")),
        *((reason, 1e6, False) for reason in ("retry", "failing", "token", "in flight", "probe")),
        ("limit", 3599.9, False),
    ],
)
def test_which_waits_are_for_a_quota(reason: str, wait_s: float, is_one: bool) -> None:
    """An hour or more, for a limit: also as events alone tell it."""
    assert is_for_quota(reason, wait_s) == is_one
    state = fold([started(UTC_S, 1, ""), e.WaitBegan(5.0, reason, None, 5.0 + wait_s)])
    assert told_by(state, UTC_S + 9.0).quota_until_utc_s == (UTC_S + 5.0 + wait_s if is_one else None)


def test_an_end_by_the_clock_is_no_time_to_go_on_at() -> None:
    """With --max-time 2h nothing goes on tomorrow."""
    seen: list[float | None] = []
    rules = Rules(10, stop_conditions=StopConditions(max_time_s=7200.0))
    Play(catalogue(250), rules, windowed("100/1d"), at=[(30.0, lambda core, _: seen.append(core.quota_until))]).run()
    assert seen == [None]


def test_a_pause_that_grows_to_hours_is_recorded_anew() -> None:
    """Ten are refused together: the first says a minute, a later one a day. Who follows the events learns of it."""
    told = iter([60.0, *[DAY_S] * 9])
    base = catalogue(400)

    def serve(fetch: Fetch, now: float) -> tuple[float, Notice | None, Result]:
        latency_s, notice, result = base(fetch, now)
        if not 1.0 <= now < 1.05:
            return latency_s, notice, result
        said = next(told)
        late_s = 0.05 if said == 60.0 else 0.15  # so that the short one is told first
        return late_s, Notice(429, said, refused=True, certain=True), Failed("refused")

    play = Play(serve, Rules(10)).run()
    began = [(event.reason, round(event.until_s - event.t_s)) for event in play.of(e.WaitBegan) if event.until_s]
    assert began[:2] == [("refused", 60), ("refused", 86_400)]
    assert play.core.state.waits["refused"][1] == 1  # it is one wait all the same
    asleep_s = play.core.state.waits["refused"][0]
    assert asleep_s == pytest.approx(DAY_S, abs=1.0)


# --- from one day to the next ---------------------------------------------------------------------------------------


@dataclass
class Days:
    """One API and one run on it, in virtual time."""

    service: Service
    app: Any
    config: ImportConfig

    async def session(self) -> tuple[Done, int]:
        """A session of the run: how it ended, and what it sent."""
        run, machine = prepare_run(self.config), Machine()
        self.config = self.config.with_settings(resume=True)
        with run.locked():
            made = Session(run, self.config, inline=True, wall=machine.wall, machine=machine.clock)
            before = sum(state_counts(made.state))
            rest = _rest(self.config, LIST)
            async with HttpApi(rest, workers=10, timeout_s=30.0, transport=InProcess(self.app)) as api:
                done = await made.run(api)
            write_results(run, made.state, self.config, None)
            self.state = made.state
        return done, sum(state_counts(made.state)) - before


def days(folder: Path, server: str, **settings: Any) -> Days:
    api = ServerConfig(items=250, limit=server, latency="50ms")
    service = Service(api, trio.current_time(), EPOCH_S)
    told: dict[str, Any] = {"url": LIST, "results": folder, "run": "r", "workers": 10, "detail": True, **settings}
    return Days(service, create_app(api, service), ImportConfig(**told))


@pytest.mark.anyio
@pytest.mark.parametrize(("limit", "kept_back"), [("100/1d", 0), (None, 1)])
async def test_a_day_at_a_time_until_all_is_imported(tmp_path: Path, limit: str | None, kept_back: int) -> None:
    """250 items and 3 pages at 100 a day, a session each day: 100, 100 and 53 requests, and nothing is refused.

    Where headers alone tell of the limit, the first session keeps one request back: it would have been sent just before
    the reset, to learn of its kind. A session that is started an hour later sends that one, or none, and ends alike.
    """
    api = days(tmp_path, "100/1d", until_quota=True, **({} if limit is None else {"limit": limit}))
    until = "1970-01-13 13:46"
    for wait_s, sends in ((3600.0, 100 - kept_back), (DAY_S - 3540.0, kept_back), (DAY_S + 60.0, 100)):
        done, sent = await api.session()
        assert (done.status, sent) == ("stopped", sends)
        assert done.reason == f"--until-quota: the limit 100/1d is used up until {until}; resume the run then"
        until = until if wait_s < DAY_S - 3600.0 else "1970-01-14 13:47"
        await trio.sleep(wait_s)
    assert await api.session() == (Done("complete", ""), 53)
    report = api.service.report()
    assert (report["admitted"], report["refused"]) == (253, 0)
    assert (api.state.imported, api.state.failed) == (250, 0)


@pytest.mark.anyio
async def test_a_session_that_waits_says_until_when_and_goes_on_then(tmp_path: Path) -> None:
    """Without --until-quota it sleeps; the live status has the time on the wall, which every view shows."""
    machine, api = Machine(), Fake(150)
    config = ImportConfig(url=LIST, results=tmp_path, run="r", limit="100/2h", detail=True)
    run = prepare_run(config)
    with run.locked():
        made = Session(run, config, inline=True, wall=machine.wall, machine=machine.clock)
        looks: list[Live] = []
        began_s = trio.current_time()
        async with trio.open_nursery() as nursery:

            @nursery.start_soon
            async def look() -> None:
                for after_s in (0.2, 1800.0, 7260.0):
                    await trio.sleep_until(began_s + after_s)
                    looks.append(made.live())

            assert await made.run(api) == Done("complete", "")
            nursery.cancel_scope.cancel()
    before, amid = looks  # the import is over two hours after its first request
    assert before.quota_until_utc_s is None
    assert amid.quota_until_utc_s is not None
    opens_s = amid.quota_until_utc_s - machine.wall_off_s - began_s
    assert min(at for at, *_ in api.sent if at > 1800.0) == pytest.approx(opens_s, abs=1e-6)
    assert (amid.doing, amid.tier, len([at for at, *_ in api.sent if at < 1800.0])) == ("limit", "100/2h", 100)


@pytest.mark.parametrize("workers", [1, 50])
def test_simulations_end_alike(workers: int) -> None:
    """The same core: so many requests exactly, by its count and by the test API's."""
    told = ImportConfig(items=250, limit="100/1d", detail=True, workers=workers)
    quota = simulate_run(told.with_settings(until_quota=True)).summary
    few = simulate_run(told.with_settings(max_requests=60)).summary
    for figures, sent, why in ((quota, 100, "--until-quota: the limit 100/1d"), (few, 60, "--max-requests 60: 60 ")):
        assert (figures.status, figures.sent, figures.hits) == ("stopped", sent, 0)
        assert figures.reason.startswith(why)
        assert figures.server is not None
        assert (figures.server.admitted, figures.server.agrees) == (sent, True)


def test_what_the_settings_say() -> None:
    """Both reach the core; the time is that of the wall, for people."""
    config = ImportConfig(max_requests=7, until_quota=True)
    ends = ends_of(config, EPOCH_S)
    assert replace(ends, until_quota=None) == StopConditions(max_requests=7)
    assert ends.until_quota is not None
    assert ends.until_quota(QUOTA_WAIT_S) == "2025-11-24 17:00"
    assert ends_of(ImportConfig(), EPOCH_S) == StopConditions()
