"""The two handles of a run that notebooks hold: `LocalRun` in a thread of this process, `RemoteRun` in another process.

A `LocalRun` is for callers that must stay free, above all a notebook's kernel:

    import_ = LocalRun(config).start()
    import_.pause(); import_.resume(); import_.set(workers=20); import_.stop()
    import_.wait()

The thread runs trio and the import; nobody else touches either. Steering is posted to it, and what it knows is
published as a `RunView`, which does not change. So it makes no difference from which thread or loop a button's
callback comes, nor whether that loop lives on. A `RemoteRun` has a thread that looks at the run's files.
"""

from __future__ import annotations

import atexit
import threading
import weakref
from collections import deque
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Literal

import trio

from harness.config import ImportConfig
from harness.errors import HarnessError
from harness.record.control import Command
from harness.record.events import Event, ItemId
from harness.record.follow import timeline_of
from harness.record.live import Live
from harness.record.run import Run
from harness.record.run_view import RunView
from harness.record.state import State
from harness.record.timeline import Timeline
from harness.scale.importing import run_import
from harness.session.control import Answer, Asked, RemoteHandle, obey
from harness.session.reader import settings_of, view_under_way, written_summary
from harness.session.session import Session
from harness.speed import clock_at

Phase = Literal["new", "starting", "under way", "stopping", "over"]

# An interrupt acts when whoever waits next wakes.
LOOK_S = 0.25
# A kernel that is restarted gets five seconds from Jupyter: requests in flight have this long, then they are cut off.
FAREWELL_S = 2.0

_started: weakref.WeakSet[LocalRun] = weakref.WeakSet()


class LocalRun:
    """One session of an import, begun by `start`, over when `phase` says so. Every method may be called at any time.

    It is a `RunHandle`. first: what the thread does before that, such as reopening a run. url: the list's. error: what
    ended it, if anything did.
    """

    def __init__(self, config: ImportConfig, first: Callable[[], object] = lambda: None) -> None:
        self.config = config
        self._first = first
        self.url: str | None = None
        self.run: Run | None = None
        self.error: Exception | None = None
        self._view: RunView | None = None
        self._timeline = Timeline()
        self._heard: deque[Event] = deque()  # events that are not in the timeline yet
        self._session: Session | None = None
        self._token: trio.lowlevel.TrioToken | None = None
        self._scope: trio.CancelScope | None = None
        self._stopping = False
        self._over = threading.Event()
        # A daemon, so that an interpreter that ends is not held up; `_farewell` lets it write what it has first.
        self._thread = threading.Thread(target=self._run, name="harness-import", daemon=True)

    @property
    def phase(self) -> Phase:
        """Return how far the session itself is; what the import does is in `view`."""
        if self._over.is_set():
            return "over"
        if self._thread.ident is None:
            return "new"
        if self._stopping:
            return "stopping"
        return "starting" if self._view is None else "under way"

    def start(self) -> LocalRun:
        """Begin; RuntimeError where it was begun before."""
        _started.add(self)
        self._thread.start()
        return self

    def wait(self, timeout_s: float | None = None, look: Callable[[], object] = lambda: None) -> Run:
        """Wait for the end and return the run; raise the error that ended it, or TimeoutError after `timeout_s`.

        look: called a few times a second meanwhile. Interrupted, it stops the import, waits for its files to be
        whole, and lets the interrupt pass.
        """
        try:
            left_s = timeout_s
            while not self._over.wait(LOOK_S if left_s is None else min(LOOK_S, left_s)):
                look()
                left_s = None if left_s is None else left_s - LOOK_S
                if left_s is not None and left_s <= 0:
                    raise TimeoutError(f"the import has not ended after {timeout_s:g} s; it continues")
        except KeyboardInterrupt:
            self.farewell("interrupted")
            raise
        look()
        if self.error is not None:
            # Without the chain: groups of exceptions leave a notebook's cell without a message.
            self.error.__cause__, self.error.__suppress_context__ = None, True
            raise self.error.with_traceback(None)
        assert self.run is not None, "over, without an error and without a run"
        return self.run

    def farewell(self, reason: str) -> None:
        """Stop, at once if need be, and return when the files are whole or that takes too long."""
        for _ in range(2):
            self.stop(reason)
            if self._over.wait(FAREWELL_S):
                return

    # --- steering: posted to the import's thread -----------------------------------------------------------------

    def view(self) -> RunView | None:
        """Return the run as it was at the last moment that the import published."""
        return self._view

    def pause(self) -> Asked:
        return self._post("pause")

    def resume(self) -> Asked:
        return self._post("resume")

    def set(self, *, workers: int | None = None, limit: str | None = None) -> Asked:
        return self._post("set", workers=workers, limit=limit)

    def retry(self, items: Collection[ItemId] | None = None) -> Asked:
        return self._post("retry", items=items)

    def forget(self, items: Collection[ItemId] | None = None) -> Asked:
        return self._post("forget", items=items)

    def stop(self, reason: str = "stopped") -> Asked:
        """Finish what is in flight, then end; a second call ends at once."""
        again, self._stopping = self._stopping, True
        if self._session is None or (again and self._session.driver is None):
            self._tell(self._cancel)  # it has not begun: there is nothing to finish
            return _Posted(Answer())
        return self._post("stop", reason=reason)

    def _post(self, command: Command, **values: Any) -> Asked:
        asked = _Posted()

        def do() -> None:
            if self._session is None:
                return
            try:
                asked.said = Answer(obey(self._session, command, values).get("count"))
            except Exception as error:  # whoever asked is in another thread, and trio would break off everything
                asked.said = Answer(error=str(error))

        self._tell(do)
        return asked

    def _tell(self, what: Callable[[], object]) -> None:
        if self._token is not None:
            with suppress(trio.RunFinishedError):  # it is over: nothing to steer any more
                self._token.run_sync_soon(what)

    def _cancel(self) -> None:
        if self._scope is not None:
            self._scope.cancel()

    # --- in the import's thread ----------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            self._first()
            trio.run(self._import, clock=clock_at(self.config.speed))
        except Exception as error:
            self.error = error
        finally:
            self._over.set()

    async def _import(self) -> None:
        self._token = trio.lowlevel.current_trio_token()
        with trio.CancelScope() as self._scope:
            if self._stopping:
                self._scope.cancel()
            self.run = await run_import(self.config, on_start=self._begun, on_update=self._update)
            written = written_summary(self.run)
            if self._view is not None and written is not None:  # from here on, what the file says
                self._view = replace(self._view, summary=written)
        if self._scope.cancelled_caught:
            raise HarnessError("the import was stopped before it began; start it again")

    def _begun(self, session: Session, url: str) -> None:
        self.run, self.url = session.run_folder, url
        self._timeline = timeline_of(session.run_folder.folder)  # of earlier sessions
        self._timeline.begin(session.state.session.number)
        # Its first event was before anybody listened.
        self._timeline.settings(0.0, workers=session.state.workers, limits=session.state.limits)
        session.on_event = self._heard.append
        self._session = session

    def _update(self, state: State, live: Live) -> None:
        assert self.run is not None
        while self._heard:
            self._timeline.apply(self._heard.popleft())
        now_s = live.t_s if state.status.is_open else None
        bins, settings = self._timeline.bins(now_s), settings_of(self.run)
        self._view = view_under_way(self.run.name, state, live, self.config, bins, settings)


