"""What the reference system got wrong, each shown not to happen here. Numbered in the order in which they were found.

The server's side of 2, 3 and 5 (refusals that burn quota, a Reset that is always a whole window away, races between
check and increment) is in tests/server.
"""

from __future__ import annotations

import pytest

from harness.core.answers import Failed, Fetch, PageRead
from harness.core.rules import Rules
from harness.pacing import Grant, Later, Notice, Outcome, ReferencePacer, WindowPacer, parse_tiers
from harness.record import events as e
from harness.record.fold import fold
from harness.record.summary import efficiency_band, reference_efficiency, summarise
from tests.core.play import OK, Play, catalogue, failing, windowed


def most_within(sent: list[float], span_s: float) -> int:
    return max(sum(start <= now < start + span_s for now in sent) for start in sent)


def test_1_one_limit_holds_for_the_list_and_every_item_together() -> None:
    """The limit is not per URL: pages and items share it, so the detail phase is limited too."""
    play = Play(catalogue(100, per_page=10), pacer=windowed("20/1s")).run()
    assert most_within([now for now, *_ in play.sent], 1.0) == 20
    assert len({role for _, role, _, _ in play.sent}) == 2


def test_2_a_no_of_one_tier_costs_the_others_nothing() -> None:
    """Check all, then charge all: after any number of refused reservations the long tier is as it was."""
    pacer = windowed("2/1s+10/100s")
    for _ in range(2):
        assert isinstance(pacer.reserve(0.0), Grant)
    for _ in range(50):
        assert isinstance(pacer.reserve(0.5), Later)
    assert [tier.used for tier in pacer.statistics(0.5).tiers] == [2, 2]


def duration_at(pacer: WindowPacer | ReferencePacer, workers: int) -> float:
    return Play(catalogue(1000), Rules(workers=workers), pacer).run().core.state.duration_s


def test_4_the_rest_of_a_window_is_slept_not_a_whole_one() -> None:
    """1,010 requests at 25/s: the reference's whole-window sleeps make it slower by half; here it takes the bound."""
    tiers = parse_tiers("500/20s+2000/100s")
    ours, reference = duration_at(windowed("500/20s+2000/100s"), 2), duration_at(ReferencePacer(tiers), 2)
    assert ours == pytest.approx(40.05, rel=0.01)
    # One burst of 500 takes 12.5 s at two workers; it then sleeps 20 s instead of the 7.5 s that are left, twice.
    assert reference == pytest.approx(40.25 + 2 * 12.5, rel=0.01)


def test_6_a_retry_after_of_zero_is_no_hot_loop_and_a_longer_one_counts() -> None:
    """Refused for 30 s with Retry-After 0: a handful of probes; told 2 s and then 9 s, it waits for the 9."""
    zero = failing(catalogue(10), lambda f, now: (Notice(429, 0.0, refused=True), Failed("-")) if now < 30 else None)
    play = Play(zero).run()
    assert play.core.state.refused <= 6
    told = iter([2.0, 9.0])
    two = failing(
        catalogue(10),
        lambda f, now: (
            (Notice(429, next(told), refused=True), Failed("-"))
            if f.role == "item" and now < 0.1 and f.key in (3, 4)
            else None
        ),
    )
    play = Play(two, Rules(workers=10)).run()
    after = [now for now, *_ in play.sent if now > 0.1]
    assert min(after) == pytest.approx(0.1 + 9.0)


def test_7_refusals_during_discovery_are_counted_and_shared() -> None:
    """A 429 on the list pauses the workers of the items too, and is a hit."""
    server = failing(
        catalogue(300),
        lambda f, now: (Notice(429, 2.0, refused=True), Failed("-")) if f.key == e.numbered(2) and now < 1 else None,
    )
    play = Play(server).run()
    held = play.of(e.Held)[0]
    assert play.core.state.refused == 1
    assert not [now for now, *_ in play.sent if held.t_s < now < held.until_s]


