"""What is said at the end of a run."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.record.optimality import CUT_SHORT, NO_LIMIT
from harness.record.status import RunStatus
from harness.record.summary import Ledger, LostTo, Summary, Waiting
from harness.views.screen import LOOKS, Screen
from harness.views.summary import NEXT, summary_lines, summary_text
from tests.views.samples import COMPLETE

PROGRAM = ".venv/bin/python -m harness"
ITEMS = "results/20261123-155204/items.parquet"
FAILURES = replace(
    COMPLETE,
    status=RunStatus.WITH_FAILURES,
    imported=997,
    failed=3,
    failures={"gone (404)": 2, "gave up after 5 (503)": 1},
)


def said(summary: Summary, width: int | None = 80, **options: str) -> str:
    return summary_text(summary, Screen(width), program=PROGRAM, **options)


def row(text: str, label: str) -> str:
    """The row of that label, with the lines that hang under it."""
    lines = text.splitlines()
    at = next(at for at, line in enumerate(lines) if line.startswith(f"  {label} "))
    end = next((n for n in range(at + 1, len(lines)) if not lines[n].startswith(" " * 13)), len(lines))
    return "\n".join(lines[at:end])


def test_complete() -> None:
    """All that a person asks after an import, in the order in which they ask."""
    assert said(COMPLETE, items=ITEMS) == (
        "✓ complete  1,000 of 1,000 items, 0 failed   run 20261123-155204\n"
        "  duration   40.6 s   best possible 40.0 s → 98.5 % of best\n"
        "  requests   1,010   10 pages + 1,000 items; no 429s\n"
        "  waiting    38.2 s   2 waits, both for 500/20s; active 2.4 s\n"
        "  latency    p50 52 ms  p95 61 ms  max 88 ms\n"
        "  server     agrees: 1,010 admitted, 0 refused\n"
        "  items      results/20261123-155204/items.parquet\n"
        "  next       .venv/bin/python -m harness show 20261123-155204"
    )


def test_complete_at_40_columns() -> None:
    """A narrow terminal wraps between words and keeps numbers with their units; what is to be copied stays whole."""
    assert said(COMPLETE, 40, items=ITEMS) == (
        "✓ complete  1,000 of 1,000 items, 0\n"
        "  failed\n"
        "  run 20261123-155204\n"
        "  duration   40.6 s   best possible\n"
        "             40.0 s → 98.5 % of best\n"
        "  requests   1,010   10 pages + 1,000\n"
        "             items; no 429s\n"
        "  waiting    38.2 s   2 waits, both for\n"
        "             500/20s; active 2.4 s\n"
        "  latency    p50 52 ms  p95 61 ms  max\n"
        "             88 ms\n"
        "  server     agrees: 1,010 admitted, 0\n"
        "             refused\n"
        "  items      results/20261123-155204/items.parquet\n"
        "  next       .venv/bin/python -m harness show 20261123-155204"
    )


def test_complete_with_failures() -> None:
    """Why items failed is in the first line; the commands for them are in the last."""
    text = said(FAILURES, None)
    assert text.splitlines()[0] == (
        "! complete with failures  997 of 1,000 items; 2 gone (404), 1 gave up after 5 (503)   run 20261123-155204"
    )
    assert row(text, "next") == (
        "  next       .venv/bin/python -m harness failed list 20261123-155204\n"
        "             .venv/bin/python -m harness failed retry 20261123-155204"
    )


@pytest.mark.parametrize(
    ("status", "reason", "first", "why"),
    [
        ("stopped", "Ctrl-C", "■ stopped  412 of 1,000 items, 0 failed   run 20261123-155204", "Ctrl-C"),
        (
            "interrupted",
            "",
            "✗ interrupted  412 of 1,000 items, 0 failed   run 20261123-155204",
            "its process is gone; what was recorded is safe",
        ),
        (
            "failed",
            "page 7 could not be read",
            "✗ failed  412 of 1,000 items, 0 failed   run 20261123-155204",
            "page 7 could not be read",
        ),
    ],
)
def test_ended_early(status: str, reason: str, first: str, why: str) -> None:
    """A run that ended early says why, what is left, and how to go on."""
    early = replace(COMPLETE, status=RunStatus(status), reason=reason, imported=412, pending=580, waiting_items=8)
    text = said(early)
    assert text.splitlines()[:3] == [
        first,
        f"  why        {why}",
        "  to do      588 items listed but not imported, 8 of them to be retried",
    ]
    assert row(text, "next") == "  next       .venv/bin/python -m harness resume 20261123-155204"


def test_commands_are_the_callers_to_choose() -> None:
    """Other commands, or none, may stand where the usual ones do; every status has usual ones."""
    assert "next" not in summary_text(COMPLETE, Screen(80), commands=())
    assert summary_text(COMPLETE, Screen(80), commands=["audit {run}"]).endswith(
        "python -m harness audit 20261123-155204"
    )
    assert NEXT.keys() == LOOKS.keys()


def test_the_server_disagrees_loudly() -> None:
    """Where the server counted otherwise, both counts are shown, in red."""
    wrong = replace(COMPLETE, server=Ledger(1012, 3, False), hits=2, refused=2, lost=1)
    assert row(said(wrong), "server") == (
        "  server     DISAGREES: it admitted 1,012 and refused 3; the client counted\n"
        "             1,008 (1 of them without an answer) and 2"
    )
    assert "\x1b[1;31mDISAGREES" in summary_text(wrong, Screen(None, color=True))


def test_what_the_server_says_of_faults_and_of_several_sessions() -> None:
    """A fault that is answered as a refusal is no refusal by a limit; the server knows its own session alone."""
    faulty = replace(COMPLETE, refused=7, refusals={"503": 7}, server=Ledger(1017, 0, True, faults=7))
    assert row(said(faulty, None), "requests").endswith("10 pages + 1,000 items; no 429s, 503: 7")
    assert row(said(faulty, None), "server") == (
        "  server     agrees: 1,017 admitted (7 of them answered with a fault that looks like a refusal), 0 refused"
    )
    both = replace(COMPLETE, hits=6, refused=9, refusals={"403": 1, "429": 6, "503": 2})
    assert row(said(both, None), "requests").endswith("429: 6, 403: 1, 503: 2")
    resumed = replace(COMPLETE, sessions=2, server=Ledger(21, 0, True))
    assert row(said(resumed, None), "server") == "  server     agrees on the last session: 21 admitted, 0 refused"
    wrong = row(said(replace(resumed, server=Ledger(21, 4, False)), None), "server")
    assert wrong.endswith("DISAGREES on the last session: it admitted 21 and refused 4; the client's own count differs")


def test_where_the_rest_went() -> None:
    """Under 97 % of best possible the summary names what the time was lost to, the largest first."""
    lost = LostTo(workers_s=3.2, refusals_s=0.01, retries_s=400.0, other_s=8.0)
    slow = replace(COMPLETE, optimality=0.0887, duration_s=451.2, lost_to=lost, workers=2)
    assert row(said(slow, None), "lost to") == (
        "  lost to    6 min 40 s retries; 8.0 s latency and over-long waits; 3.2 s too few workers (2; 3 suffice)"
    )
    assert "lost to" not in said(replace(slow, optimality=0.971))
    shared = said(replace(slow, shared_with=("hourly", "orders")), None)
    assert "8.0 s other runs, latency and over-long waits" in row(shared, "lost to")
    assert row(shared, "shared") == "  shared     the limits with hourly and orders, which used them at the same time"
    assert "suffice" not in said(replace(slow, workers=3))


def test_a_bound_that_is_not_exact_says_so() -> None:
    """Where the bound may not be reachable, what greedy sending takes stands beside it."""
    text = said(replace(COMPLETE, bound_exact=False, greedy_s=40.4))
    assert row(text, "duration") == "  duration   40.6 s   best possible at least 40.0 s → 98.5 % of best"
    assert row(text, "greedy") == "  greedy     sending as early as the limits allow takes 40.4 s"


def test_without_limits_there_is_no_best() -> None:
    """Without limits nothing is claimed about the best possible, and that is said."""
    none = {"bound_s": None, "optimality": None, "lost_to": None, "unmeasured": NO_LIMIT}
    text = said(replace(COMPLETE, **none, limits="", sessions=2))  # type: ignore[arg-type]
    assert row(text, "duration") == "  duration   40.6 s in 2 sessions"
    assert row(text, "of best") == "  of best    left out: no limit is known"


def test_learned_limits_are_an_estimate_and_never_best_possible() -> None:
    """C12: the share is of the learned limits, in the line of the duration."""
    text = said(replace(COMPLETE, optimality=None, of_learned=0.932, limits_source="learned"), None)
    line = "  duration   40.6 s   the learned limits take 40.0 s → 93.2 % of the learned limits"
    assert row(text, "duration") == line
    assert "best possible" not in text


def test_why_nothing_is_said_of_the_best() -> None:
    """E, B9: of a complete run the reason stands below the duration; that the limit is wrong is said of any run."""
    text = said(replace(COMPLETE, optimality=None, unmeasured=CUT_SHORT), None)
    assert row(text, "duration") == "  duration   40.6 s"
    assert row(text, "of best") == f"  of best    left out: {CUT_SHORT}"
    sentence = "the server refused 7 requests within your --limit 500/20s; the real limit is probably about 80/6s"
    wrong = replace(COMPLETE, optimality=None, unmeasured=sentence, refused_within=sentence)
    assert row(said(wrong, None), "limits") == f"  limits     {sentence}"
    assert "of best" not in said(wrong, None)
    assert "limits  " in said(replace(wrong, status=RunStatus.STOPPED), None)


@pytest.mark.parametrize(
    ("waits", "sleeps", "words"),
    [
        ((), 0, "38.2 s   no waits; active 2.4 s"),
        ((Waiting("500/20s", 19.0, 1),), 1, "38.2 s   1 wait for 500/20s; active 2.4 s"),
        ((Waiting("500/20s", 190.0, 10),), 10, "38.2 s   10 waits, all for 500/20s; active 2.4 s"),
        ((Waiting("5/1s", 9.0, 0),), 0, "38.2 s   short waits for 5/1s; active 2.4 s"),
        (
            (Waiting("500/20s", 19.0, 1), Waiting("refused", 12.0, 1), Waiting("probe", 0.01, 0)),
            2,
            "38.2 s   2 waits: 19.0 s for 500/20s, 12.0 s for refusals; active 2.4 s",
        ),
        (
            (Waiting("2000/100s", 1.0, 0), Waiting("500/20s", 19.0, 1), Waiting("refused", 12.0, 1)),
            2,
            "38.2 s   2 waits: 19.0 s for 500/20s, 12.0 s for refusals; plus "
            "1.0 s of short waits for 2000/100s; active 2.4 s",
        ),
    ],
)
def test_waits(waits: tuple[Waiting, ...], sleeps: int, words: str) -> None:
    """Waits are counted and attributed; what is too short to matter is not mentioned."""
    assert row(said(replace(COMPLETE, waits=waits, sleeps=sleeps), None), "waiting") == f"  waiting    {words}"


@pytest.mark.parametrize(("value", "words"), [(0.9, "90 % fair"), (0.494, "49 % poor"), (0.9996, "99 % excellent")])
def test_reference_efficiency(value: float, words: str) -> None:
    """The reference system's figure comes with its band, and with the warning that it is no measure of speed."""
    measured, screen = replace(COMPLETE, reference_efficiency=value), Screen(80)
    text = screen.render(*summary_lines(measured, screen, program=PROGRAM, items=None, full=True))
    assert f"  reference efficiency  {words} (not a measure of speed)" in text.splitlines()
    assert "reference efficiency" not in said(measured)


