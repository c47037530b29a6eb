"""The import as a state machine: what is fetched, when, and when it is over."""

from __future__ import annotations

import itertools
from itertools import pairwise

import pytest

from harness.core.answers import Failed, Fetch, ItemRead, PageRead, Wait
from harness.core.budgets import shared
from harness.core.core import Core
from harness.core.rules import Rules
from harness.pacing import Budget, Notice, WindowPacer, parse_tiers
from harness.record import events as e
from harness.record.fold import fold
from tests.core.play import OK, Play, catalogue, failing, windowed


def gone(fetch: Fetch) -> tuple[Notice, Failed]:
    return Notice(404), Failed("gone", "Not Found", passing=False)


def test_every_item_of_the_list_is_imported_once() -> None:
    """1,000 items over 10 pages are 1,010 requests, each page and item once."""
    play = Play(catalogue(1000)).run()
    assert play.done is not None
    assert play.done.status == "complete"
    assert len(play.sent) == len({(role, key) for _, role, key, _ in play.sent}) == 1010
    assert {event.item for event in play.of(e.ItemImported)} == set(range(1, 1001))


def test_details_start_while_pages_still_arrive() -> None:
    """Pipelined, the first item goes out before the last page is read; sequentially, only after."""
    for sequential in (False, True):
        play = Play(catalogue(1000), Rules(workers=3, sequential=sequential)).run()
        first_item = min(now for now, role, _, _ in play.sent if role == "item")
        last_page = max(event.t_s for event in play.of(e.PageListed))
        assert (first_item >= last_page) is sequential


def test_the_list_and_its_items_take_turns_under_a_limit() -> None:
    """A request a second: after the first page an item goes for each page, so that items do not wait for the list, and
    the list, which may change while it is read, takes no more than twice its pages.
    """
    play = Play(catalogue(60, per_page=5), Rules(workers=4), windowed("1/1s")).run()
    kinds = [role for _, role, _, _ in play.sent]
    assert len(kinds) == 12 + 60
    assert kinds[:24].count("list") == 12
    assert all("item" in pair for pair in pairwise(kinds[1:24]))


def test_an_empty_list_is_complete_at_once() -> None:
    """Zero items: the page behind the first is asked for, and page 0, where some lists begin; then it is complete."""
    play = Play(catalogue(0)).run()
    assert play.done is not None
    assert (play.done.status, [key.value for _, _, key, _ in play.sent]) == ("complete", [1, 2, 0])
    assert play.now == pytest.approx(0.15)


def test_no_more_is_in_flight_than_there_are_workers() -> None:
    """With 7 workers never more than 7 requests are on their way, and 7 are whenever there is work."""
    play = Play(catalogue(500, latency_s=1.0), Rules(workers=7)).run()
    in_flight = [sum(at <= now < at + 1.0 for at, *_ in play.sent) for now, *_ in play.sent]
    assert max(in_flight) == 7


def test_a_default_import_takes_the_bound_plus_a_round_trip_per_window() -> None:
    """1,010 requests at 500/20s: the third burst begins two windows, guards and round trips after the first."""
    play = Play(catalogue(1000), pacer=windowed("500/20s+2000/100s")).run()
    duration = play.core.state.duration_s
    assert 40.05 < duration < 40.3
    assert play.core.state.refused == 0


def test_what_may_pass_is_retried_after_30_60_120_240_seconds() -> None:
    """A 503 five times is five attempts at 0, 30, 90, 210 and 450 s plus latencies, then the item has failed."""
    down = failing(catalogue(1), lambda f, _: (Notice(503), Failed("status 503")) if f.role == "item" else None)
    play = Play(down).run()
    assert play.done is not None
    assert play.done.status == "complete with failures"
    tries = [(now, attempt) for now, role, _, attempt in play.sent if role == "item"]
    assert [attempt for _, attempt in tries] == [1, 2, 3, 4, 5]
    assert [b[0] - a[0] for a, b in itertools.pairwise(tries)] == pytest.approx([30.05, 60.05, 120.05, 240.05])
    failure = play.core.state.failures["item", 1]
    assert (failure.attempts, failure.status, failure.reason, failure.retry_at_utc_s) == (5, 503, "status 503", None)


