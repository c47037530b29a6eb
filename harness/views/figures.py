"""The figures of a run in words, each worded in one place: terminal, table, panel, report and notebooks use these."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from harness.record.prediction import SIZE_KNOWN, Prediction
from harness.record.status import RunStatus
from harness.record.summary import TOO_MANY_REQUESTS, Summary
from harness.views.text import UNKNOWN, count, duration, percent, plural, progress

_STATUS = str(TOO_MANY_REQUESTS)


class HowFar(Protocol):
    """The figures of progress: those of a Summary, or of a row of the table of runs."""

    @property
    def status(self) -> RunStatus: ...
    @property
    def imported(self) -> int: ...
    @property
    def total(self) -> int | None: ...
    @property
    def listed(self) -> int: ...


def items_of(run: HowFar) -> str:
    """`993 of 993`; where the list does not say how many there are, `412 of 500+`, and `500` once it is complete."""
    if run.total is not None:
        return f"{count(run.imported)} of {count(run.total)}"
    still = run.listed > run.imported or not run.status.is_complete
    return f"{count(run.imported)} of {count(run.listed)}+" if run.listed and still else count(run.imported)


def items_said(run: HowFar) -> str:
    """`993 of 993 items`, `1 item`."""
    text = items_of(run)
    return f"{text} {'item' if text == '1' else 'items'}"


def items_cell(run: HowFar) -> str:
    """Return the items for a table: `993/993`, `412/500+`."""
    still = run.listed > run.imported or not run.status.is_complete
    return progress(run.imported, run.total, run.listed if still else 0)


def list_text(summary: Summary) -> str:
    """Say how it is known that the list had ended, or that this was not recorded; "" before it has."""
    if summary.lacks_evidence or not summary.list_ended:
        return summary.list_ended or ""
    return f"ended: {summary.list_ended}"


def other_refusals(refusals: Mapping[str, int] | Mapping[int, int]) -> dict[str, int]:
    """Refusals by their status, without those that are 429s."""
    return {str(status): number for status, number in refusals.items() if number and str(status) != _STATUS}


def others_text(refusals: Mapping[str, int] | Mapping[int, int]) -> str:
    """`403: 1, 503: 6`, the refusals that are no 429s; "" where there are none."""
    return ", ".join(f"{status}: {count(number)}" for status, number in other_refusals(refusals).items())


def hits_cell(hits: int, refusals: Mapping[str, int]) -> str:
    """`2`, or `2 (503: 6)` where other statuses refused as well: what stands in a column of 429s."""
    others = others_text(refusals)
    return f"{count(hits)} ({others})" if others else count(hits)


def refusals_text(refusals: Mapping[str, int]) -> str:
    """`429: 2, 503: 6`; `no 429s` where nothing was refused."""
    others = others_text(refusals)
    hits = refusals.get(_STATUS, 0)
    return (f"429: {count(hits)}" if hits else "no 429s") + (f", {others}" if others else "")


def refusals_said(hits: int, refusals: Mapping[str, int]) -> str:
    """`no 429s`, `2 429s`, `2 429s, 503: 6`, as a sentence holds it."""
    said = plural(hits, "429") if hits else "no 429s"
    others = others_text(refusals)
    return f"{said}, {others}" if others else said


def best_of(summary: Summary, digits: int = 1) -> str:
    """`98.5 % of best possible`, or `93.0 % of the learned limits`; "" where neither can be said."""
    if summary.optimality is not None:
        return f"{percent(summary.optimality, digits)} of best possible"
    if summary.of_learned is not None:
        return f"{percent(summary.of_learned, digits)} of the learned limits"
    return ""


def predicted(prediction: Prediction | None) -> str:
    """`predicted 38.0 to 44.0 s, took 40.6 s`, or why there is no prediction; "" where nothing was recorded of it."""
    if prediction is None:
        return ""
    session = f"session {count(prediction.session)}: " if prediction.session > 1 else ""
    interval, came = prediction_parts(prediction)
    if interval == UNKNOWN:
        return f"{session}no prediction: {came}"
    between = " " if came.startswith("(") else ", "
    return f"{session}predicted {interval}{between}{came}"


def prediction_parts(prediction: Prediction) -> tuple[str, str]:
    """Return the interval and what came of it: `38.0 to 44.0 s` and `took 40.6 s`, `(90 %)` while that is not known.

    Where nothing could be predicted, UNKNOWN and why.
    """
    if prediction.least_s is None or prediction.most_s is None:
        return UNKNOWN, prediction.basis
    interval = span(prediction.least_s, prediction.most_s)
    if prediction.occasion != SIZE_KNOWN:
        interval += f", after {prediction.occasion}"
    if prediction.took_s is None:
        return interval, "(90 %)"
    missed = ", outside" if prediction.inside is False else ""
    aside = f"; not judged: {prediction.aside}" if prediction.aside else ""
    return interval, f"took {duration(prediction.took_s)}{missed}{aside}"


def span(least_s: float, most_s: float) -> str:
    """`38.0 to 44.0 s`, `59.8 s to 1 min 02 s`."""
    low, high = duration(least_s), duration(most_s)
    number, _, unit = low.partition(" ")
    same = " " not in unit and high.endswith(f" {unit}") and high.count(" ") == 1
    return high if low == high else f"{number} to {high}" if same else f"{low} to {high}"


def least(summary: Summary) -> str:
    """`best possible 40.0 s`, or `the learned limits allow 40.0 s`; "" where no share of it can be said."""
    if summary.bound_s is None:
        return ""
    at_least = "" if summary.bound_exact else "at least "
    if summary.optimality is not None:
        return f"best possible {at_least}{duration(summary.bound_s)}"
    return "" if summary.of_learned is None else f"the learned limits take {at_least}{duration(summary.bound_s)}"
