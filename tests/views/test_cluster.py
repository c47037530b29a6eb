"""What is said of a cluster."""

from __future__ import annotations

import io

import pytest

from harness.views.cluster import cluster_text, worker_changes
from harness.views.comparison import counting

TWO = {"tcp://a:1": 4, "tcp://b:1": 1}


@pytest.mark.parametrize(
    ("threads", "running", "waiting", "silent", "text"),
    [
        (TWO, 5, 1200, 0, "5 running, 1,200 waiting on 2 workers with 5 threads"),
        ({"tcp://b:1": 1}, 1, 0, 4, "1 running, 0 waiting on 1 worker with 1 thread"),
        ({}, 0, 3, 0, "3 waiting for a worker"),
        (TWO, 5, 3, 5, "the scheduler has not answered for 5 s"),
    ],
)
def test_how_a_cluster_does(threads: dict[str, int], running: int, waiting: int, silent: int, text: str) -> None:
    """In a few words, beside the number of runs done."""
    assert cluster_text(threads, running, waiting, silent) == text


def test_workers_that_leave_and_join_are_said() -> None:
    """Each in a line, with what is there now."""
    assert [*worker_changes(TWO, TWO)] == []
    assert [*worker_changes(TWO, {"tcp://b:1": 1})] == [
        "worker tcp://a:1 is gone, 1 worker with 1 thread left; what it had begun runs again"
    ]
    assert [*worker_changes({"tcp://b:1": 1}, {})] == [
        "worker tcp://b:1 is gone, none is left; what it had begun runs again"
    ]
    assert [*worker_changes({"tcp://b:1": 1}, TWO)] == ["worker tcp://a:1 has joined: 2 workers with 5 threads"]


def test_a_log_tells_how_it_goes_beside_what_is_done() -> None:
    """A line when a twentieth more is done, and the last one once; what is said meanwhile stands between them."""
    stream = io.StringIO()
    with counting("run", 40, "plain", stream) as tell:
        for done in (0, 1, 2, 2, 40, 40):
            tell(done, 1, "2 running")
            if done == 1:
                tell.say("a worker is gone")
    assert stream.getvalue().splitlines() == [
        "a worker is gone",
        "2 of 40 runs done, 1 failed (2 running)",
        "40 of 40 runs done, 1 failed",
    ]