def test_a_404_fails_at_once_as_gone() -> None:
    """An item deleted between list and detail costs one request, not 450 s of backoff."""
    play = Play(failing(catalogue(3), lambda f, _: gone(f) if (f.role, f.key) == ("item", 2) else None)).run()
    assert play.now < 1.0
    assert [event.key for event in play.of(e.AttemptFailed)] == [2]
    assert play.core.state.imported == 2


def test_a_waiting_item_leaves_its_worker() -> None:
    """With one worker the other items are imported while the first waits for its retry."""
    once = failing(
        catalogue(3),
        lambda f, _: (Notice(500), Failed("status 500")) if (f.key, f.attempt, f.role) == (1, 1, "item") else None,
    )
    play = Play(once, Rules(workers=1)).run()
    imported = [(event.item, event.t_s) for event in play.of(e.ItemImported)]
    assert [item for item, _ in imported] == [2, 3, 1]
    assert imported[1][1] < 1.0
    assert imported[2][1] == pytest.approx(30.15)


def test_an_import_ends_with_its_last_item_not_with_a_check() -> None:
    """ended_utc_s is the time of the last item's event; a failure adds no dead minutes."""
    play = Play(failing(catalogue(50), lambda f, _: gone(f) if f.key == 50 and f.role == "item" else None)).run()
    last = max(event.t_s for event in play.events if isinstance(event, (e.ItemImported, e.AttemptFailed)))
    assert play.core.state.ended_utc_s == play.utc_s + last
    assert play.now == last


def test_a_page_that_cannot_be_read_fails_the_run_and_resume_tries_it_again() -> None:
    """Items of other pages are imported, the run says which page is missing; the next session reads it."""
    broken = failing(catalogue(300), lambda f, _: gone(f) if (f.role, f.key) == ("list", e.numbered(2)) else None)
    play = Play(broken).run()
    assert play.done is not None
    assert play.done.status == "failed"
    assert "page 2" in play.done.reason
    assert play.core.state.imported == 200
    again = Play(catalogue(300), state=fold(play.events)).run()
    assert again.done is not None
    assert again.done.status == "complete"
    assert [key.number for _, role, key, _ in again.sent if role == "list"] == [2]
    assert again.core.state.imported == 300


def test_an_unreachable_first_page_fails_at_once() -> None:
    """A wrong address is told within one attempt, not after 450 s of retries."""
    nobody = failing(catalogue(1), lambda f, _: (None, Failed("could not connect", sent=False)))
    play = Play(nobody).run()
    assert play.done is not None
    assert (play.done.status, len(play.sent)) == ("failed", 1)


def test_a_stale_connection_is_retried_at_once_and_is_no_failure() -> None:
    """Reset before any answer: the same attempt again at once; a second reset in a row is a failed attempt."""
    resets = iter([True, False])
    once = failing(
        catalogue(1),
        lambda f, _: (None, Failed("connection reset", stale=True)) if f.role == "item" and next(resets) else None,
    )
    play = Play(once).run()
    assert [(attempt, now) for now, role, _, attempt in play.sent if role == "item"] == [(1, 0.05), (1, 0.1)]
    assert not play.of(e.AttemptFailed)
    always = failing(
        catalogue(1), lambda f, _: (None, Failed("connection reset", stale=True)) if f.role == "item" else None
    )
    play = Play(always).run()
    assert play.core.state.failed == 1
    assert len(play.of(e.AttemptFailed)) == 5


def test_resets_with_a_refusal_between_them_are_not_in_a_row() -> None:
    """Reset, refused, reset again: each is sent again as the first attempt, for none of that is the item's fault."""
    answers = iter([None, Notice(429, retry_after_s=1.0, refused=True, certain=True), None, OK])

    def serve(fetch: Fetch, now: float) -> tuple[float, Notice | None, ItemRead | PageRead | Failed]:
        if fetch.role == "list":
            return catalogue(1)(fetch, now)
        said = next(answers)
        return 0.05, said, Failed("connection reset", stale=True) if said is None else ItemRead(10)

    play = Play(serve).run()
    assert play.done is not None
    assert play.done.status == "complete"
    assert [attempt for _, role, _, attempt in play.sent if role == "item"] == [1, 1, 1, 1]
    assert not play.of(e.AttemptFailed)


