"""Simulated imports end within the interval that was predicted, nine times out of ten; and the figures say so."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.calibration import FAULTS, LATENCIES, SERVERS, cases, inside, measure
from harness.config import ImportConfig
from harness.lab.experiment import simulate_run
from harness.record.calibration import BEFORE_SIZE, NOT_RECORDED, UNDER_WAY, Calibrated, calibrate
from harness.record.prediction import CHANGED, SIZE_KNOWN, Prediction
from harness.record.run_view import RunSettings, RunView
from harness.record.status import RunStatus
from harness.record.summary import Summary
from harness.views.calibration import calibration_text
from harness.views.figures import predicted, span
from harness.views.screen import Screen
from tests.test_cli_lab import run


def test_a_sample_of_imports_ends_within_what_was_predicted() -> None:
    """Every kind of server once, every kind of latency: seeded, so that it is the same each time."""
    sample = list(cases(18, seed=3))
    assert {case.server for case in sample} == set(SERVERS)
    assert {case.latency for case in sample} == set(LATENCIES)
    found = [case.predicted() for case in sample]
    assert all(one.least_s is not None and one.made_s == 0.0 for one in found)
    assert inside(found) >= 0.8


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 2])
def test_of_200_imports_85_to_95_percent_end_within_what_was_predicted(seed: int) -> None:
    """Neither too narrow nor too wide, over servers, latencies and faults."""
    sample = list(cases(200, seed))
    assert {case.fault for case in sample} == set(FAULTS)
    assert 0.85 <= inside([case.predicted() for case in sample]) <= 0.95


def test_the_benchmark_has_a_row_for_each_kind() -> None:
    figures = measure(rounds=6)
    assert figures[-1].name == "all 6 runs, inside"
    assert figures[-1].aim == ">= 85"
    assert {figure.name.split(":")[0] for figure in figures} >= {f"server {name}" for name in list(SERVERS)[:2]}


def view(summary: Summary, *predictions: Prediction, simulated: bool = False) -> RunView:
    return RunView(replace(summary, predictions=predictions), settings=RunSettings(simulated=simulated))


@pytest.fixture(scope="module")
def summary() -> Summary:
    return simulate_run(ImportConfig(items=30, limit="20/2s", latency="80ms")).summary


def judged(took_s: float, session: int = 1) -> Prediction:
    return Prediction(session, 0.0, 38.0, 41.0, 44.0, took_s=took_s, inside=38.0 <= took_s <= 44.0)


def test_runs_are_counted_by_sort_and_by_why_they_are_not_judged(summary: Summary) -> None:
    """Of the real ones one is inside and one outside; the others were changed, are under way or had no prediction."""
    changed = Prediction(1, 0.0, 38.0, 41.0, 44.0, took_s=20.0, aside=CHANGED)
    again = Prediction(1, 9.0, 18.0, 19.0, 20.0, occasion="limits set", took_s=20.0, inside=True)
    found = calibrate(
        [
            view(summary, judged(40.6)),
            view(summary, judged(51.0)),
            view(summary, judged(44.0), simulated=True),
            view(summary, changed, again),
            view(summary, Prediction(1, 0.0, 38.0, 41.0, 44.0)),
            view(summary, Prediction(1, 0.1, None, None, None, basis="no size")),
            view(summary),
        ]
    )
    assert found.simulated == Calibrated(1, 1, 6 / 41)
    assert (found.real.judged, found.real.inside, found.real.share) == (2, 1, 0.5)
    assert [(miss.took_s, miss.why) for miss in found.real.outside] == [(51.0, "")]
    assert found.real.aside == {CHANGED: 1, "still under way": 1}
    assert found.real.without == {"no size": 1, NOT_RECORDED: 1}
    text = calibration_text(found, Screen())
    assert "  real       1 of 2 inside (50 %); median width 14.6 % of the duration\n" in text
    assert "outside: simulated  predicted 38.0 to 44.0 s, took 51.0 s" in text
    assert "1 session not judged: settings changed" in text


def test_why_a_run_has_no_prediction_is_told_by_what_was_read_of_its_list(summary: Summary) -> None:
    """A first page of 500, or a stop at once, is no older version; a run under way may still get one."""
    unread = replace(summary, listed=0, list_ended=None, status=RunStatus.FAILED)
    still = replace(unread, status=RunStatus.RUNNING)
    stopped = replace(summary, status=RunStatus.STOPPED)
    found = calibrate([view(unread), view(replace(unread, status=RunStatus.STOPPED)), view(still), view(stopped)])
    assert found.real.without == {BEFORE_SIZE: 2, UNDER_WAY: 1, NOT_RECORDED: 1}
    text = calibration_text(found, Screen())
    assert "2 sessions without a prediction: it ended before anything of its list was read" in text


def test_a_miss_names_what_may_explain_it(summary: Summary) -> None:
    """Refusals and failures make a run longer than was thought; they are no reason to be quicker."""
    refused = replace(summary, refused=12, failed=1)
    misses = calibrate([view(refused, judged(51.0)), view(refused, judged(20.0))]).real.outside
    assert [miss.why for miss in misses] == ["12 refusals; 1 failed for good", ""]


@pytest.mark.parametrize(
    ("prediction", "words"),
    [
        (None, ""),
        (Prediction(1, 0.0, 38.0, 41.0, 44.0), "predicted 38.0 to 44.0 s (90 %)"),
        (judged(40.6), "predicted 38.0 to 44.0 s, took 40.6 s"),
        (judged(51.0, 2), "session 2: predicted 38.0 to 44.0 s, took 51.0 s, outside"),
        (
            Prediction(1, 3.0, 8.0, 9.0, 10.0, "limits set", took_s=9.0, inside=True),
            "predicted 8.0 to 10.0 s, after limits set, took 9.0 s",
        ),
        (
            Prediction(1, 0.0, 38.0, 41.0, 44.0, SIZE_KNOWN, took_s=9.0, aside="stopped"),
            "predicted 38.0 to 44.0 s, took 9.0 s; not judged: stopped",
        ),
        (Prediction(1, 0.0, None, None, None, basis="no size"), "no prediction: no size"),
    ],
)
def test_a_prediction_in_words(prediction: Prediction | None, words: str) -> None:
    assert predicted(prediction) == words


def test_an_interval_in_words() -> None:
    """One unit is said once."""
    assert span(0.05, 0.08) == "50 to 80 ms"
    assert span(59.0, 61.0) == "59.0 s to 1 min 01 s"
    assert span(2.0, 2.0) == "2.0 s"


def test_a_recorded_run_is_shown_beside_what_was_predicted_and_calibrated(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """show, show --json and calibration read the same."""
    outcome = simulate_run(ImportConfig(items=60, limit="20/2s", latency="80ms", run="one"), results=tmp_path)
    said = predicted(RunView(outcome.summary).prediction)
    assert said.startswith("predicted ")
    code, out, _ = run(capsys, "show", "one", "--results", str(tmp_path))
    assert code == 0
    assert f"  predicted  {said.removeprefix('predicted ')}\n" in out
    _, out, _ = run(capsys, "show", "one", "--json", "--results", str(tmp_path))
    (kept,) = json.loads(out)["predictions"]
    assert (kept["least_s"], kept["inside"]) == (outcome.summary.predictions[0].least_s, True)
    code, out, _ = run(capsys, "calibration", "--results", str(tmp_path))
    assert code == 0
    assert "  simulated  1 of 1 inside (100 %)" in out
    assert "  real       none judged yet\n" in out
    _, out, _ = run(capsys, "calibration", "--json", "--results", str(tmp_path))
    assert json.loads(out)["simulated"]["judged"] == 1


def test_without_runs_nothing_is_judged(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "calibration", "--results", str(tmp_path))
    assert code == 0
    assert out.count("none judged yet") == 2
