"""RunView: everything that any view shows of a run at one moment, made in one place.

Terminal, `watch`, `show`, the table of runs, `--json`, panel and report read this object and nothing beside it, so that
two of them cannot disagree. It is made of the state (the fold of the events), of what a session under way knows beyond
its events (`Live`), and of the timeline; it is a copy, which does not change while somebody looks at it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from harness.record.live import Live, elapsed_s
from harness.record.optimality import in_pieces
from harness.record.prediction import Prediction, shown
from harness.record.state import Failure, State
from harness.record.status import RunStatus
from harness.record.summary import Summary
from harness.record.timeline import TimelineBins


@dataclass(frozen=True, slots=True)
class RunSettings:
    """The settings of a run: at its `start`, and `in_force` in its last session. Secrets are in neither.

    created_utc_s: None where that is not known. tags: what people call it besides its name.
    """

    start: Mapping[str, Any] = field(default_factory=dict)
    in_force: Mapping[str, Any] = field(default_factory=dict)
    created: str = "unknown"
    seed: int | None = None
    simulated: bool = False
    created_utc_s: float | None = None
    tags: tuple[str, ...] = ()


NO_SETTINGS = RunSettings()


@dataclass(frozen=True, slots=True)
class RunView:
    """A run at one moment.

    summary: the figures so far; the duration among them ends with the last answer. live: None where no session is under
    way. timeline: None where nobody asked for it. failures: what failed for good or waits for a retry. believed: what
    `auto` believes while it runs, with the evidence.

    elapsed_s: what has passed up to then, time paused by a person left out. waiting_s: of that, with nothing to
    send. Where no session is under way both are the summary's own. expected_optimality: the share of the best possible
    speed it will have had if it ends when expected; None: not known yet, or it will not be said in the end either, as
    of a run that was interrupted. In the end, summary.optimality is what it had.
    """

    summary: Summary
    live: Live | None = None
    timeline: TimelineBins | None = None
    failures: tuple[Failure, ...] = ()
    believed: tuple[tuple[str, str], ...] = ()
    expected_optimality: float | None = None
    elapsed_s: float = 0.0
    waiting_s: float = 0.0
    settings: RunSettings = NO_SETTINGS

    @property
    def run(self) -> str:
        return self.summary.run

    @property
    def status(self) -> RunStatus:
        return self.summary.status

    @property
    def prediction(self) -> Prediction | None:
        """How long its last session was thought to take; None where the run was not predicted (by an older version)."""
        return shown(self.summary.predictions)

    @property
    def learned(self) -> dict[str, str]:
        """The limits that the run revealed, each with the evidence; of one under way, what is believed so far.

        What was believed of headers is kept beside what was revealed in the end.
        """
        if self.status.is_open:
            return dict(self.believed)
        of_headers = {what: why for what, why in self.believed if not what[:1].isdigit()}
        return {limit.limit: limit.evidence for limit in self.summary.learned} | of_headers


def view_of(
    summary: Summary,
    state: State | None = None,
    live: Live | None = None,
    timeline: TimelineBins | None = None,
    settings: RunSettings = NO_SETTINGS,
) -> RunView:
    """Make the view of `summary` and the `state` that it was made of; call it where the state is changed.

    Without a state there are only the figures, which is what a table of runs shows.
    """
    passed_s, waiting_s, expected_optimality = summary.duration_s, summary.waiting_s, None
    if state is not None and live is not None:
        expected_optimality = None if _never_said(summary, state) else _expected_optimality(state, live)
        if state.status.is_open:
            passed_s = elapsed_s(state, live.t_s)
            waiting_s = min(passed_s, state.asleep_s + _unfinished_wait_s(state, live.t_s))
    return RunView(
        summary=summary,
        live=live,
        timeline=timeline,
        failures=() if state is None else tuple(state.failures.values()),
        believed=() if state is None else tuple(state.learned.items()),
        expected_optimality=expected_optimality,
        elapsed_s=passed_s,
        waiting_s=waiting_s,
        settings=settings,
    )


def _unfinished_wait_s(state: State, t_s: float) -> float:
    session = state.session
    if session.waiting is None or session.waiting[1] == "retry":
        return 0.0
    return max(0.0, t_s - max(session.waiting[0], session.last_answer_s or 0.0))


def _never_said(summary: Summary, state: State) -> bool:
    """Return True where the summary will leave the share of the best possible out, whatever is yet to come."""
    return bool(summary.refused_within or in_pieces(state))


def _expected_optimality(state: State, live: Live) -> float | None:
    """Best possible / (duration so far + what is left by the quota)."""
    if live.best_s is None or live.eta_s is None:
        return None
    expected_s = elapsed_s(state, live.t_s) + live.eta_s
    return min(1.0, live.best_s / expected_s) if expected_s > 0 else None
