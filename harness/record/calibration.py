"""How often the predictions of runs came true, apart for simulated and real ones.

Judged is the first prediction of each session that went on as it had begun (`record.prediction`). The others are
counted by why they are not judged, and sessions without one by why there was none.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from harness.record.prediction import CONFIDENCE, SIZE_KNOWN, Prediction
from harness.record.run_view import RunView
from harness.record.summary import Summary

# Why a run has no prediction at all: nothing of its list was read; or it was, and nothing else in its record tells why.
BEFORE_SIZE = "it ended before anything of its list was read"
NOT_RECORDED = "none was recorded: an older version made it, or it ended too soon"
UNDER_WAY = "still under way"


@dataclass(frozen=True, slots=True)
class Miss:
    """A session that ended outside its interval. why: what of its figures may explain that; "" where nothing does."""

    run: str
    session: int
    least_s: float
    most_s: float
    took_s: float
    why: str


@dataclass(frozen=True, slots=True)
class Calibrated:
    """Predictions of one sort of runs. inside: of `judged`, how many came true.

    width: the median of (most - least) / likely of those that were judged; None without any. aside: how many were not
    judged, by why. without: sessions without a prediction, by why.
    """

    judged: int = 0
    inside: int = 0
    width: float | None = None
    outside: tuple[Miss, ...] = ()
    aside: dict[str, int] = field(default_factory=dict)
    without: dict[str, int] = field(default_factory=dict)

    @property
    def share(self) -> float | None:
        """The share that came true; None where none was judged."""
        return self.inside / self.judged if self.judged else None


@dataclass(frozen=True, slots=True)
class Calibration:
    """Both sorts of runs, and the share that is aimed at."""

    simulated: Calibrated
    real: Calibrated
    aim: float = CONFIDENCE


def calibrate(views: Iterable[RunView]) -> Calibration:
    """Return how often the predictions of these runs came true."""
    sorts: dict[bool, Calibrated] = {True: Calibrated(), False: Calibrated()}
    widths: dict[bool, list[float]] = {True: [], False: []}
    for view in views:
        simulated = view.settings.simulated
        for one in _of_sessions(view.summary):
            sorts[simulated] = _with(sorts[simulated], view.summary, one)
            if one is not None and one.inside is not None and one.least_s is not None and one.most_s and one.likely_s:
                widths[simulated].append((one.most_s - one.least_s) / one.likely_s)
    found = {sort: replace(sorts[sort], width=_median(widths[sort])) for sort in sorts}
    return Calibration(simulated=found[True], real=found[False])


def _of_sessions(summary: Summary) -> Iterator[Prediction | None]:
    """Yield the first prediction of each session that has one; None for a run without any."""
    firsts: list[Prediction | None] = [one for one in summary.predictions if one.occasion == SIZE_KNOWN]
    yield from firsts or [None]


def _with(so_far: Calibrated, summary: Summary, one: Prediction | None) -> Calibrated:
    if one is None:
        return replace(so_far, without=_more(so_far.without, _why_none(summary)))
    if one.least_s is None or one.most_s is None:
        return replace(so_far, without=_more(so_far.without, one.basis))
    if one.inside is None or one.took_s is None:
        return replace(so_far, aside=_more(so_far.aside, one.aside or UNDER_WAY))
    judged = replace(so_far, judged=so_far.judged + 1, inside=so_far.inside + one.inside)
    if one.inside:
        return judged
    miss = Miss(summary.run, one.session, one.least_s, one.most_s, one.took_s, "; ".join(_reasons(summary, one)))
    return replace(judged, outside=(*so_far.outside, miss))


def _why_none(summary: Summary) -> str:
    if summary.listed or summary.list_ended:
        return NOT_RECORDED
    return UNDER_WAY if summary.status.is_open else BEFORE_SIZE


def _reasons(summary: Summary, one: Prediction) -> Iterator[str]:
    """Yield what made the last session of a run longer than was thought; of earlier ones the figures say nothing."""
    if one.session != summary.sessions or one.most_s is None or one.took_s is None or one.took_s < one.most_s:
        return
    if summary.refused:
        yield f"{summary.refused:,} refusal{'' if summary.refused == 1 else 's'}"
    if summary.lost:
        yield f"{summary.lost:,} without an answer"
    if summary.failed:
        yield f"{summary.failed:,} failed for good"


def _more(counts: dict[str, int], what: str) -> dict[str, int]:
    return {**counts, what: counts.get(what, 0) + 1}


def _median(numbers: list[float]) -> float | None:
    return sorted(numbers)[len(numbers) // 2] if numbers else None
