"""An import that another process makes: its handle, and a thread that looks at it."""

from __future__ import annotations

import threading

from harness.errors import HarnessError
from harness.notebook.local import Phase
from harness.record.run import Run
from harness.record.run_view import RunView
from harness.session.control import RemoteHandle

EVERY_S = 0.5


class RemoteRun(RemoteHandle):
    """As a `LocalRun`, for a run under way in a process that is not ours: it is over when that one writes no more."""

    def __init__(self, run: Run) -> None:
        super().__init__(run)
        self.error: Exception | None = None
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

    def _watch(self) -> None:
        try:
            while self.run.writer_pid is not None:
                self._view = super().view()
                self._over.wait(EVERY_S)
            self._view = super().view()
        except (HarnessError, OSError) as error:
            self.error = error
        finally:
            self._over.set()
