"""Several runs side by side: settings that differ first, and best only among like."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from harness.record.run_view import RunSettings, RunView, view_of
from harness.record.status import RunStatus
from harness.views.panel.compare import compare
from tests.views.samples import COMPLETE


def words(html: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


def run(name: str, told: dict[str, Any], **figures: Any) -> RunView:
    return view_of(replace(COMPLETE, run=name, **figures), settings=RunSettings(in_force=told))


URL = {"url": "https://api.example.com/orders"}
FAST = run("fast", {**URL, "workers": 20, "timeout": 30.0})
SLOW = run("slow", {**URL, "workers": 10, "timeout": 30.0}, duration_s=50.0, optimality=0.8)


def test_what_differs_comes_first_and_what_does_not_is_left_out() -> None:
    """Settings stand above every figure; a row of figures marks its best by a word."""
    text = words(compare([FAST, SLOW]))
    assert text.startswith("Compared fast slow workers 20 10 status ✓ complete ✓ complete items")
    assert "timeout" not in text
    assert "duration 40.6 s (best) 50.0 s" in text
    assert "of best possible 98.5 % (best) 80.0 %" in text
    assert "same work" not in text


def test_another_amount_of_work_is_never_best() -> None:
    """The run of 200 items took less time than the one of 1,000, and that says nothing."""
    small = run("small", {**URL, "workers": 10}, duration_s=8.0, imported=200, total=200)
    text = words(compare([FAST, small]))
    assert "(best)" not in text
    assert "Best is said only among complete runs of the same work: number of items differs." in text


def test_a_run_that_was_stopped_is_never_best() -> None:
    """Stopped after the same number of items, it has another status."""
    stopped = replace(SLOW.summary, status=RunStatus.STOPPED, duration_s=1.0)
    text = words(compare([FAST, replace(SLOW, summary=stopped)]))
    assert "(best)" not in text
    assert "1 run is not complete" in text


def test_best_is_said_in_each_group_of_like_runs() -> None:
    """Two groups get letters, and each its best."""
    other = [run(f"o{at}", {"url": "https://h/x"}, duration_s=1.0 + at, limits="5/1s") for at in range(2)]
    text = words(compare([FAST, *other, SLOW], left_out=2))
    assert "same work A B B A" in text
    assert "duration 40.6 s (best) 1.0 s (best) 2.0 s 50.0 s" in text
    assert "source orders, api.example.com x, h x, h orders, api.example.com" in text
    assert "limit 500/20s+2000/100s 5/1s 5/1s 500/20s+2000/100s" in text
    assert "2 more runs left out." in text


def test_equal_figures_have_no_best() -> None:
    """Two runs without a failure: neither is better at that."""
    assert "failed 0 0" in words(compare([FAST, SLOW]))


def test_nothing_from_outside_becomes_html() -> None:
    """Names, URLs and settings are text."""
    html = compare([run("<script>", {"url": "<script>x", "tag": ["<script>"]}), run("b", {"url": "x"})])
    assert "<script" not in html
