"""Show how a cluster does: what runs on how many workers, and which of them came or went."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from harness.views.text import count, plural

# A scheduler is asked each second, and one that is busy may miss a few.
_SILENT = 5


def cluster_text(threads: Mapping[str, int], running: int, waiting: int, silent: int) -> str:
    """`4 running, 12 waiting on 2 workers with 4 threads`. threads: of each worker, by its address.

    silent: for how many seconds the scheduler has not answered.
    """
    if silent >= _SILENT:
        return f"the scheduler has not answered for {silent} s"
    if not threads:
        return f"{count(waiting)} waiting for a worker"
    return f"{count(running)} running, {count(waiting)} waiting on {_size(threads)}"


def worker_changes(before: Mapping[str, int], after: Mapping[str, int]) -> Iterator[str]:
    """Yield a line for each worker that left or joined."""
    for address in before.keys() - after.keys():
        left = f"{_size(after)} left" if after else "none is left"
        yield f"worker {address} is gone, {left}; what it had begun runs again"
    for address in after.keys() - before.keys():
        yield f"worker {address} has joined: {_size(after)}"


def _size(threads: Mapping[str, int]) -> str:
    return f"{plural(len(threads), 'worker')} with {plural(sum(threads.values()), 'thread')}"