def test_8_each_failed_attempt_is_on_record_and_a_404_is_not_repeated() -> None:
    """Failures are recorded when they happen, not after the last try."""
    down = failing(catalogue(1), lambda f, _: (Notice(500), Failed("status 500")) if f.role == "item" else None)
    play = Play(down).run(until=100.0)
    assert [event.attempt for event in play.of(e.AttemptFailed)] == [1, 2, 3]
    gone = failing(
        catalogue(1), lambda f, _: (Notice(404), Failed("gone", passing=False)) if f.role == "item" else None
    )
    assert len([1 for _, role, _, _ in Play(gone).run().sent if role == "item"]) == 1


def test_9_a_failure_adds_no_dead_minutes_and_nothing_to_do_ends_at_once() -> None:
    """The import is over with the answer to its last request, failed or not; an empty list after one."""
    gone = failing(catalogue(5), lambda f, _: (Notice(404), Failed("gone", passing=False)) if f.key == 5 else None)
    assert Play(gone).run().now == pytest.approx(0.1)
    assert Play(catalogue(0)).run().now == pytest.approx(0.15)  # pages 1, 2 and 0


def test_10_a_long_wait_belongs_to_no_request() -> None:
    """A wait of 100 s is nobody's timeout: each item is sent once, counted once, and the import completes."""
    play = Play(catalogue(30), pacer=windowed("10/100s")).run()
    assert play.core.state.imported == 30
    assert len(play.sent) == 31
    assert not play.of(e.AttemptFailed)


def test_11_ids_are_keys_and_an_error_in_discovery_ends_the_run() -> None:
    """An item listed twice is one; a list that cannot be read fails the run, with the reason, resumably."""

    def twice(fetch: Fetch, now: float):  # type: ignore[no-untyped-def]
        if fetch.role == "item":
            return catalogue(1)(fetch, now)
        return 0.05, OK, PageRead((1, 2, 2, 1, 3), 3, 1)

    play = Play(twice).run()
    assert sorted(key for _, role, key, _ in play.sent if role == "item") == [1, 2, 3]
    assert [len(page.ids) for page in play.of(e.PageListed)] == [5]
    broken = failing(catalogue(1), lambda f, _: (Notice(401), Failed("status 401", "Unauthorized", passing=False)))
    play = Play(broken).run()
    assert play.done is not None
    assert play.done.status == "failed"
    assert "401" in play.done.reason


def test_12_the_end_is_the_last_items_and_waiting_is_counted_once() -> None:
    """However many workers wait, a wait of 19 s is 19 s; active time is never clipped at 0."""
    one = Play(catalogue(600), Rules(workers=1), windowed("500/20s")).run()
    many = Play(catalogue(600), Rules(workers=50), windowed("500/20s")).run()
    for play in (one, many):
        state = play.core.state
        assert state.asleep_s <= state.duration_s
        assert state.ended_utc_s == play.utc_s + play.now
    assert many.core.state.asleep_s < 20.1


def test_13_reference_efficiency_is_kept_and_labelled_for_what_it_is() -> None:
    """It praises whoever oversleeps and says 50 % of one who is refused every time; optimality does not."""
    assert reference_efficiency(sleeps=10, refused=0) == 1.0
    assert reference_efficiency(sleeps=10, refused=10) == 0.5
    assert reference_efficiency(sleeps=0, refused=0) is None
    assert [efficiency_band(share) for share in (0.91, 0.9, 0.5, 0.49)] == ["excellent", "fair", "fair", "poor"]


def test_14_the_status_has_one_source() -> None:
    """One item of three gone: state, summary and the session's end all say `complete with failures`."""
    gone = failing(catalogue(3), lambda f, _: (Notice(404), Failed("gone", passing=False)) if f.key == 3 else None)
    play = Play(gone).run()
    state = fold(play.events)
    assert play.done is not None
    assert {play.done.status, state.status, summarise("r", state, None).status} == {"complete with failures"}


def test_a_settled_grant_cannot_be_settled_again() -> None:
    """Counted twice is a defect that shows at once."""
    pacer = windowed("5/1s")
    grant = pacer.reserve(0.0)
    assert isinstance(grant, Grant)
    pacer.settle(grant, 0.1, Outcome.ANSWERED)
    with pytest.raises(KeyError):
        pacer.settle(grant, 0.2, Outcome.ANSWERED)
