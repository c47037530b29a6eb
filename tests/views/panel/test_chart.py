"""The chart: what is drawn of a timeline, where, and what is said of it for those who cannot see it."""

from __future__ import annotations

import re
from dataclasses import replace

from harness.record.timeline import TimelineBins
from harness.views.panel.chart import chart, colours, described

SENT, OF_429, OF_503 = (40, 60, 0, 10), (0, 10, 0, 0), (0, 5, 0, 1)
TIMELINE = TimelineBins(
    *(5.0, 20.0, SENT, (0, 15, 0, 1), ((2.0, 3.0, "100/1m"), (4.0, 4.5, "paused"))),
    sessions=(10.0,),
    by_status=((429, OF_429), (503, OF_503)),
    changes=((4.0, "workers", "13"), (4.1, "limits", "")),
)


def heights(html: str, kind: str) -> list[tuple[int, float, float]]:
    """(bin, foot, height) of the bars of one kind, as shares of 100."""
    path = re.search(rf'class="hx-is-{kind}" d="([^"]*)"', html)
    assert path is not None, kind
    return [
        (int(at), round(100 - float(foot), 1), float(high))
        for at, foot, high in re.findall(r"M(\d+) ([\d.]+)v-([\d.]+)h1v[\d.]+z", path[1])
    ]


def test_bars_stand_on_one_another_and_their_height_is_a_rate() -> None:
    """429s below, other refusals on them, then what got through; the axis ends at a round number above the most."""
    html = chart(TIMELINE)
    assert re.findall(r'class="hx-y" style="bottom:[\d.]+%">([\d.]+)<', html) == ["0", "5", "10", "15"]
    assert heights(html, "refused") == [(1, 0.0, 13.3)]  # 10 in 5 s are 2 of 15
    assert [high for _, _, high in heights(html, "refused-other")] == [6.7, 1.3]
    assert heights(html, "sent") == [(0, 0.0, 53.3), (1, 20.0, 60.0), (3, 1.3, 12.0)]


def test_waits_pauses_and_changes_lie_where_they_happened() -> None:
    """At their share of the axis, whatever the width; the words of two changes at once stand together."""
    html = chart(TIMELINE)
    assert re.findall(r'class="(hx-wait|hx-paused)" style="left:([\d.]+)%;width:max\(1px,([\d.]+)%', html) == [
        ("hx-wait", "10.00", "5.00"),
        ("hx-paused", "20.00", "2.50"),
    ]
    marks = re.findall(r'class="hx-mark[^"]*" style="left:([\d.]+)%;width:([\d.]+)%">.*?<span>([^<]*)<', html)
    assert marks == [("20.00", "30.00", "13 workers, no limit"), ("50.00", "50.00", "resumed")]
    late = chart(replace(TIMELINE, sessions=(18.0,)))
    assert re.findall(r'class="hx-mark([^"]*)" style="left:([\d.]+)%;width:([\d.]+)%', late) == [
        ("", "20.00", "35.00"),
        (" hx-left", "55.00", "35.00"),
    ]


def test_the_legend_names_what_is_there_and_nothing_else() -> None:
    """Each status with its number and a colour of its own, as far as there are colours."""
    assert re.findall(r"</i>([^<]*)<", chart(TIMELINE).partition("</div>")[0]) == [
        "let through",
        "429: 10",
        "503: 6",
        "waiting, and for what",
        "paused by hand",
    ]
    plain = chart(TimelineBins(1.0, 4.0, (1, 2), (0, 0), ()))
    assert re.findall(r"</i>([^<]*)<", plain.partition("</div>")[0]) == ["let through"]
    many = replace(TIMELINE, by_status=((403, (0, 1, 0, 0)), (429, OF_429), (500, (0, 0, 0, 1)), (503, OF_503)))
    assert colours(many) == {429: "refused", 503: "refused-other", 403: "refused-rest", 500: "refused-rest"}


def test_it_is_described() -> None:
    """A sentence with everything that is drawn."""
    assert described(TIMELINE) == (
        "Requests per second: 110 requests over 20.0 s, 10 429s, 503: 6, waits for 100/1m, 1 pause by hand, "
        "2 sessions, 13 workers after 4.0 s, no limit after 4.1 s."
    )


def test_nothing_is_drawn_of_nothing_and_a_wait_before_the_first_answer_is() -> None:
    """No request yet: no chart, unless it waits."""
    nothing = TimelineBins(0.5, 0.0, (), (), ())
    assert chart(nothing) == chart(None) == described(None) == described(nothing) == ""
    assert "hx-wait" in chart(replace(nothing, until_s=3.0, waits=((0.0, 3.0, "1/1d"),)))


def test_ticks_are_round_at_any_length() -> None:
    """At most seven, from seconds to months, never two alike."""
    for until_s in (0.5, 9.0, 61.0, 500.0, 3599.0, 40_000.0, 200_000.0, 40 * 86400.0):
        html = chart(replace(TIMELINE, until_s=until_s))
        ticks = re.findall(r'class="hx-x[^"]*" style="left:([\d.]+)%">([^<]*)<', html)
        assert 2 <= len(ticks) <= 7
        assert len({words for _, words in ticks}) == len(ticks)
        assert all(float(left) <= 100 for left, _ in ticks)
