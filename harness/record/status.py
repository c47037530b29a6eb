"""The statuses of a run, in one list, and the few questions that the rest of the project asks of them.

A status is derived from the lock and the events, never from what run.json claims (`Run.status`). On disk and in JSON it
is the text.
"""

from __future__ import annotations

from enum import StrEnum


class RunStatus(StrEnum):
    """The status of a run. Whether a process writes it at this moment is another question: `Run.writer_pid`."""

    RUNNING = "running"
    PAUSED = "paused"
    COMPLETE = "complete"
    WITH_FAILURES = "complete with failures"
    STOPPED = "stopped"
    INTERRUPTED = "interrupted"
    FAILED = "failed"

    @property
    def is_open(self) -> bool:
        """Return True if a session is under way; in a fold of events, if the last session has no end."""
        return self in (RunStatus.RUNNING, RunStatus.PAUSED)

    @property
    def is_complete(self) -> bool:
        """Return True if nothing is left to fetch, except what failed for good."""
        return self in (RunStatus.COMPLETE, RunStatus.WITH_FAILURES)

    @property
    def is_resumable(self) -> bool:
        """Return True if it ended early, so that `resume` goes on with it."""
        return not self.is_open and not self.is_complete
