"""A follower sees what a full fold sees, part by part, and is never disturbed by what is written meanwhile."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from harness.errors import RecordError
from harness.record import follow
from harness.record.fold import fold
from harness.record.follow import Follower
from harness.record.live import Live, LiveTier, drop_live, read_live, write_live
from harness.record.parts import compact
from harness.record.recorder import Recorder, later_writer
from harness.record.run import Run, create_run
from harness.record.snapshot import freeze, write_snapshot
from tests.record.samples import facts, history, imported, listed, started

LIVE = Live(10.0, 1_000.0, 4, 2, "limit", 1_007.0, "5/s", (LiveTier("5/s", 5, 5, 0, 7.0),), 30.0, 1, 1_009.0, 1_009.0)


@given(st.integers(0, 10**6), st.integers(1, 40), st.booleans())
@settings(
    max_examples=15,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_polled_after_each_part_it_is_the_full_fold(
    tmp_path_factory: pytest.TempPathFactory, seed: int, size: int, snapshot: bool
) -> None:
    """Whatever is written between two polls, the state equals the fold of all events so far."""
    run = create_run(tmp_path_factory.mktemp("follow"), "r", {}, 0.0)
    recorder = Recorder(run.folder, "r", 1)
    follower = Follower(run)
    assert facts(follower.poll()) == facts(fold([]))
    events = history(seed, sessions=1)
    for at in range(0, len(events), size):
        for event in events[at : at + size]:
            recorder.record(event)
        recorder.flush()
        assert facts(follower.poll()) == facts(fold(events[: at + size]))
        if snapshot:
            write_snapshot(run.folder, freeze(fold(events[: at + size]), "s1", recorder.seq))
    assert facts(Follower(run).poll()) == facts(fold(events))


def test_it_reads_only_what_is_new(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A poll without news reads no file; one with news reads the new parts, and those of later writers."""
    run = create_run(tmp_path, "r", {}, 0.0)
    recorder = Recorder(run.folder, "r", 1)
    for event in (started(), listed(1, 2), imported(1)):
        recorder.record(event)
        recorder.flush()
    follower = Follower(run)
    assert follower.poll().imported == 1
    read: list[object] = []
    real = follow.read_parts
    monkeypatch.setattr(follow, "read_parts", lambda *args: read.append(args) or real(*args))
    assert follower.poll().imported == 1
    assert read == []
    later = Recorder(run.folder, "r", 1, later_writer(run.folder, 1))
    later.record(imported(2))
    later.flush()
    assert follower.poll().imported == 2
    assert read == [(run.folder, ("s1", 3))]


def test_what_was_compacted_before_it_was_seen_is_seen(tmp_path: Path) -> None:
    """The last part it read and the compacted one begin with the same event; those in between are not missed."""
    run = create_run(tmp_path, "r", {}, 0.0)
    recorder = Recorder(run.folder, "r", 1)
    for event in (started(), listed(1, 2), imported(1)):
        recorder.record(event)
    recorder.flush()
    follower = Follower(run)
    assert follower.poll().imported == 1
    recorder.record(imported(2))
    recorder.flush()
    compact(run.folder)
    assert len(list((run.folder / "events").iterdir())) == 1
    assert follower.poll().imported == 2


def test_parts_that_are_replaced_while_it_reads_are_read_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A part gone between list and read is no error while the next list can be read; damage that stays is one."""
    run = create_run(tmp_path, "r", {}, 0.0)
    recorder = Recorder(run.folder, "r", 1)
    for event in (started(), listed(1, 2), imported(1)):
        recorder.record(event)
    recorder.flush()
    follower = Follower(run)
    real = follow.read_parts
    left = [3]

    def failing(*args: object) -> object:
        left[0] -= 1
        if left[0] >= 0:
            raise RecordError("gone")
        return real(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(follow, "read_parts", failing)
    assert facts(follower.poll()) == facts(fold([started(), listed(1, 2), imported(1)]))
    left[0] = 10**6
    recorder.record(imported(2))
    recorder.flush()
    with pytest.raises(RecordError):
        follower.poll()


def test_the_status_is_by_the_lock(tmp_path: Path) -> None:
    """An open run is interrupted once nobody holds it; the moment is then none."""
    run = create_run(tmp_path, "r", {}, 0.0)
    recorder = Recorder(run.folder, "r", 1)
    recorder.record(started())
    recorder.flush()
    write_live(run.folder, LIVE)
    follower = Follower(run)
    follower.poll()
    with run.locked():
        assert follower.status == "running"
        assert follower.live(1_000.0) == LIVE
    assert follower.status == "interrupted"
    assert follower.live(1_000.0) is None


def test_the_moment_goes_on_while_it_is_read(tmp_path: Path) -> None:
    """Read three seconds later it says what is true then; once dropped, or of another version, it is none."""
    write_live(tmp_path, LIVE)
    live = read_live(tmp_path, 1_003.0)
    assert live is not None
    assert (live.t_s, live.now_utc_s, live.eta_s, live.until_utc_s) == (13.0, 1_003.0, 27.0, 1_007.0)
    (tmp_path / "live.json").write_text('{"t_s": 1, "colour": "red"}')
    assert read_live(tmp_path, 1_003.0) is None
    drop_live(tmp_path)
    assert read_live(tmp_path, 1_003.0) is None
    assert list(tmp_path.iterdir()) == []


def test_a_run_that_was_never_begun_is_empty(tmp_path: Path) -> None:
    """No events yet: the state is the empty one, again and again."""
    follower = Follower(Run(tmp_path / "r"))
    assert facts(follower.poll()) == facts(follower.poll()) == facts(fold([]))
