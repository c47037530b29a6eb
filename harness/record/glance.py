"""One moment of a run, copied out of its state, so that who looks at it need not share the importer's thread.

A state changes while it is looked at; a `Glance` does not.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass

from harness.record.live import Live
from harness.record.live import elapsed_s as so_far_s
from harness.record.state import Failure, State
from harness.record.summary import Summary

# What fits on a screen; all of them are what `failed` lists.
LATEST = 8
_OPEN = ("running", "paused")


@dataclass(frozen=True, slots=True)
class Glance:
    """What is known of a run now.

    summary: the figures so far, as every other view has them: its duration ends with the last answer. elapsed_s: what
    has passed up to this moment, time paused by a person left out; waiting_s: of that with nothing to send. Where no
    session of ours runs (live is None) both are the summary's own. listed: items that the list has named. failures:
    the latest of `failing`. sent, refused: requests so far. learned: what `auto` believes, with the evidence.
    on_course: the share of the best possible speed it will have had if it ends when expected (None: not known yet);
    once it ended, summary.optimality is what it had.
    """

    summary: Summary
    live: Live | None
    listed: int
    failures: tuple[Failure, ...]
    failing: int
    sent: int
    learned: tuple[tuple[str, str], ...]
    on_course: float | None
    elapsed_s: float
    waiting_s: float

    @property
    def open(self) -> bool:
        """Is a session under way?"""
        return self.summary.status in _OPEN


def glance(summary: Summary, state: State, live: Live | None = None) -> Glance:
    """`summary` and `state` as of now; call it where the state is changed."""
    elapsed_s, waiting_s = summary.duration_s, summary.waiting_s
    if live is not None and state.status in _OPEN:
        elapsed_s = so_far_s(state, live.t_s)
        waiting_s = min(elapsed_s, state.asleep_s + _unfinished_wait_s(state, live.t_s))
    return Glance(
        summary=summary,
        live=live,
        listed=len(state.items),
        failures=tuple(heapq.nlargest(LATEST, state.failures.values(), key=lambda failure: failure.at_utc_s)),
        failing=len(state.failures),
        sent=state.sent,
        learned=tuple(state.learned.items()),
        on_course=None if live is None else _on_course(state, live),
        elapsed_s=elapsed_s,
        waiting_s=waiting_s,
    )


def _unfinished_wait_s(state: State, t_s: float) -> float:
    session = state.session
    if session.waiting is None or session.waiting[1] == "retry":
        return 0.0
    return max(0.0, t_s - max(session.waiting[0], session.last_answer_s or 0.0))


def _on_course(state: State, live: Live) -> float | None:
    """Best possible / (duration so far + what is left by the quota)."""
    if live.best_s is None or live.eta_s is None:
        return None
    expected_s = so_far_s(state, live.t_s) + live.eta_s
    return min(1.0, live.best_s / expected_s) if expected_s > 0 else None
