"""Where a run's items came from, in words; and which runs did the same work."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from harness.record.run_view import RunSettings, RunView, view_of
from harness.record.status import RunStatus
from harness.views.source import alike, source_text, source_url, why_not_alike
from tests.views.samples import COMPLETE

URL = "https://api.example.com/v2/orders"


def told(simulated: bool = False, **settings: Any) -> RunSettings:
    return RunSettings(in_force=settings, simulated=simulated)


def run(name: str = "r", status: RunStatus = RunStatus.COMPLETE, limits: str = "5/1s", **settings: Any) -> RunView:
    figures = {"imported": settings.pop("imported", 1000), "total": settings.pop("total", 1000)}
    return view_of(replace(COMPLETE, run=name, status=status, limits=limits, **figures), settings=told(**settings))


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        (told(url=URL), "orders, api.example.com"),
        (told(url="https://api.example.com"), "api.example.com"),
        (told(url="https://api.example.com/v2/"), "api.example.com"),
        (told(url="http://h:8000/orders/{page}?size={per_page}"), "orders, h"),
        (told(url="https://[broken"), "https://[broken"),
        (told(declaration={"resource": {"url": URL}}), "orders, api.example.com"),
        (told(declaration={"resource": 3}), "test API"),
        (
            told(preset="stripe", declaration={"resource": {"url": "https://h/v1/charges"}}),
            "stripe, test API",
        ),
        (told(scenario="laravel"), "laravel, test API"),
        (told(simulated=True), "test API, simulated"),
        (told(), "test API"),
        (told(url=f"https://h/{'x' * 80}"), "x" * 59 + "…"),
        (told(url="https://h/a\x1b[2J"), "a?[2J, h"),
    ],
)
def test_a_source_in_a_few_words(settings: RunSettings, text: str) -> None:
    """The last part of the URL that names something, and the host; the test API by what it is told to be."""
    assert source_text(settings) == text


def test_the_url_is_searched_in_full() -> None:
    """As it was given, or as the settings file declares it; the test API has none of its own."""
    assert source_url(told(url=URL)) == URL
    assert source_url(told(declaration={"resource": {"url": URL}})) == URL
    assert source_url(told()) == ""


def test_only_like_runs_are_alike() -> None:
    """Same source, same limits, same number of items, and complete; workers and pacing are what one compares."""
    same = [run("a", url=URL, workers=3), run("b", url=URL, workers=50, pacing="window")]
    assert alike(same) == [[0, 1]]
    assert why_not_alike(same) == ""
    for other in (
        run(url=URL + "x"),
        run(url=URL, param={"status": "open"}),
        run(url=URL, limits="6/1s"),
        run(url=URL, imported=999),
        run(url=URL, total=1001),
        run(url=URL, status=RunStatus.STOPPED),
    ):
        assert alike([same[0], other]) == []
        assert why_not_alike([same[0], other])
    assert alike([run(latency="80ms"), run(latency="50ms")]) == []
    assert alike([run(url=URL, latency="80ms"), run(url=URL, latency="50ms")]) == [[0, 1]]  # of the test API alone


def test_why_nothing_is_called_best_says_what_differs() -> None:
    """In one sentence, for the source, the limits, the number of items, and runs that are not complete."""
    begin = "Best is said only among complete runs of the same work: "
    assert why_not_alike([run(url=URL), run(limits="6/1s")]) == f"{begin}source and limits differ."
    assert why_not_alike([run(), run(imported=3)]) == f"{begin}number of items differs."
    assert why_not_alike([run(), run(status=RunStatus.STOPPED)]) == f"{begin}1 run is not complete."
    two = [run(status=RunStatus.STOPPED), run(status=RunStatus.FAILED)]
    assert why_not_alike(two) == f"{begin}2 runs are not complete."
    assert alike(two) == []
    groups = [run(), run(url=URL), run(), run(status=RunStatus.STOPPED), run(url=URL)]
    assert alike(groups) == [[0, 2], [1, 4]]
