"""A wall clock that is set while a run is down neither holds it up nor lets it exceed a limit (D3, D4)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import trio

from harness.config import ImportConfig
from harness.core.answers import Failed
from harness.core.rules import Rules, retry_due
from harness.pacing import Notice
from harness.record.clock import Boot, boot
from harness.record.fold import fold
from harness.record.run import Run
from harness.record.state import Failure
from harness.session.importing import prepare_run
from harness.session.session import Session
from tests.core.play import UTC_S, Play, catalogue
from tests.session.test_driver import Fake

LIMIT, PERIOD_S, LATENCY_S = 10, 100.0, 0.05


@dataclass
class Machine:
    """A machine in trio's time: its wall clock can be set, and it can be started again."""

    wall_off_s: float = 1_000_000.0
    start: str = "first start"
    up_off_s: float = 500.0

    def wall(self) -> float:
        return trio.current_time() + self.wall_off_s

    def clock(self) -> Boot:
        return Boot(self.start, trio.current_time() + self.up_off_s)


async def nothing_written(**_: bool) -> None:
    await trio.lowlevel.checkpoint()


async def session(run: Run, config: ImportConfig, machine: Machine, api: Fake, killed_after_s: float) -> None:
    """One session, killed in the end: what it had not written yet is lost."""
    with run.locked():
        made = Session(run, config, inline=True, wall=machine.wall, machine=machine.clock)
        made.flusher.flush = nothing_written  # type: ignore[assignment, method-assign]
        with trio.move_on_after(killed_after_s):
            await made.run(api)


async def sends(tmp_path: Path, off_s: float, start: str, *, recorded: bool, down_s: float = 30.0) -> list[float]:
    """When requests are sent, in trio's time: 10 at once, a kill after 5 s, a pause, the rest by a second session."""
    config = ImportConfig(
        url="http://127.0.0.1:9/x", limit=f"{LIMIT}/{PERIOD_S:g}s", results=tmp_path, run="r", linger=0.0
    )
    run, machine, api = prepare_run(config), Machine(), Fake(25, LATENCY_S)
    began_s = trio.current_time()
    if recorded:
        with run.locked():
            made = Session(run, config, inline=True, wall=machine.wall, machine=machine.clock)
            with trio.move_on_after(5.0):
                await made.run(api)
    else:
        await session(run, config, machine, api, 5.0)
    await trio.sleep(down_s)
    machine.wall_off_s += off_s
    machine.start = start
    await session(run, replace_resume(config), machine, api, 1_000.0)
    return [round(at - began_s + api.origin, 6) for at, *_ in api.sent]


def replace_resume(config: ImportConfig) -> ImportConfig:
    return config.with_settings(resume=True)


def most_within(sent: list[float], period_s: float) -> int:
    return max(sum(at <= other < at + period_s for other in sent) for at in sent)


@pytest.mark.anyio
@pytest.mark.parametrize("recorded", [True, False])
@pytest.mark.parametrize("off_s", [0.0, -3600.0, 3600.0, -5.0, 60.0, -(10.0**9)])
async def test_a_wall_clock_that_was_set_changes_nothing(tmp_path: Path, off_s: float, recorded: bool) -> None:
    """D3, D4: back or forth, the resumed session sends at the very moments at which it would have sent anyway."""
    straight = await sends(tmp_path / "straight", 0.0, "first start", recorded=recorded)
    found = await sends(tmp_path / "set", off_s, "first start", recorded=recorded)
    assert found == straight
    assert most_within(found, PERIOD_S) == LIMIT
    # The window ends a period after the last of the first ten was answered, whatever was recorded of them.
    late_s = LATENCY_S if recorded else 0.0
    assert found[LIMIT] == pytest.approx(PERIOD_S + found[LIMIT - 1] + late_s, abs=LATENCY_S)


@pytest.mark.anyio
@pytest.mark.parametrize("off_s", [0.0, 3600.0, -3600.0])
async def test_after_a_restart_of_the_machine_the_least_time_has_passed(
    tmp_path: Path, off_s: float, caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing proves how long it was down: what was sent counts as sent just now, never longer than its window."""
    found = await sends(tmp_path, off_s, "second start", recorded=True)
    resumed_s = 5.0 + 30.0
    assert most_within(found, PERIOD_S) == LIMIT
    assert found[LIMIT] == pytest.approx(resumed_s + PERIOD_S + 0.01)  # the guard of a window
    assert "it is uncertain when the last requests were sent" in caplog.text
    assert "the first wait may take up to 101s" in caplog.text


@pytest.mark.parametrize(
    ("now_s", "due_s"), [(0.0, 30.0), (10.0, 20.0), (40.0, 0.0), (3_600.0, 0.0), (-3_600.0, 30.0), (-(10.0**9), 30.0)]
)
def test_a_retry_waits_no_longer_than_its_delay(now_s: float, due_s: float) -> None:
    """Failed at 0, to be tried again after 30 s: an hour back on the clock is not an hour more."""
    failure = Failure("item", 1, 1, UTC_S, 503, "status 503", "", UTC_S + 30.0)
    assert retry_due(failure, UTC_S + now_s) == due_s
    assert retry_due(replace(failure, retry_at_utc_s=None), UTC_S) == 0.0


def test_an_item_that_failed_is_tried_again_in_time_though_the_clock_went_back() -> None:
    """D3 in a whole session: killed 1 s after a failure, resumed an hour earlier by the clock."""
    base = catalogue(1)
    down = lambda f, now: (0.05, Notice(503), Failed("status 503")) if f.role == "item" else base(f, now)  # noqa: E731
    first = Play(down, Rules(retry_delays_s=(30.0,))).run(until=1.0)
    again = Play(base, Rules(retry_delays_s=(30.0,)), state=fold(first.events), utc_s=UTC_S - 3_600).run()
    assert [(now, role) for now, role, *_ in again.sent] == [(30.0, "item")]
    assert again.core.state.imported == 1


def test_this_machine_tells_one_start_from_another() -> None:
    """Its clock goes on, under one name, which is that of a start and no secret."""
    before, after = boot(), boot()
    assert before.id == after.id
    assert after.since(before) >= 0.0
    assert after.since(Boot("another", 0.0)) == 0.0
