"""What people ask of a core while it runs, beyond its own few words: failed items tried again, or given up."""

from __future__ import annotations

from collections.abc import Collection

from harness.engine.core import Core
from harness.engine.work import Task
from harness.record import events as e
from harness.record.state import State


def retry_failed(core: Core, now: float, items: Collection[e.ItemId] | None = None) -> int:
    """Make what failed for good ready again, as if it had never been tried; answers how much that was.

    items: only these, of which forgotten ones count as well; None: every failed item and page.
    """
    if core.over:
        return 0
    again = to_retry(core.state, items)
    for kind, key in again:
        core.emit(e.Retried(now, kind, key))
    for kind, key in reversed(again):
        core.work.put_back(Task(kind, key))  # before all others: somebody waits to see them
    return len(again)


def forget_failed(core: Core, now: float, items: Collection[e.ItemId] | None = None) -> int:
    """Give failed items up, all or these; answers how many."""
    if core.over:
        return 0
    gone = to_forget(core.state, items)
    for item in gone:
        core.emit(e.Forgotten(now, item))
    return len(gone)


def to_retry(state: State, items: Collection[e.ItemId] | None = None) -> list[tuple[e.Kind, e.Key]]:
    """(kind, key) of what `retry_failed` would make ready, in the order in which it was listed."""
    if items is not None:
        return [("item", item) for item in dict.fromkeys(items) if state.items.state(item) in ("failed", "forgotten")]
    pages: list[tuple[e.Kind, e.Key]] = [("page", failure.key) for failure in state.failed_pages]
    return [*pages, *(("item", item) for item in state.items.in_state("failed"))]


def to_forget(state: State, items: Collection[e.ItemId] | None = None) -> list[e.ItemId]:
    """The failed items that `forget_failed` would give up."""
    if items is None:
        return state.items.in_state("failed")
    return [item for item in dict.fromkeys(items) if state.items.state(item) == "failed"]
