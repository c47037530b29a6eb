"""What a command answers to the shell."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from harness.record.status import RunStatus

# Complete, complete with failed items, bad input, ended early but resumable; Ctrl-C is 130 and SIGTERM 143.
COMPLETE, WITH_FAILURES, BAD_INPUT, ENDED_EARLY, INTERRUPTED, TERMINATED = 0, 1, 2, 3, 130, 143


def exit_code(status: RunStatus) -> int:
    """What a command that ran or watched a run to this end answers."""
    return ENDED_EARLY if not status.is_complete else COMPLETE if status == "complete" else WITH_FAILURES