def test_a_run_that_never_began() -> None:
    """A run without a single answer has a summary without figures that it does not have."""
    nothing = replace(
        COMPLETE, status=RunStatus.FAILED, reason="the list could not be read", total=None, imported=0, requests_page=1,
        requests_item=0, duration_s=0.0, active_s=0.0, waiting_s=0.0, waits=(), sleeps=0, bound_s=None,
        optimality=None, lost_to=None, latency_p50_s=None, latency_p95_s=None, latency_max_s=None,
        reference_efficiency=None, server=None,
    )  # fmt: skip
    assert said(nothing) == (
        "✗ failed  0 items, 0 failed   run 20261123-155204\n"
        "  why        the list could not be read\n"
        "  duration   0 s\n"
        "  requests   1   1 page + 0 items; no 429s\n"
        "  waiting    none; active 0 s\n"
        "  next       .venv/bin/python -m harness resume 20261123-155204"
    )


def test_ascii() -> None:
    """Without glyphs it says the same."""
    text = summary_text(COMPLETE, Screen(80, unicode=False))
    assert text.splitlines()[:2] == [
        "+ complete  1,000 of 1,000 items, 0 failed   run 20261123-155204",
        "  duration   40.6 s   best possible 40.0 s > 98.5 % of best",
    ]
    assert text.isascii()
