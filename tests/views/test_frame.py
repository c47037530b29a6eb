"""The lines of a running import."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.record import events as e
from harness.record.fold import fold
from harness.record.live import Live, elapsed_s
from harness.record.state import State
from harness.views.frame import bar, frame, sentence
from tests.views.samples import MINUTE, NOW, running, seen, started

WAITING = Live(
    t_s=7920.0,
    now_utc_s=NOW,
    workers=1,
    in_flight=0,
    doing="limit",
    until_utc_s=NOW + 38.0,
    tier="100/1m",
    tiers=MINUTE,
    eta_s=40560.0,
    best_s=48420.0,
)
RETRYING = replace(WAITING, retrying=1, next_retry_utc_s=NOW + 41.0, last_retry_utc_s=NOW + 41.0)


def lines(state: State, live: Live, width: int, run: str = "nightly-1124") -> str:
    return "\n".join(line.plain for line in frame(seen(state, live, run), width))


def test_three_lines_at_80_columns() -> None:
    """Name, limits and best possible; how far and until when; what it does now and what went wrong so far."""
    assert lines(running(), replace(WAITING, eta_s=18000.0), 79) == (
        "nightly-1124  limits 100/1m declared  best possible 13 h 27 min\n"
        "12,431/80,000  15 %  ━╸─────────  2 h 12 min elapsed, ETA 23:04 (in 5 h 00 min)\n"
        "waiting 38 s for 100/1m, next 18:05:02 | in flight 0 | 429s 0 | failed 3"
    )


def test_an_eta_of_another_day_takes_a_line_of_its_own_at_80_columns() -> None:
    """What has passed keeps its name, and the bar its length."""
    assert lines(running(), WAITING, 79).splitlines()[1:3] == [
        "12,431/80,000  15 %  ━━━─────────────────",
        "2 h 12 min elapsed, ETA 25 Nov 05:20 (in 11 h 16 min)",
    ]


def test_all_of_it_on_a_wide_terminal() -> None:
    """With room for it, everything stands beside what it does now, and the bar is as long as it gets."""
    assert lines(running(), RETRYING, 120).splitlines()[1:] == [
        "12,431/80,000  15 %  ━━━────────────────  2 h 12 min elapsed, ETA 25 Nov 05:20 (in 11 h 16 min)".replace(
            "━──", "━───"
        ),
        "waiting 38 s for 100/1m, next 18:05:02 | in flight 0 | 429s 0 | failed 3 | retrying 1 (in 41 s)",
    ]


def test_nothing_is_lost_at_40_columns() -> None:
    """A narrow terminal gets more lines, not fewer facts."""
    assert lines(running(), RETRYING, 39) == (
        "nightly-1124  limits 100/1m declared\n"
        "best possible 13 h 27 min\n"
        "12,431/80,000  15 %  ━━╸───────────────\n"
        "2 h 12 min elapsed\n"
        "ETA 25 Nov 05:20 (in 11 h 16 min)\n"
        "waiting 38 s for 100/1m, next 18:05:02\n"
        "in flight 0 | 429s 0 | failed 3\n"
        "retrying 1 (in 41 s)"
    )


@pytest.mark.parametrize(
    ("doing", "changes", "words"),
    [
        ("working", {}, "importing"),
        ("limit", {"until_utc_s": NOW + 0.2, "tier": "5/1s"}, "waiting 1 s for 5/1s, next 18:04:24"),
        ("limit", {"tier": "5/1s"}, "waiting for 5/1s"),
        ("in flight", {"tier": "5/1s"}, "waiting for answers (5/1s is full)"),
        ("in flight", {}, "waiting for answers"),
        (
            "refused",
            {"until_utc_s": NOW + 12.0},
            "paused 12 s: the server refused, all workers wait for one probe",
        ),
        ("refused", {}, "paused: the server refused, all workers wait for one probe"),
        ("probe", {}, "probing: all workers wait for the answer to one request"),
        ("hold", {"until_utc_s": NOW + 90.0}, "all workers pause for 1 min 30 s, until 18:05:54"),
        (
            "retry",
            {"until_utc_s": NOW + 60.0, "retrying": 1, "last_retry_utc_s": NOW + 60.0},
            "12,431 done, last retry at 18:05:24",
        ),
        ("paused", {}, "paused by hand; no new requests are sent"),
        ("stopping", {"in_flight": 3}, "stopping after the requests in flight (Ctrl-C again: at once)"),
        ("something {new}", {}, "something {new}"),
        ("something {new}", {"until_utc_s": NOW + 1.0}, "something {new}"),
    ],
)
def test_what_it_does_now(doing: str, changes: dict[str, object], words: str) -> None:
    """Each thing an import does is said in a sentence that names what it waits for, and until when."""
    live = Live(7920.0, NOW, 1, 0, doing)
    assert sentence(seen(running()).summary, replace(live, **changes))[0] == words  # type: ignore[arg-type]


def test_the_list_comes_first() -> None:
    """Until the first item came, what it does is reading the list."""
    state = fold([started(NOW, 10, "")])
    live = Live(0.1, NOW, 10, 1, "in flight")
    assert lines(state, live, 79) == (
        "nightly-1124  no limits known\n"
        "0 items, 0 s elapsed, ETA not known yet\n"
        "reading the list | in flight 1 | 429s 0 | failed 0"
    )
    fold([e.PageListed(0.2, e.linked("a"), 1, 0.1, 0.2, 200, (1, 2), None, None, e.linked("b"))], state)
    assert sentence(seen(state).summary, live)[0] == "reading the list, 2 found"
    fold([e.ItemImported(0.3, 1, 1, 0.2, 0.3, 200, 9)], state)
    assert lines(state, live, 79).splitlines()[1:] == [
        "1/2+ items, 0 s elapsed, ETA not known yet",
        "waiting for answers | in flight 1 | 429s 0 | failed 0",
    ]


def test_counts_keep_their_place() -> None:
    """The numbers are as wide at the first item as at the last, so that the bar stands still."""
    starts = [
        lines(running(done, 1000, 0), replace(WAITING, eta_s=60.0), 79).splitlines()[1].index(glyph)
        for done, glyph in ((9, "─"), (99, "╸"), (999, "━"))
    ]
    assert starts == [starts[0]] * 3


def test_a_bar_is_long_enough_to_read() -> None:
    """At every width it has ten to twenty columns, if need be on a line without the times."""
    state = running()
    for width in range(32, 121):
        drawn = [sum(line.plain.count(glyph) for glyph in "━╸─") for line in frame(seen(state, WAITING), width)]
        assert 10 <= max(drawn) <= 20


def test_a_paused_import_has_no_eta() -> None:
    """Paused by a person, it may end whenever they like; no time is promised, and none is counted."""
    state = fold([e.Paused(7000.0)], running())
    live = Live(7920.0, NOW, 1, 0, "paused", best_s=48420.0)
    assert lines(state, live, 79).splitlines()[1:] == [
        "12,431/80,000  15 %  ━━━─────────────────  1 h 57 min elapsed",
        "paused by hand; no new requests are sent | in flight 0 | 429s 0 | failed 3",
    ]
    assert elapsed_s(fold([e.Resumed(7900.0)], state), 7920.0) == 7020.0


def test_an_ended_run_says_how() -> None:
    """The last frame names the status instead of a wait, no ETA, and the duration that the summary will have."""
    state = fold([e.SessionEnded(7920.0, "complete with failures", "")], running(10, 11, 1))
    live = Live(7920.0, NOW, 1, 0, "working")
    assert lines(state, live, 79).splitlines()[1:] == [
        "10/11  90 %  ━━━━━━━━━━━━━━━━━━──  duration 1.0 s",
        "complete with failures | in flight 0 | 429s 0 | failed 1",
    ]


@pytest.mark.parametrize(
    ("done", "total", "drawn"),
    [(0, 10, "─────"), (1, 10, "╸────"), (9, 10, "━━━━╸"), (10, 10, "━━━━━"), (999, 1000, "━━━━╸"), (0, 0, "━━━━━")],
)
def test_the_bar_is_full_only_at_the_end(done: int, total: int, drawn: str) -> None:
    """Half columns, rounded down: a full bar means that all of it is done."""
    assert bar(done, total, 5).plain == drawn


def test_trouble_is_coloured_and_calm_is_not() -> None:
    """Colour points at 429s and failures only where there are some; the words are the same without it."""
    calm = frame(seen(running(5, 10, 0), WAITING), 79)[-1]
    refused = fold([e.Refused(2.0, "item", 6, 1, 1.5, 2.0, 429, 1.0)], running(5, 10, 1))
    trouble = frame(seen(refused, WAITING), 79)[-1]
    assert [span.style for span in calm.spans if span.style == "red"] == []
    assert [trouble.plain[span.start : span.end] for span in trouble.spans if span.style == "red"] == [
        "429s 1",
        "failed 1",
    ]


QUOTA = replace(WAITING, tier="1000/1d", until_utc_s=NOW + 25_920.0, quota_until_utc_s=NOW + 25_920.0)


def test_a_quota_that_is_used_up() -> None:
    """When it goes on, by the clock and by the hour, which limit that is, and what is left to do."""
    assert lines(running(), QUOTA, 119).splitlines()[-2:] == [
        "the limit 1000/1d is used up: goes on at 01:16 tomorrow (in 7 h 12 min); 67,566 items are left",
        "in flight 0 | 429s 0 | failed 3",
    ]
    refused = replace(QUOTA, doing="refused", tier=None, quota_until_utc_s=NOW + 3600.0)
    words, style = sentence(seen(running(1, 2, 0), refused).summary, refused)
    assert words == "a limit of the server is used up: goes on at 19:04 (in 1 h 00 min); 1 item is left"
    assert style == "red"


def test_a_quota_that_is_used_up_before_the_list_has_said_how_much_there_is() -> None:
    """Then of what it has named so far; a run that has ended waits for nothing."""
    page = e.PageListed(0.1, e.FIRST_PAGE, 1, 0.0, 0.1, 200, tuple(range(40)), None, None, None)
    state = fold([started(NOW - 7920.0, 1, "1000/1d"), page])
    late = replace(QUOTA, quota_until_utc_s=NOW + 3 * 86_400.0)
    said = (
        "the limit 1000/1d is used up: goes on at 27 Nov 18:04 (in 3 d 00 h); 40 items of those listed so far are left"
    )
    assert sentence(seen(state, late).summary, late)[0] == said
    ended = fold([e.SessionEnded(7933.0, "stopped", "")], running())
    assert sentence(seen(ended, QUOTA).summary, QUOTA)[0] == "stopped"
