"""The comparison in the terminal: a table that fits, and what is said below it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.lab.comparison import Line, Panel
from harness.views.comparison import advice, comparison_text, seconds
from harness.views.screen import Screen

FAST = Line({"pacing": "window", "workers": "50"}, 5, 0, "", 95.5, 0.1, 0.995, 0.0, 1.0)
FEW = Line({"pacing": "window", "workers": "3"}, 5, 0, "", 95.8, 0.2, 0.992, 0.0, 1.003)
GREEDY = Line({"pacing": "retry-after", "workers": "50"}, 4, 1, "it broke", 97.5, 0.6, 0.974, 180.1, 1.02)
BROKEN = Line({"pacing": "auto", "workers": "auto"}, 0, 5, "page 1 could not be read", None, None, None, None, None)
PANEL = Panel("s  1,000 items, server 100/5s", (FAST, FEW, GREEDY, BROKEN), FEW, FAST)


def test_every_line_says_how_fast_how_near_to_best_and_at_what_price() -> None:
    """Numbers to the right; what failed has no figures, and its reason stands below."""
    assert comparison_text([PANEL], Screen()).split("\n") == [
        "s  1,000 items, server 100/5s",
        "PACING          W  DURATION mean ± 95 % CI  OF BEST  429s/1,000  × FASTEST",
        "window         50             95.5 ± 0.1 s   99.5 %         0.0       1.00",
        "window          3             95.8 ± 0.2 s   99.2 %         0.0       1.00",
        "retry-after    50   97.5 ± 0.6 s, 1 failed   97.4 %       180.1       1.02",
        "auto         auto                   failed        -           -          -",
        "Fewest 429s at full speed: window, 3 workers; 50 workers save 0.30 s.",
        "Failed: retry-after, 50 workers: it broke",
        "Failed: auto, auto workers: page 1 could not be read",
    ]


@pytest.mark.parametrize("width", [40, 60, 80])
def test_nothing_is_wider_than_the_screen(width: int) -> None:
    """A table that does not fit becomes lines; no figure is lost."""
    text = comparison_text([PANEL, PANEL], Screen(width))
    assert max(map(len, text.split("\n"))) <= width
    for figure in ("95.8 ± 0.2 s", "180.1", "99.2 %", "1.02"):
        assert text.replace("\n", " ").count(figure) == 2


@pytest.mark.parametrize(
    ("mean_s", "half_s", "text"),
    [
        (501.44, 0.28, "501.4 ± 0.3 s"),
        (2.34, None, "2.34 s"),
        (48480.0, 120.0, "13 h 28 min ± 2 min 00 s"),
        (None, None, "-"),
    ],
)
def test_small_differences_are_seen_up_to_an_hour(mean_s: float | None, half_s: float | None, text: str) -> None:
    """In seconds; beyond, as durations are told."""
    assert seconds(mean_s, half_s) == text


def test_a_single_line_needs_no_advice() -> None:
    """There is nothing to choose."""
    assert advice(Panel("s", (FAST,), FAST, FAST)) == ""


def test_other_refusals_stand_beside_the_429s_by_their_own_status() -> None:
    """E: never added to the 429s; the advice counts all of them, and calls them refusals."""
    busy = replace(FEW, others_per_1000={"403": 12.0, "503": 3.25})
    text = comparison_text([Panel("s", (FAST, busy), FAST, FAST)], Screen())
    assert "0.0 (403: 12.0, 503: 3.2)" in text
    assert "Fewest refusals at full speed: window, 50 workers." in text
    assert (busy.refused_per_1000, FAST.refused_per_1000) == (15.25, 0.0)


def test_an_interval_never_goes_below_best_possible() -> None:
    """E: `95.5 ± 0.6 s` where 95.2 s is best possible is given by its ends; one that is possible stays as it was."""
    assert seconds(95.5, 0.6, 95.2) == "95.5 s (95.2 to 96.1 s)"
    assert seconds(95.5, 0.3, 95.2) == "95.5 ± 0.3 s"
    assert "(95.2 to 96.1 s)" in comparison_text([Panel("s", (replace(FAST, half_s=0.6, least_s=95.2),))], Screen())


def test_what_the_noise_does_not_tell_apart_is_called_a_tie() -> None:
    """95.5 ± 0.4 s and 95.8 ± 0.4 s: nothing is saved that was measured. Of single runs the noise is not known."""
    fast, few = replace(FAST, half_s=0.4), replace(FEW, half_s=0.4)
    assert advice(Panel("s", (fast, few), few, fast)) == (
        "Fewest 429s at full speed: window, 3 workers; 50 workers tie with it: 0.30 s is within the noise."
    )
    fast, few = replace(FAST, half_s=None), replace(FEW, half_s=None)
    assert advice(Panel("s", (fast, few), few, fast)).endswith("50 workers save 0.30 s.")
