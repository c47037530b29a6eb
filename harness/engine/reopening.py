"""Failed items of a run that has ended: made ready again, or given up. `resume` then fetches what is ready."""

from __future__ import annotations

from collections.abc import Callable, Collection

from harness.engine.best import figures, revealed
from harness.engine.steering import to_forget, to_retry
from harness.record import events as e
from harness.record.clock import utc_s
from harness.record.fold import fold
from harness.record.history import recorded
from harness.record.recorder import Recorder, later_writer
from harness.record.run import Run, locked, write_summary
from harness.record.state import State
from harness.record.summary import Summary
from harness.settings import figures_config


def reopen(run: Run, items: Collection[e.ItemId] | None = None) -> int:
    """Make the failed items (and pages) of an ended run ready again; answers how many. RunLocked while it is written.

    items: only these, of which forgotten ones count as well; None: all that failed.
    """
    return _change(run, lambda state, t_s: [e.Retried(t_s, *what) for what in to_retry(state, items)])


def forget(run: Run, items: Collection[e.ItemId] | None = None) -> int:
    """Give failed items of an ended run up, all or these: without others it is complete then. Answers how many."""
    return _change(run, lambda state, t_s: [e.Forgotten(t_s, item) for item in to_forget(state, items)])


def _change(run: Run, events_of: Callable[[State, float], list[e.Event]]) -> int:
    """Record more of an ended run, as a later writer of its last session."""
    with locked(run):
        state = run.state()
        events = events_of(state, max(0.0, utc_s() - state.session.utc_s))
        if not events:
            return 0
        number = state.session.number
        recorder = Recorder(run.folder, run.name, number, later_writer(run.folder, number))
        for event in events:
            recorder.record(event)
        recorder.flush()
        fold(events, state)
        if run.about.get("status") not in ("running", "paused"):  # else its process was killed, which is still so
            run.note(status=state.status, reason=state.reason, recorded=recorded(run.folder))
            write_summary(run, ended_summary(run, state).as_dict())
        return len(events)


def ended_summary(run: Run, state: State, status: e.RunStatus | None = None) -> Summary:
    """The figures of a run from its files alone; `status` where the state cannot know it.

    What the server counted is known only from the summary that the same session wrote.
    """
    written = run.summary()
    before = None if written is None else Summary.from_dict(written)
    ledger = before.server if before is not None and before.sessions == state.session.number else None
    over = (status or state.status) not in ("running", "paused")
    learned = revealed(run.folder, state) if over else ()
    return figures(run.name, state, figures_config(run.about["config"]), ledger, status, learned)
