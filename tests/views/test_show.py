"""One run in full."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from harness.record.events import numbered
from harness.record.run_view import RunView
from harness.record.state import Failure
from harness.record.status import RunStatus
from harness.record.summary import LearnedLimit
from harness.views.screen import Screen
from harness.views.show import show_text
from tests.views.samples import COMPLETE, NOW

SETTINGS = {"url": "http://127.0.0.1:8000/api/items", "workers": "10"}
GAVE_UP = Failure("item", 48211, 5, NOW - 60.0, 503, "status 503", "Service Unavailable", None)
GONE = Failure("item", "a/b", 1, NOW - 86400.0, 404, "gone", "[red]Not[/] \x1b[31mFound", None)
AGAIN = Failure("list", numbered(3), 2, NOW - 30.0, None, "timed out", "no complete answer within 30 s", NOW + 30.0)
FAILED = replace(COMPLETE, status=RunStatus.WITH_FAILURES, failed=2, failures={"gone (404)": 1})


def shown(failures: Sequence[Failure], width: int | None = 80, settings: dict[str, str] = SETTINGS) -> list[str]:
    """The blocks of the text after the summary."""
    text = show_text(RunView(FAILED, failures=tuple(failures)), Screen(width), settings=settings, now_utc_s=NOW)
    return text.split("\n\n")[1:]


def test_settings_waits_and_failures() -> None:
    """After the summary: the settings, each limit's waits, and what failed with reason, tries, status and time."""
    assert shown([GAVE_UP, GONE]) == [
        "Settings\n"
        "  url      http://127.0.0.1:8000/api/items\n"
        "  workers  10",
        "  WAITED FOR  TIMES    TIME   SHARE\n"
        "  500/20s         2  38.2 s  94.1 %",
        "  FAILED  TRIES  STATUS  WHEN             WHY\n"
        "  48211       5     503  18:03:24         status 503: Service Unavailable\n"
        "  a/b         1     404  23 Nov 18:04:24  gone: [red]Not[/] ?[31mFound",
    ]  # fmt: skip


def test_what_is_tried_again_comes_after_what_is_not() -> None:
    """Failed for good first; what waits for a retry says when that is."""
    assert shown([AGAIN, GAVE_UP], 100)[-1] == (
        "  FAILED  TRIES  STATUS  WHEN      AGAIN     WHY\n"
        "  48211       5     503  18:03:24  no        status 503: Service Unavailable\n"
        "  page 3      2       -  18:03:54  18:04:54  timed out: no complete answer within 30 s"
    )


def test_failures_at_40_columns() -> None:
    """Too narrow for a table, each failure is told in words."""
    assert shown([GAVE_UP, AGAIN], 40)[-1] == (
        "  FAILED\n"
        "  48211  status 503: Service\n"
        "    Unavailable; tried 5 times, last 503\n"
        "    at 18:03:24\n"
        "  page 3  timed out: no complete answer\n"
        "    within 30 s; tried 2 times, last at\n"
        "    18:03:54, again at 18:04:54"
    )


def test_the_first_twenty() -> None:
    """Of many failures the first twenty are shown, and how many more there are."""
    lines = shown([replace(GAVE_UP, key=key) for key in range(1023)])[-1].splitlines()
    assert len(lines) == 22
    assert lines[-1] == "  and 1,003 more"


def test_long_keys_and_ids_in_a_pipe() -> None:
    """A cursor of any length is cut to what identifies it, and a UUID is not cut at all."""
    uuid = "9b2b0a4e-6a9e-4c43-8a3b-0e8f9f3f7c11"
    failures = [replace(GAVE_UP, key=uuid), replace(AGAIN, key="x" * 500, retry_at_utc_s=None)]
    text = shown(failures, None)[-1]
    assert f"  {uuid}  " in text
    assert f"  page {'x' * 30}…  " in text


def test_a_good_run_is_short() -> None:
    """Without failures there is no table of them, and no command that would show the same again."""
    text = show_text(RunView(replace(COMPLETE, waits=())), Screen(80), settings={}, now_utc_s=NOW)
    assert "\n\n" not in text
    assert "next" not in text


def test_what_was_learned_stands_with_its_evidence() -> None:
    """Each limit and each header that is no longer trusted, and why."""
    summary = replace(FAILED, learned=(LearnedLimit("500/20s", "window", "refused after 500 accepted"),))
    view = RunView(summary, believed=(("400/20s", "believed for a while"), ("Retry-After", "it said 0")))
    text = show_text(view, Screen(80), settings={}, now_utc_s=NOW)
    assert "400/20s" not in text
    assert "Learned\n  500/20s      refused after 500 accepted\n  Retry-After  it said 0" in text
