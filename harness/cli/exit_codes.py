"""The exit codes of the commands."""

from __future__ import annotations

from harness.record.status import RunStatus

# Complete, complete with failed items, bad input, ended early but resumable; Ctrl-C is 130 and SIGTERM 143.
COMPLETE, WITH_FAILURES, BAD_INPUT, ENDED_EARLY, INTERRUPTED, TERMINATED = 0, 1, 2, 3, 130, 143


def exit_code(status: RunStatus) -> int:
    """Return the exit code of a command that ran or watched a run to this end."""
    if not status.is_complete:
        return ENDED_EARLY
    return COMPLETE if status is RunStatus.COMPLETE else WITH_FAILURES
