"""What it takes a killed import of a million items to go on: its last snapshot, the events after it, no payload.

Killed just before the next snapshot was due, so that the tail is as long as it gets. In processor time, which is what
it takes on a machine that has nothing else to do.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from time import process_time

from benchmarks.core import PER_PAGE
from benchmarks.measure import Figure, alone
from harness.record import events as e
from harness.record.fold import fold
from harness.record.follow import Follower
from harness.record.history import payloads_on_disk
from harness.record.recorder import FLUSH_EVENTS, Recorder
from harness.record.run import Run, create_run
from harness.record.snapshot import SNAPSHOT_EVENTS, SNAPSHOT_SHARE, freeze, write_snapshot
from harness.record.state import State


def measure(rounds: int = 3, items: int = 1_000_000) -> list[Figure]:
    """Seconds until the state is there and the first item can be sent; then those of a look at what is new."""
    with TemporaryDirectory() as folder:
        run = create_run(Path(folder), "bench", {}, 0.0)
        _killed(run, items)
        resumed, polled = [], []
        for _ in range(rounds):
            began = process_time()
            state = run.state()
            payloads_on_disk(run.folder, state)
            pending = state.items.in_state("pending")
            resumed.append(process_time() - began)
            assert len(state.items) == items
            assert pending
            follower = Follower(run)
            follower.poll()
            began = process_time()
            follower.poll()
            polled.append(1000 * (process_time() - began))
    return [
        alone(f"resume, {items:,} items, from snapshot and tail", "processor s", resumed, at_most=5),
        alone(f"watch, {items:,} items, one look", "processor ms", polled, at_most=250),
    ]


def _killed(run: Run, items: int) -> None:
    """A run with a snapshot after four fifths of its items, and as many events after it as there can be."""
    tail = min(items // 5, max(SNAPSHOT_EVENTS, items // SNAPSHOT_SHARE) - 1)
    told = _told(items)
    before = items // PER_PAGE + 1 + max(0, items * 4 // 5 - tail)
    recorder = Recorder(run.folder, run.name, 1)
    write_snapshot(run.folder, freeze(fold(islice(told, before), State()), recorder.writer, before))
    recorder.seq = before
    for at, event in enumerate(islice(told, tail), 1):
        recorder.put(event.item, "{}")  # type: ignore[union-attr]
        recorder.record(event)
        if at % FLUSH_EVENTS == 0:
            recorder.flush()
    recorder.flush()


def _told(items: int) -> Iterator[e.Event]:
    yield e.SessionStarted(0.0, 1, 0.0, 10, "500/20s", "window", "here")
    pages = items // PER_PAGE
    for page in range(1, pages + 1):
        ids = tuple(range((page - 1) * PER_PAGE + 1, page * PER_PAGE + 1))
        yield e.PageListed(page + 0.2, e.numbered(page), 1, page + 0.0, page + 0.1, 200, ids, items, pages, None)
    for item in range(1, items + 1):
        yield e.ItemImported(item + 0.2, item, 1, item + 0.0, item + 0.1, 200, 200)
