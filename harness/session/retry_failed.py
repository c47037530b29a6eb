"""Retry or forget failed items, in a running core or in a run that has ended.

Items that failed are made ready again, in a running core or for `resume` to fetch, or given up. Of a run that
has ended the results are written anew.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import replace

from harness.core.core import Core
from harness.core.work import Task
from harness.errors import RecordError
from harness.record import events as e
from harness.record.clock import utc_s
from harness.record.fold import fold
from harness.record.formats import Options
from harness.record.gather import gather_rest
from harness.record.history import recorded
from harness.record.items import write_items
from harness.record.parts import clear_temporary, compact
from harness.record.recorder import Recorder, later_writer
from harness.record.run import Run, write_summary
from harness.record.shards import shard_folders
from harness.record.state import State
from harness.record.summary import Summary
from harness.session.optimality import figures, revealed
from harness.settings import figures_config


def retry_failed(core: Core, now: float, items: Collection[e.ItemId] | None = None) -> int:
    """Make what failed for good ready again, as if it had never been tried; answers how much that was.

    items: only these, of which forgotten ones count as well; None: every failed item and page.
    """
    if core.over:
        return 0
    again = to_retry(core.state, items)
    for role, key in again:
        core.emit(e.Retried(now, role, key))
    for role, key in reversed(again):
        core.work.put_back(Task(role, key))  # before all others: somebody waits to see them
    return len(again)


def retry_pages(core: Core, now: float) -> int:
    """Make the pages that failed for good ready again, and no item; answers how many."""
    pages = [failure.key for failure in core.state.failed_pages]
    for page in pages:
        core.emit(e.Retried(now, "list", page))
        core.work.put_back(Task("list", page))
    return len(pages)


def forget_failed(core: Core, now: float, items: Collection[e.ItemId] | None = None) -> int:
    """Give failed items up, all or these; answers how many."""
    if core.over:
        return 0
    gone = to_forget(core.state, items)
    for item in gone:
        core.emit(e.Forgotten(now, item))
    return len(gone)


def to_retry(state: State, items: Collection[e.ItemId] | None = None) -> list[tuple[e.Role, e.Key]]:
    """Return (role, key) of what `retry_failed` would make ready, in the order in which it was listed."""
    if items is not None:
        return [("item", item) for item in dict.fromkeys(items) if state.items.state(item) in ("failed", "forgotten")]
    pages: list[tuple[e.Role, e.Key]] = [("list", failure.key) for failure in state.failed_pages]
    return [*pages, *(("item", item) for item in state.items.in_state("failed"))]


def to_forget(state: State, items: Collection[e.ItemId] | None = None) -> list[e.ItemId]:
    """Return the failed items that `forget_failed` would give up."""
    if items is None:
        return state.items.in_state("failed")
    return [item for item in dict.fromkeys(items) if state.items.state(item) == "failed"]


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
    with run.locked():
        settled = run.settled
        state = run.state()
        before = dict(state.gathered)
        of_shards = _change_shards(run, state, events_of)
        events = events_of(state, max(0.0, utc_s() - state.session.utc_s))
        if not events and state.gathered == before:
            return 0
        _record_later(run, state, events)
        if not state.status.is_open:  # else its process was killed, which is still so
            conclude(run, state, ended_summary(run, state), items=not settled)
        return of_shards + len(events)


def _change_shards(run: Run, state: State, events_of: Callable[[State, float], list[e.Event]]) -> int:
    """Record more in each shard of a run, and then in its `state` what all of them have to tell; answers how much.

    What a shard has begun is its own to know: it goes on by its own record.
    """
    count = 0
    for folder in shard_folders(run.folder):
        shard = Run(folder)
        with shard.locked():
            known = shard.state()
            events = events_of(known, max(0.0, utc_s() - known.session.utc_s)) if known.session.number else []
            _record_later(shard, known, events)
            count += len(events)
    gather_rest(run, state)
    return count


def _record_later(run: Run, state: State, events: list[e.Event]) -> None:
    """Record and fold what is asked of a run that has ended, as a writer of its own."""
    if not events:
        return
    number = state.session.number
    recorder = Recorder(run.folder, run.name, number, later_writer(run.folder, number))
    for event in events:
        recorder.record(event)
    recorder.flush()
    fold(events, state)


def settle(run: Run) -> None:
    """Write what a process that was killed at the end of a complete run had not written yet; its events tell it all."""
    if run.settled or not run.status.is_complete:
        return
    with run.locked():
        if not run.settled:
            clear_temporary(run.folder)
            state = run.state()
            conclude(run, state, ended_summary(run, state))


def conclude(run: Run, state: State, summary: Summary, *, items: bool = True) -> None:
    """Write what lies beside the events of a run once a session has ended, from its `state`. Hold its lock.

    All of it can be made again from the events. run.json comes last, for it says that the rest is there. items: False
    where items.parquet already holds what was imported.
    """
    if items:
        wanted = lambda item: state.items.state(item) == "imported"  # noqa: E731
        write_items(run.folder, wanted, options=Options.of(run.in_force))
    write_summary(run, summary.as_dict())
    # Nothing more is to come, unless somebody retries what failed: then that is compacted in its turn.
    if state.status.is_complete:
        with suppress(RecordError):  # it only makes reading quicker: everything is on disk
            compact(run.folder)
    ended = {"status": state.status, "reason": state.reason, "ended_utc_s": state.ended_utc_s}
    run.note(**ended, recorded=recorded(run.folder), settled=True)


def ended_summary(run: Run, state: State, status: e.RunStatus | None = None) -> Summary:
    """Return the figures of a run from its files alone; `status` where the state cannot know it.

    What the server counted is known only from the summary that the same session wrote.
    """
    written = run.summary()
    before = None if written is None else Summary.from_dict(written)
    ledger = before.server if before is not None and before.sessions == state.session.number else None
    over = not (status or state.status).is_open
    learned = revealed(run.folder, state) if over else ()
    config = figures_config(run.folder / "run.json", run.config)
    return replace(
        figures(run.name, state, config, ledger, status, learned), assumed=run.assumed, shared_with=run.shared_with
    )


def last_figures(run: Run) -> Summary | None:
    """Return the figures of a run that has ended, from the file or its events; None where it has not."""
    written = run.summary()
    if written is not None:
        return Summary.from_dict(written)
    status = run.status
    return None if status.is_open or status is e.RunStatus.INTERRUPTED else ended_summary(run, run.state(), status)