def test_a_refusal_is_no_attempt_and_pauses_everyone_once() -> None:
    """Ten refusals of one burst make one Held event; after Retry-After one probe goes ahead of the others."""
    limit_from = 0.04
    server = failing(
        catalogue(200),
        lambda f, now: (
            (Notice(429, 5.0, refused=True), Failed("-")) if limit_from < now < 5.05 and f.role == "item" else None
        ),
    )
    play = Play(server).run()
    assert len(play.of(e.Held)) == 1
    assert play.core.state.refused > 1
    after = [now for now, role, _, _ in play.sent if now > 1.0]
    assert after[0] == pytest.approx(play.of(e.Held)[0].until_s)
    assert sum(now == after[0] for now in after) == 1
    assert after[1] == pytest.approx(after[0] + 0.05)
    assert {attempt for _, _, _, attempt in play.sent} == {1}
    assert play.core.state.imported == 200


def test_a_refusal_during_discovery_counts_and_pauses_items_too() -> None:
    """A 429 on a page is a hit like any other, and nothing is sent until its pause is over."""
    server = failing(
        catalogue(300),
        lambda f, now: (
            (Notice(429, 2.0, refused=True), Failed("-"))
            if f.role == "list" and f.page.number == 3 and now < 1
            else None
        ),
    )
    play = Play(server).run()
    assert play.core.state.refused == 1
    held = play.of(e.Held)[0]
    assert not [now for now, *_ in play.sent if held.t_s < now < held.until_s]


def test_a_403_that_never_ends_is_not_retried_for_ever() -> None:
    """Refusals that only look like a limit's end as a failure of the item, and the import completes."""
    server = failing(
        catalogue(3),
        lambda f, _: (Notice(403, 1.0, refused=True), Failed("-")) if f.key == 2 and f.role == "item" else None,
    )
    play = Play(server).run()
    assert play.done is not None
    assert play.done.status == "complete with failures"
    assert play.core.state.failures["item", 2].status == 403
    assert play.core.state.imported == 2
    assert play.core.state.fetches == len(play.sent)


def test_pause_and_resume_leave_the_pause_out_of_the_duration() -> None:
    """Paused from 1 s to 61 s: nothing is sent, what is in flight ends, and the minute does not count."""
    at = [(1.0, lambda core, now: core.pause(now)), (61.0, lambda core, now: core.resume(now))]
    base = Play(catalogue(600), Rules(workers=5)).run()
    play = Play(catalogue(600), Rules(workers=5), at=at).run()
    assert not [now for now, *_ in play.sent if 1.0 < now < 61.0]
    assert play.core.state.duration_s == pytest.approx(base.core.state.duration_s, abs=0.11)


def test_stop_finishes_what_is_in_flight_and_resume_does_the_rest() -> None:
    """Stopped at 1 s: the requests in flight are recorded; the next session fetches only what was not."""
    play = Play(catalogue(400), at=[(1.0, lambda core, now: core.stop(now, "Ctrl-C"))]).run()
    assert play.done is not None
    assert (play.done.status, play.done.reason) == ("stopped", "Ctrl-C")
    assert play.core.in_flight == {}
    assert 0 < play.core.state.imported < 400
    again = Play(catalogue(400), state=fold(play.events)).run()
    assert again.core.state.imported == 400
    assert len(play.sent) + len(again.sent) == 404


def test_workers_can_be_changed_while_it_runs() -> None:
    """From 1 s on only two are in flight; from 3 s on twenty."""
    at = [(1.0, lambda core, now: core.set_workers(2, now)), (3.0, lambda core, now: core.set_workers(20, now))]
    play = Play(catalogue(1000, latency_s=0.1), Rules(workers=10), at=at).run()

    def in_flight(when: float) -> int:
        return sum(now <= when < now + 0.1 for now, *_ in play.sent)

    assert [in_flight(when) for when in (0.55, 2.05, 3.55)] == [10, 2, 20]
    assert play.core.state.workers == 20


def test_limits_can_be_changed_while_it_runs() -> None:
    """From 2 s on the client keeps to 10/1s, counting what it had sent before."""
    at = [(2.0, lambda core, now: core.set_limits(parse_tiers("10/1s"), now))]
    play = Play(catalogue(300), pacer=windowed("50/1s"), at=at).run()
    late = [now for now, *_ in play.sent if now >= 2.0]
    assert max(sum(start <= now < start + 1.0 for now in late) for start in late) == 10


