"""What the panel shows of a run: every figure that people ask for, in words, and no HTML but its own."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from harness.record.prediction import Prediction
from harness.record.run_view import RunSettings, RunView, view_of
from harness.record.status import RunStatus
from harness.record.summary import Summary
from harness.views.panel.compare import compare
from harness.views.panel.html import PLACES, sections, spoken
from harness.views.panel.run_widget import page, rows_page
from tests.views.panel.run_views import TIMELINE, complete, hostile, under_way
from tests.views.samples import COMPLETE, NOW


def words(html: str) -> str:
    """What is read on the screen."""
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


def shown(now: RunView) -> dict[str, str]:
    return {place: words(html) for place, html in sections(now, NOW).items()}


def with_settings(summary: Summary, **in_force: Any) -> RunView:
    return view_of(summary, settings=RunSettings(in_force=in_force))


def test_a_run_under_way() -> None:
    """Bar, wait, times with the wait that goes on, quality so far, gauges, workers, failures and what is believed."""
    place = shown(under_way())
    assert place["head"] == "nightly-1124 ● running"
    assert place["bar"] == "12,431 of 80,000 items · 15 % 3 failed · ETA 25 Nov 05:20 (in 11 h 16 min)"
    assert place["now"] == "Now waiting 38 s for 100/1m, next 18:05:02 in flight 1 of 3 workers"
    assert place["totals"].startswith(
        "Totals elapsed 2 h 12 min so far active so far 2 h 12 min waiting so far 0 s 0 waits"
    )
    assert "of best possible 99.9 % so far; best possible 13 h 27 min refused no 429s" in place["quality"]
    assert "reference efficiency" not in place["quality"]  # `show` and reports give it
    assert place["limits"] == (
        "Limits 100/1m declared 0 left of 100 · opens in 38 s 10000/1d learned 7,500 left of 10,000"
    )
    assert place["workers"] == "Workers item 48211, attempt 2 210 ms waits for 100/1m waits for 100/1m"
    assert place["failures"].startswith("Failures what why again which 3 × 404 gone: Not Found failed for good 12431")
    assert place["learned"].endswith("10000/1d 429 after 10,000 accepted &lt;b&gt;")


def test_who_shares_the_limits_is_named() -> None:
    """While they do."""
    view = under_way()
    assert view.live is not None
    live = replace(view.live, others=("hourly", "orders", "a <check>"))
    assert shown(replace(view, live=live))["now"].endswith(
        "in flight 1 of 3 workers limits shared with hourly, orders and a &lt;check&gt;"
    )


def test_a_used_up_quota_is_told_of_as_on_a_terminal() -> None:
    """In the same words, on the board and to a screen reader."""
    view = under_way()
    assert view.live is not None
    live = replace(view.live, tier="1000/1d", quota_until_utc_s=NOW + 25_920.0)
    said = "the limit 1000/1d is used up: goes on at 01:16 tomorrow (in 7 h 12 min); 67,566 items are left"
    assert shown(replace(view, live=live))["now"] == f"Now {said} in flight 1 of 3 workers"
    assert said in spoken(replace(view, live=live))


def test_a_run_that_is_over() -> None:
    """Only what is still true: its figures, how close it came, what the server counted; no workers, no gauges."""
    place = shown(complete())
    assert place["head"] == "20261123-155204 ✓ complete"
    assert place["bar"] == "1,000 of 1,000 items · 100 % took 40.6 s"
    assert place["now"] == place["workers"] == place["failures"] == ""
    assert "of best possible 98.5 % best possible 40.0 s" in place["quality"]
    assert "server agrees 1,010 admitted, 0 refused" in place["quality"]
    assert "reference efficiency" not in place["quality"]
    resumed = replace(complete(), summary=replace(complete().summary, sessions=2))
    assert "1,010 admitted, 0 refused, of the last session" in shown(resumed)["quality"]
    assert place["limits"] == "Limits 500/20s+2000/100s declared"


def test_a_list_that_does_not_say_how_many() -> None:
    """No bar that would promise an end, but the numbers."""
    now = under_way()
    place = sections(replace(now, summary=replace(now.summary, total=None, listed=12434)), NOW)
    assert "progressbar" not in place["bar"]
    assert "12,431 of 12,434+" in words(place["bar"])


def test_where_the_items_come_from() -> None:
    """The last part of the list's path and its host; of a test API what it stands in for; else nothing."""

    def where(simulated: bool = False, **told: Any) -> str:
        now = replace(under_way(), settings=RunSettings(in_force=told, simulated=simulated))
        return shown(now)["head"].removeprefix("nightly-1124 ● running").strip()

    assert where(url="https://user:secret@api.example.com/v2/orders/?a=1") == "orders, api.example.com"
    assert where(url=None, scenario="laravel") == "laravel, test API"
    assert where(preset="stripe", workers=3) == "stripe, test API"
    assert where(simulated=True, workers=3) == "test API, simulated"
    assert where() == ""


