"""A prediction of how long a session takes, and what came of it: a result type that every view reads.

What is predicted is the duration of a session as the summary counts it: from the first request to the last answer,
without the time that a person paused it. It is made as soon as it is known how much there is to import, and anew when
somebody changes the limits or the number of workers. The first one of a session is judged, and only where the session
went on as it had begun: nobody changed its settings or paused it, and it ended with everything imported or failed.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from harness.record.status import RunStatus

CONFIDENCE = 0.9
# What a prediction was made for, beside `limits set` and `workers set`.
SIZE_KNOWN, LIMITS_SET, WORKERS_SET = "size known", "limits set", "workers set"
# Why one is not judged.
CHANGED, PAUSED, STOPPED, CUT_SHORT, FAILED = "settings changed", "paused by hand", "stopped", "interrupted", "failed"
RETRIED = "retried by hand"


@dataclass(frozen=True, slots=True)
class Prediction:
    """Session number `session` was predicted to take from least_s to most_s, at `made_s` of it (see the module).

    likely_s: the median of what was thought possible. All three are None where nothing could be said; `basis` says why,
    and else what it rests on. occasion: SIZE_KNOWN, LIMITS_SET or WORKERS_SET. took_s: what the session took, once it
    is over. aside: why it is not judged, "" where it is (or may still be). inside: whether the truth lay inside; None
    where it is not judged (yet).
    """

    session: int
    made_s: float
    least_s: float | None
    likely_s: float | None
    most_s: float | None
    occasion: str = SIZE_KNOWN
    basis: str = ""
    took_s: float | None = None
    aside: str = ""
    inside: bool | None = None


def set_aside(
    predictions: Iterable[Prediction], session: int, why: str, *, open_only: bool = False
) -> list[Prediction]:
    """Return `predictions` with those of one session not judged; the first reason stays. open_only: those that are
    not over.
    """
    return [
        replace(one, aside=why, inside=None)
        if one.session == session and not one.aside and not (open_only and one.took_s is not None)
        else one
        for one in predictions
    ]


def over(predictions: Iterable[Prediction], session: int, took_s: float, status: RunStatus) -> list[Prediction]:
    """Return `predictions` with what one session took, in which it ended with `status`."""
    found = [_ended(one, took_s) if one.session == session else one for one in predictions]
    if status.is_complete:
        return found
    return set_aside(found, session, STOPPED if status is RunStatus.STOPPED else FAILED)


def _ended(one: Prediction, took_s: float) -> Prediction:
    if one.aside or one.least_s is None or one.most_s is None:
        return replace(one, took_s=took_s)
    return replace(one, took_s=took_s, inside=one.least_s <= took_s <= one.most_s)


def shown(predictions: Iterable[Prediction]) -> Prediction | None:
    """Return the one that is set beside what happened: the first of the last session, or where somebody changed its
    settings the newest.
    """
    found = list(predictions)
    last = [one for one in found if one.session == found[-1].session]
    if not last:
        return None
    return last[-1] if last[0].aside == CHANGED else last[0]
