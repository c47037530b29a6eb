"""How a run ended, for whoever called: the exit code, and which commands come next."""

from __future__ import annotations

from pathlib import Path

from harness.cli.options import where
from harness.record.events import RunStatus
from harness.record.listing import ACCEPT, NO_HELP
from harness.record.run import Run
from harness.views.summary import NEXT

# Complete, complete with failed items, bad input, ended early but resumable; Ctrl-C is 130 and SIGTERM 143.
COMPLETE, WITH_FAILURES, BAD_INPUT, ENDED_EARLY, INTERRUPTED, TERMINATED = 0, 1, 2, 3, 130, 143


def exit_code(status: RunStatus) -> int:
    """What a command that ran or watched a run to this end answers."""
    return {"complete": COMPLETE, "complete with failures": WITH_FAILURES}.get(status, ENDED_EARLY)


def next_commands(run: Run, status: RunStatus, results: Path) -> list[str]:
    """What to type next, after `-m harness`, with `{run}` for its name; a simulated run has no server to ask again."""
    commands = NEXT[status]
    reason = str(run.about.get("reason", ""))
    if status == "failed" and ACCEPT in reason:
        commands = (f"resume {{run}} {ACCEPT}",) if NO_HELP in reason else (*commands, f"resume {{run}} {ACCEPT}")
    if run.about.get("simulated"):
        commands = tuple(command for command in commands if command.startswith(("show", "failed list")))
    return [command + where(results) for command in commands]
