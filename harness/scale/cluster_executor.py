"""Hand tasks to a Dask cluster so that a lost worker costs nothing but time.

Dask runs a task again when its worker dies, and gives up when that has happened `allowed-failures` + 1 times (its
scheduler's setting, 4 times by default). It blames every task that the worker had been sent, begun or not, so that a
task that kills its workers takes innocent ones with it. Here a task that Dask gave up is a *suspect*: it runs once more
when nothing else of ours does. If its workers die then as well, it was the task, and its future raises WorkerLost.
"""

from __future__ import annotations

import pickle
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Executor, Future, InvalidStateError
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from uuid import uuid4

from harness.errors import ClusterFailed, HarnessError, WorkerLost
from harness.installation import PACKAGE, version

# The version of this package, and Python's `3.11`: what must be alike for a task to give the same result anywhere.
Release = tuple[str, str]


@cache
def this_release() -> Release:
    """Return what this process runs."""
    return version(), f"{sys.version_info.major}.{sys.version_info.minor}"


def carried_out(payload: bytes, wanted: Release) -> bytes:
    """Do a task, on a worker; return, pickled, whether it returned, and what it returned or raised.

    payload: the function and its arguments, pickled, so that neither the scheduler nor a worker that does not fit loads
    what they are made of. Nothing is raised: a traceback that cannot be pickled stops a worker of Dask for good.
    """
    try:
        here = this_release()
        if here != wanted:
            runs, wants = (f"{PACKAGE} {release[0]} on Python {release[1]}" for release in (here, wanted))
            raise ClusterFailed(f"a worker that joined runs {runs}, and this command {wants}; stop that worker")
        function, args, kwargs = pickle.loads(payload)
        return pickle.dumps((True, function(*args, **kwargs)))
    except Exception as error:
        return _pickled(error)


def _pickled(error: Exception) -> bytes:
    """Pickle an error so that it can be read anywhere: without its traceback, and as text where it is a stranger."""
    bare = error.with_traceback(None)
    bare.__cause__ = bare.__context__ = None
    try:
        made = pickle.dumps((False, bare))
        pickle.loads(made)
    except Exception:
        return pickle.dumps((False, HarnessError(f"{type(error).__name__}: {error}")))
    return made


@dataclass(eq=False, slots=True)
class _Task:
    """What was handed over. alone: it is a suspect. deaths: of workers that had been sent it, as Dask counts them."""

    payload: bytes
    name: str
    future: Future[Any] = field(default_factory=Future)
    inner: Future[Any] | None = None
    alone: bool = False
    deaths: int = 0


class ClusterExecutor(Executor):
    """`concurrent.futures` on a Dask client. Futures raise WorkerLost, ClusterFailed, or what the function raised.

    once_more: a suspect runs once more, alone. Not where tasks wait for each other.
    """

    def __init__(self, client: Any, named: str, *, once_more: bool = True) -> None:
        self._once_more = once_more
        # pure=False: two tasks with the same arguments are two tasks.
        self._dask, self._named = client.get_executor(pure=False), named
        # Reentrant: what is over at once is told in the thread that hands it over.
        self._lock = threading.RLock()
        self._sent: dict[str, _Task] = {}
        self._suspects: deque[_Task] = deque()
        self._held: deque[_Task] = deque()
        self._failed: ClusterFailed | None = None

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Hand a task over; it is held back while a suspect runs alone."""
        task = _Task(pickle.dumps((fn, args, kwargs)), getattr(fn, "__name__", "task"))
        task.future.add_done_callback(lambda future: self._give_up(task) if future.cancelled() else None)
        with self._lock:
            if self._failed is not None:
                raise self._failed
            if any(sent.alone for sent in self._sent.values()):
                self._held.append(task)
            else:
                self._send(task)
        return task.future

    def begun(self, keys: Iterable[Any]) -> int:
        """Mark tasks of ours that a worker has been sent: such a future is running, so it cannot be cancelled.

        keys: of tasks, anybody's. Returns how many are ours.
        """
        with self._lock:
            ours = [self._sent[key] for key in keys if key in self._sent]
            for task in ours:
                if not (task.future.running() or task.future.done()):
                    with suppress(InvalidStateError):  # cancelled in this moment
                        task.future.set_running_or_notify_cancel()
        return len(ours)

    def _send(self, task: _Task) -> None:
        key = f"{task.name}-{uuid4().hex}"
        self._sent[key] = task
        task.inner = self._dask.submit(carried_out, task.payload, this_release(), key=key)
        task.inner.add_done_callback(lambda inner: self._over(key, inner))

    def _over(self, key: str, inner: Future[Any]) -> None:
        """Pass on what became of a task, or put it among the suspects. Called in the client's thread: never waits."""
        with self._lock:
            task = self._sent.pop(key)
            error = self._error(task, inner)
            may_be_innocent = self._once_more and not task.alone and not task.future.cancelled()
            suspected = isinstance(error, WorkerLost) and may_be_innocent
            if suspected:
                task.alone = True
                self._suspects.append(task)
            if isinstance(error, ClusterFailed) and not task.future.cancelled():
                self._failed = error
            stranded = self._go_on()
        if not suspected:
            _settle(task.future, inner, error)
        for left in stranded:
            _settle(left.future, inner, self._failed)

    def _error(self, task: _Task, inner: Future[Any]) -> BaseException | None:
        if inner.cancelled():
            return ClusterFailed(f"the scheduler {self._named} is gone, or has cancelled what it was given")
        error = inner.exception()
        if type(error).__name__ == "KilledWorker":  # not imported: only a worker's and a client's process need Dask
            task.deaths += error.allowed_failures + 1  # type: ignore[union-attr]
            return WorkerLost(
                f"its worker died {task.deaths} times, at last while nothing else ran; see the worker's log"
            )
        if isinstance(error, ModuleNotFoundError) and (error.name or "").partition(".")[0] == "harness":
            return ClusterFailed(f"a worker that joined has no {PACKAGE}; stop that worker, or install it there")
        return error

    def _go_on(self) -> list[_Task]:
        """Send what is held back, or the next suspect when nothing else is under way.

        Returns what can never be sent, because the cluster has failed.
        """
        if self._failed is not None:
            stranded = [*self._held, *self._suspects]
            self._held.clear()
            self._suspects.clear()
            return stranded
        if not any(task.alone for task in self._sent.values()):
            while self._held:
                self._send(self._held.popleft())
            if not self._sent and self._suspects:
                self._send(self._suspects.popleft())
        return []

    def _give_up(self, task: _Task) -> None:
        """Take back a task whose future was cancelled."""
        with self._lock:
            for line in (self._held, self._suspects):
                if task in line:
                    line.remove(task)
                    task.future.set_running_or_notify_cancel()
            inner = task.inner
        if inner is not None:
            inner.cancel()


def _settle(future: Future[Any], inner: Future[Any], error: BaseException | None) -> None:
    if future.cancelled():
        with suppress(InvalidStateError):
            future.set_running_or_notify_cancel()
        return
    with suppress(InvalidStateError):  # cancelled in this moment
        returned, value = (False, error) if error is not None else pickle.loads(inner.result())
        if returned:
            future.set_result(value)
        else:
            future.set_exception(value)
