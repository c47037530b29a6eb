"""Tasks on a cluster whose workers die: every result comes once, and only what kills workers is blamed.

Dask is played here, by its rules: a worker is sent two tasks at a time, and when it dies both are blamed.
"""

from __future__ import annotations

import pickle
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import pytest
from hypothesis import given, strategies as st

from harness.errors import ClusterFailed, HarnessError, WorkerLost
from harness.scale.cluster_executor import ClusterExecutor, carried_out, this_release

SENT = 2


class Death(BaseException):
    """The process of the worker is gone."""


class KilledWorker(Exception):
    def __init__(self, allowed_failures: int) -> None:
        super().__init__()
        self.allowed_failures = allowed_failures


class PlayedDask:
    """One worker at a time is looked at: it does what it was sent, or dies of it."""

    def __init__(self, workers: int, allowed_failures: int) -> None:
        self.workers: list[list[str]] = [[] for _ in range(workers)]
        self.allowed_failures = allowed_failures
        self.tasks: dict[str, tuple[Future[Any], Callable[..., Any], tuple[Any, ...]]] = {}
        self.queue: list[str] = []
        self.deaths: Counter[str] = Counter()

    def get_executor(self, *, pure: bool) -> PlayedDask:
        assert not pure
        return self

    def submit(self, function: Callable[..., Any], *args: Any, key: str) -> Future[Any]:
        future: Future[Any] = Future()
        self.tasks[key] = future, function, args
        self.queue.append(key)
        return future

    def step(self, which: int) -> None:
        """Let a worker do one of the tasks that it was sent: which of them it does first, nobody knows."""
        for sent in self.workers:
            while len(sent) < SENT and self.queue:
                sent.append(self.queue.pop(0))
        if sent := self.workers[which % len(self.workers)]:
            key = sent[which // len(self.workers) % len(sent)]
            future, function, args = self.tasks[key]
            if future.cancelled():
                sent.remove(key)
                return
            try:
                result = function(*args)
            except Death:
                self._die(sent)
                return
            sent.remove(key)
            future.set_result(result)

    def _die(self, sent: list[str]) -> None:
        lost = [*sent]
        sent.clear()
        for key in lost:
            self.deaths[key] += 1
        self.queue += [key for key in lost if self.deaths[key] <= self.allowed_failures]
        for key in lost:
            if self.deaths[key] > self.allowed_failures:
                self.tasks[key][0].set_exception(KilledWorker(self.allowed_failures))

    @property
    def is_idle(self) -> bool:
        return not self.queue and not any(self.workers)


def double(number: int) -> int:
    return 2 * number


def die(number: int) -> int:
    raise Death


@given(
    deadly=st.lists(st.booleans(), min_size=1, max_size=12),
    workers=st.integers(1, 3),
    allowed_failures=st.integers(0, 3),
    late=st.integers(0, 12),
    order=st.lists(st.integers(0, 5), max_size=40),
)
def test_what_kills_workers_is_blamed_and_nothing_else(
    deadly: list[bool], workers: int, allowed_failures: int, late: int, order: list[int]
) -> None:
    """Whatever the order, and however many are handed over later: each innocent task has its result, once."""
    dask = PlayedDask(workers, allowed_failures)
    executor = ClusterExecutor(dask, "dask://x")
    told: Counter[int] = Counter()
    futures = []

    def hand_over(at: int) -> None:
        future = executor.submit(die if deadly[at] else double, at)
        future.add_done_callback(lambda _: told.update([at]))
        futures.append(future)

    first = max(0, len(deadly) - late)
    for at in range(first):
        hand_over(at)
    for at, which in enumerate(order):
        dask.step(which)
        if first + at < len(deadly):
            hand_over(first + at)
    for at in range(len(futures), len(deadly)):
        hand_over(at)
    for which in range(10_000):
        if dask.is_idle:
            break
        dask.step(which)
    assert told == Counter(range(len(deadly)))
    for at, future in enumerate(futures):
        if deadly[at]:
            assert isinstance(future.exception(), WorkerLost)
            # Bounded: as often as Dask tries, twice.
            assert str(future.exception()).startswith(f"its worker died {2 * (allowed_failures + 1)} times, ")
        else:
            assert future.result() == 2 * at


def test_what_is_cancelled_is_taken_back_and_what_has_begun_is_not() -> None:
    """A future whose task a worker has been sent is running; a suspect and what is held back can be cancelled."""
    dask = PlayedDask(1, 0)
    executor = ClusterExecutor(dask, "dask://x")
    futures = [executor.submit(double, at) for at in range(4)]
    dask.step(0)
    assert executor.begun([*dask.workers[0], "another's"]) == 1
    assert [future.cancel() for future in futures] == [False, False, True, True]
    for _ in range(4):
        dask.step(0)
    assert (futures[0].result(), futures[1].result(), futures[2].cancelled()) == (0, 2, True)
    assert dask.is_idle


def test_suspects_are_cancelled_too() -> None:
    """One runs alone, the next waits, and a third task is held back until that is over."""
    dask = PlayedDask(1, 0)
    executor = ClusterExecutor(dask, "dask://x")
    futures = [executor.submit(die, 0), executor.submit(double, 1)]
    dask.step(0)
    held = executor.submit(double, 2)
    assert [*dask.tasks.values()][-1][2][0] == pickle.dumps((die, (0,), {}))
    assert held.cancel()
    assert futures[1].cancel()
    dask.step(0)
    assert isinstance(futures[0].exception(), WorkerLost)
    assert dask.is_idle


def test_when_the_scheduler_has_gone_all_futures_say_so() -> None:
    """Also those of suspects and of what was held back; and nothing more is taken."""
    dask = PlayedDask(1, 0)
    executor = ClusterExecutor(dask, "dask://x")
    futures = [executor.submit(die, 0), executor.submit(double, 1)]
    dask.step(0)
    futures.append(executor.submit(double, 2))
    for future, _, _ in dask.tasks.values():
        future.cancel()
    assert all(isinstance(future.exception(timeout=0), ClusterFailed) for future in futures)
    with pytest.raises(ClusterFailed, match="the scheduler dask://x is gone"):
        executor.submit(double, 3)


def recurse(number: int) -> int:
    return recurse(number + 1)


def stuck() -> None:
    raise ValueError(lambda: None)


@pytest.mark.parametrize(
    ("function", "args", "kind", "text"),
    [
        (recurse, (0,), RecursionError, "maximum recursion depth exceeded"),
        (stuck, (), HarnessError, "ValueError: <function stuck.<locals>.<lambda>"),
        (int, ("x",), ValueError, "invalid literal"),
    ],
)
def test_nothing_is_raised_on_a_worker(
    function: Callable[..., Any], args: tuple[Any, ...], kind: type[Exception], text: str
) -> None:
    """A worker of Dask stops for good where a traceback cannot be pickled; the error comes back as a value."""
    returned, error = pickle.loads(carried_out(pickle.dumps((function, args, {})), this_release()))
    assert (returned, type(error), error.__traceback__) == (False, kind, None)
    assert text in str(error)


def test_a_worker_of_another_release_does_nothing() -> None:
    """It says what it runs, without loading what it was sent."""
    returned, error = pickle.loads(carried_out(b"not loaded", ("9.9.9", "3.11")))
    assert (returned, type(error)) == (False, ClusterFailed)
    assert "and this command rate-limit-harness 9.9.9 on Python 3.11; stop that worker" in str(error)
