"""What the import that is shown is doing, in one word; what is of use to press then; and what is said of its end."""

from __future__ import annotations

from harness.notebook.handles import LocalRun, RemoteRun
from harness.record.run import Run
from harness.record.run_view import RunView
from harness.views.figures import best_of, items_said

# What is of use to press, by what the import that is shown does. `retry` and `forget` need failed items besides.
_OF_USE: dict[str, frozenset[str]] = {
    "idle": frozenset(),
    "starting": frozenset({"stop"}),
    "running": frozenset({"pause", "stop", "set", "retry", "forget"}),
    "paused": frozenset({"resume", "stop", "set", "retry", "forget"}),
    "stopping": frozenset({"stop"}),
    "complete": frozenset(),
    "complete with failures": frozenset({"retry", "forget"}),
    "stopped": frozenset({"resume", "retry", "forget"}),
    "interrupted": frozenset({"resume", "retry", "forget"}),
    "failed": frozenset({"resume", "retry", "forget"}),
}


def phase_of(import_: LocalRun | RemoteRun | None, known: RunView | None) -> str:
    """Return a key of the table above. known: what is on the board of this run while its files are read anew."""
    if import_ is None:
        return "idle"
    if isinstance(import_, LocalRun) and import_.phase in ("starting", "stopping"):
        return import_.phase
    now = import_.view() or known
    if import_.phase == "over" and import_.error is not None:
        return "idle" if import_.run is None or isinstance(import_, RemoteRun) else "failed"
    if now is None:
        return "idle"
    if import_.phase == "over":
        return now.summary.status
    return now.status if now.status.is_open else "stopping"  # its files are being written


def of_use(phase: str, *, at_work: bool, busy: bool, failed: bool) -> frozenset[str]:
    """Return the controls that are of use. at_work: an import runs in this process; busy: the one shown is running;
    failed: it has failed items.
    """
    enabled = _OF_USE[phase]
    if not at_work:
        enabled |= {"start"}  # an import of another process is no reason not to start one
    elif not busy:  # going on would have to begin here
        enabled -= {"resume", "retry"}
    return enabled if failed else enabled - {"retry", "forget"}


def found_words(run: Run) -> str:
    """Say what became of the last import, and how to continue it, on a board that opens; "" where it is over."""
    status = run.status
    if status.is_resumable:
        why = run.about.get("reason") or "its process is gone"
        return f"The last import, {run.name}, was {status} ({why}): Resume continues it."
    return f"{run.name} is being imported by another process; these controls steer it." if status.is_open else ""


def last_words(import_: LocalRun | RemoteRun, steers: bool) -> str:
    """Return how the import ended, and where the data is. steers: whether there is a button to go on with it."""
    if import_.error is not None:
        kept = "" if import_.run is None else " What was recorded is safe."
        return f"{str(import_.error).removesuffix('.')}.{kept}"
    now = import_.view()
    assert now is not None
    assert import_.run is not None
    figures = now.summary
    best = f", {best_of(figures)}" if best_of(figures) else ""
    said = f"{figures.status}: {items_said(figures)}{best}"
    if not steers:  # to people who only watch, this machine's folders are no news
        return said
    going_on = " Resume continues it." if figures.status.is_resumable else ""
    return f"{said}. Data: {import_.run.folder / 'items.parquet'}.{going_on}"