def test_max_items_reads_no_more_pages_than_it_needs() -> None:
    """250 of 1,000 items: three pages and 250 items, then complete."""
    play = Play(catalogue(1000), Rules(max_items=250)).run()
    assert play.done is not None
    assert play.done.status == "complete"
    assert sorted(key.number for _, role, key, _ in play.sent if role == "list") == [1, 2, 3]
    assert (play.core.state.imported, play.core.state.total) == (250, 250)


def test_without_detail_the_list_is_all_there_is_to_ask() -> None:
    """--no-detail: ten requests for 1,000 items."""
    play = Play(catalogue(1000), Rules(detail=False)).run()
    assert (len(play.sent), play.core.state.imported) == (10, 1000)


def test_cursor_lists_are_followed_page_by_page() -> None:
    """Each page names the next by a link; the last names none."""
    links = {"1": ((1, 2), "b"), "b": ((3, 4), "c"), "c": ((4, 5), None)}

    def serve(fetch, now):  # type: ignore[no-untyped-def]
        if fetch.role == "item":
            return 0.05, OK, catalogue(1)(fetch, now)[2]
        ids, link = links[str(fetch.page)]
        return 0.05, OK, PageRead(ids, None, None, None if link is None else e.linked(link))

    play = Play(serve).run()
    assert play.done is not None
    assert play.done.status == "complete"
    assert play.core.state.imported == 5
    assert sum(len(page.ids) for page in play.of(e.PageListed)) == 6  # one was listed twice


def test_payloads_on_disk_are_adopted_and_not_fetched_again() -> None:
    """After a crash between payload and event, the item is imported by an event of its own."""
    play = Play(catalogue(20), payloads={3, 17}).run()
    assert sorted(event.item for event in play.of(e.ItemAdopted)) == [3, 17]
    assert not [key for _, role, key, _ in play.sent if role == "item" and key in (3, 17)]
    assert play.core.state.imported == 20


@pytest.mark.parametrize("killed_at", [0.0, 0.05, 0.1, 0.33, 1.7, 2.6])
def test_killed_at_any_moment_the_next_session_fetches_only_what_was_not_recorded(killed_at: float) -> None:
    """The second session asks for no page and no item that the first recorded, and both together have all."""
    play = Play(catalogue(500)).run(until=killed_at)
    recorded = {("item", event.item) for event in play.of(e.ItemImported)}
    recorded |= {("list", event.page) for event in play.of(e.PageListed)}
    again = Play(catalogue(500), state=fold(play.events)).run()
    assert again.done is not None
    assert again.done.status == "complete"
    assert not recorded & {(role, key) for _, role, key, _ in again.sent}
    assert again.core.state.imported == 500


def test_retries_survive_as_wall_clock_times() -> None:
    """An item due in 30 s, resumed 10 s later by the wall, is tried 20 s into the new session."""
    once = failing(catalogue(1), lambda f, _: (Notice(500), Failed("status 500")) if f.role == "item" else None)
    play = Play(once).run(until=1.0)
    again = Play(catalogue(1), state=fold(play.events), utc_s=play.utc_s + 10.0).run()
    assert [(now, attempt) for now, _, _, attempt in again.sent] == [(pytest.approx(20.1), 2)]


def test_a_place_is_held_until_the_body_is_read() -> None:
    """`2:concurrency`: headers free the pacer's slot, but a server counts a request until its answer has gone out."""
    budget = Budget("api", WindowPacer(parse_tiers("2:concurrency"), 5.0))
    core = Core(Rules(workers=9), shared(budget), lambda event: None, 0.0)
    core.start()
    page = core.next(0.0)
    assert isinstance(page, Fetch)
    core.answered(page.id, 0.1, OK)
    core.finished(page.id, 0.1, PageRead((1, 2, 3, 4), 4, 1))
    first, second = core.next(0.2), core.next(0.2)
    assert isinstance(first, Fetch)
    assert isinstance(second, Fetch)
    core.answered(first.id, 0.3, OK)
    assert core.next(0.3) == Wait(None, "settlement", "workers")
    core.finished(first.id, 0.4, ItemRead(1))
    assert isinstance(core.next(0.4), Fetch)
    core.set_limits(parse_tiers("5/s"), 0.5)
    assert isinstance(core.next(0.5), Fetch)
