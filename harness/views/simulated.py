"""What is said when a simulation is over: the figures of any run, and how long they took to get."""

from __future__ import annotations

from collections.abc import Sequence

from harness.record.summary import Summary
from harness.views.screen import Screen, labelled
from harness.views.summary import summary_lines
from harness.views.text import count, duration


def simulated_text(
    summary: Summary, screen: Screen, took_s: float, *, program: str, items: str | None, commands: Sequence[str]
) -> str:
    """As `summary_text`; took_s: how long the simulation took. Without files (items None) there is nothing to name."""
    lines = summary_lines(summary, screen, program=program, items=items, commands=commands)
    faster = summary.duration_s / took_s if took_s > 0 else 0.0
    times = f", {count(round(faster))} times as fast as it would be" if faster >= 2 else ""
    virtual = labelled([("simulated", f"in {duration(took_s)}{times}; no request was sent", "")], screen)
    return screen.render(*lines, *virtual)
