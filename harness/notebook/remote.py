"""An import that another process makes: looked at through its files, steered by requests left in its folder."""

from __future__ import annotations

import threading
from collections.abc import Collection

from harness.errors import HarnessError
from harness.notebook.local import Phase
from harness.notebook.run_index import Detail, RunIndex
from harness.pacing import Tiers, format_tiers
from harness.record.control import Command, ask
from harness.record.events import ItemId
from harness.record.glance import Glance
from harness.record.run import Run
from harness.record.tape import Course

EVERY_S = 0.5


class RemoteRun:
    """As a `LocalRun`, for a run under way in a process that is not ours: it is over when that one writes no more."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.glance: Glance | None = None
        self.course: Course | None = None
        self.error: Exception | None = None
        self.said = ""
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="harness-watch", daemon=True)

    @property
    def phase(self) -> Phase:
        """`under way` from the first look on."""
        if self._over.is_set():
            return "over"
        return "starting" if self.glance is None else "under way"

    def start(self) -> RemoteRun:
        """Begin to look, twice a second."""
        self._thread.start()
        return self

    def pause(self) -> None:
        """Ask it to send nothing new."""
        self._ask("pause")

    def resume(self) -> None:
        self._ask("resume")

    def stop(self, reason: str = "stopped") -> None:
        """Ask it to finish what is in flight and end."""
        self._ask("stop")

    def set_workers(self, workers: int) -> None:
        self._ask("set", workers=workers)

    def set_limits(self, limits: Tiers) -> None:
        self._ask("set", limit=format_tiers(limits))

    def retry_failed(self, items: Collection[ItemId] | None = None) -> None:
        """Ask it to fetch again what failed for good."""
        self._ask("retry")

    def _ask(self, command: Command, **values: object) -> None:
        try:
            ask(self.run, command, **values)
        except HarnessError as error:
            self.said = str(error)

    def _watch(self) -> None:
        detail = Detail(self.run, RunIndex(self.run.folder.parent))
        try:
            while self.run.writer_pid is not None:
                self.glance, self.course = detail.look()
                self._over.wait(EVERY_S)
            self.glance, self.course = detail.look()
        except (HarnessError, OSError) as error:
            self.error = error
        finally:
            self._over.set()