def test_how_a_run_ended_is_said() -> None:
    """The reason of one that failed, and what was accepted."""
    ended = complete()
    summary = replace(ended.summary, status=RunStatus.FAILED, reason="everything fails <b>", forgotten=2)
    assert shown(replace(ended, summary=summary))["now"] == (
        "Outcome everything fails &lt;b&gt; forgotten 2 failures that were accepted"
    )


def test_a_prediction_stands_beside_what_happened() -> None:
    """While it goes on, once it is judged, and where nothing could be said; where there is none, nothing is."""
    assert "predicted" not in shown(under_way())["totals"]
    made = Prediction(session=1, made_s=0.5, least_s=3000.0, likely_s=3500.0, most_s=4200.0, basis="size known")

    def totals(prediction: Prediction) -> str:
        now = under_way()
        return shown(replace(now, summary=replace(now.summary, predictions=(prediction,))))["totals"]

    assert totals(made).endswith("predicted 50 min 00 s to 1 h 10 min (90 %)")
    inside = replace(made, took_s=3600.0, inside=True)
    assert totals(inside).endswith("predicted 50 min 00 s to 1 h 10 min took 1 h 00 min")
    assert totals(replace(made, took_s=60.0, inside=False)).endswith("1 h 10 min took 1 min 00 s, outside")
    assert totals(replace(inside, session=2, occasion="limits set", aside="paused by hand")).endswith(
        "predicted session 2: 50 min 00 s to 1 h 10 min, after limits set took 1 h 00 min; not judged: paused by hand"
    )
    assert totals(replace(made, least_s=None, basis="<no size>")).endswith("predicted - &lt;no size&gt;")


def test_the_bar_and_gauges_tell_their_numbers_without_being_seen() -> None:
    """Roles, ranges and values for screen readers; a badge has glyph and word."""
    place = sections(under_way(), NOW)
    assert 'role="progressbar" aria-valuemin="0" aria-valuemax="80000" aria-valuenow="12431"' in place["bar"]
    assert 'aria-label="100/1m: left" aria-valuemin="0" aria-valuemax="100" aria-valuenow="0"' in place["limits"]
    assert spoken(under_way()) == (
        "nightly-1124: running, 12,431 of 80,000 items, waiting 38 s for 100/1m, next 18:05:02, no 429s."
    )
    assert spoken(complete()) == "20261123-155204: complete, 1,000 of 1,000 items, 0 failed, 40.6 s."


@pytest.mark.parametrize("now", [hostile(), replace(hostile(), live=None)], ids=["under way", "without a writer"])
def test_nothing_from_outside_becomes_html(now: RunView) -> None:
    """Names, limits, reasons and evidence are text wherever they stand."""
    html = page(
        replace(
            now, timeline=replace(TIMELINE, waits=((0.0, 4.0, "<script>"),), changes=((1.0, "<script>", "<script>"),))
        ),
        NOW,
    )
    assert "<script" not in html
    assert "&lt;script&gt;" in html
    assert "<script" not in compare([with_settings(now.summary, url="<script>"), with_settings(COMPLETE, url="x")])


def test_a_page_is_all_places_with_their_style() -> None:
    """What a notebook shows without a browser: every place that has something, the chart among them."""
    html = page(replace(under_way(), timeline=TIMELINE), NOW)
    assert html.startswith("<style>")
    assert all(f"hx-at-{place}" in html for place in PLACES)
    assert "<svg" in html
    assert rows_page([]).endswith("no runs yet</p></div>")