@dataclass(slots=True)
class _Posted:
    """A command on its way to the import's thread."""

    said: Answer | None = None

    def answer(self) -> Answer | None:
        return self.said


@atexit.register
def _farewell() -> None:
    """Stop what is running when the kernel shuts down or restarts, so that it is recorded and says why it ended."""
    for running in list(_started):
        if running.phase in ("starting", "under way", "stopping"):
            running.farewell("the notebook's kernel was shut down or restarted")


EVERY_S = 0.5


class RemoteRun(RemoteHandle):
    """A run in its folder, used like a `LocalRun`: it is over when no process writes it, as one that had ended before.

    seen_open: a session was under way when it was looked at (a lock is also held to forget what failed).
    """

    def __init__(self, run: Run) -> None:
        super().__init__(run)
        self.error: Exception | None = None
        self.seen_open = False
        self._view: RunView | None = None
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="harness-watch", daemon=True)

    @property
    def phase(self) -> Phase:
        """`under way` from the first look on."""
        if self._over.is_set():
            return "over"
        return "starting" if self._view is None else "under way"

    def start(self) -> RemoteRun:
        """Begin to look, twice a second."""
        self._thread.start()
        return self

    def view(self) -> RunView | None:  # type: ignore[override]  # reading takes time, which the thread has
        """Return the run as it was when the thread last looked."""
        return self._view

    def close(self) -> None:
        """Look no more."""
        self._over.set()

    def _watch(self) -> None:
        try:
            while self.run.writer_pid is not None and not self._over.is_set():
                self._view = super().view()
                self.seen_open = self.seen_open or self._view.status.is_open
                self._over.wait(EVERY_S)
            if not self._over.is_set():
                self._view = super().view()
        except (HarnessError, OSError) as error:
            self.error = error
        finally:
            self._over.set()
