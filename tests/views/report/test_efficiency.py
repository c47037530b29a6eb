"""The reference efficiency is never shown alone, and where it misleads the report says how."""

from __future__ import annotations

import pytest

from harness.views.report.content import efficiency_table, verdict
from tests.views.plots.samples import sweep


@pytest.mark.parametrize(
    ("reference", "optimality", "hits", "band", "hides"),
    [
        (1.0, 0.5, 0.0, "excellent", "never refused, but it takes 2 times as long as best possible"),
        (1.0, 0.99, 0.0, "excellent", ""),
        (0.1, 0.985, 20.0, "poor", "refused, and yet at 98.5 % of best possible"),
        (0.1, 0.5, 20.0, "poor", ""),
        (0.5, 0.5, 500.0, "fair", "500 of 1,000 requests are refused"),
        (0.6, 0.95, 5.0, "fair", ""),
        (None, 0.9, 0.0, "none", "no wait and no refusal, so there is nothing to divide"),
        (1.0, None, 0.0, "excellent", ""),
    ],
)
def test_what_it_is_called_and_what_that_hides(
    reference: float | None, optimality: float | None, hits: float, band: str, hides: str
) -> None:
    """Sleeping too long is excellent, a harmless refusal is poor, being refused every second time is fair."""
    told = verdict(reference, optimality, hits)
    assert (told.band, told.hides) == (band, hides)


def test_the_misleading_cases_come_first() -> None:
    """window with one worker takes eleven times the best possible and is excellent; that is at the top."""
    table = efficiency_table(sweep())
    assert table["hides"].iloc[0] != ""
    first_without = list(table["hides"] == "").index(True)
    assert all(table["hides"].iloc[first_without:] == "")
    row = table[(table["pacing"] == "window") & (table["workers"] == 1)].iloc[0]
    assert (row["band"], row["hides"]) == ("excellent", "never refused, but it takes 11 times as long as best possible")


def test_a_sweep_without_the_figures_has_no_verdicts() -> None:
    """Neither an empty table nor missing columns is an error."""
    assert efficiency_table(sweep().iloc[:0]).empty
    assert list(efficiency_table(sweep().drop(columns="reference_efficiency"))["band"].unique()) == ["none"]
