"""The panel around an import in the background: it starts, steers and shows the import.

Callbacks only start, post and take notes; all widgets are written by `tick`, on the kernel's loop.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import ipywidgets as w

from harness.config import ImportConfig
from harness.errors import BadInput, HarnessError
from harness.lab.simulate import scenarios
from harness.notebook.handles import LocalRun, RemoteRun
from harness.notebook.policy import EVERYTHING, Policy
from harness.pacing import format_tiers
from harness.pacing.strategies import STRATEGIES
from harness.record.clock import utc_s
from harness.record.run import Run, list_runs
from harness.record.run_view import RunView
from harness.session.control import Answer, Asked, RunHandle
from harness.session.importing import config_of, reopen
from harness.spec.presets import load, names
from harness.values import as_tiers
from harness.views.figures import best_of, items_said
from harness.views.panel.controls import Controls
from harness.views.panel.run_widget import RunWidget

_HINT = "It may pause again and again to wait for a limit; the chart shows which."


class Controller:
    """One import at a time, with its panel; `widget` is what a cell shows. results: the folder of the runs.

    policy: what may be asked for.
    """

    def __init__(self, settings: Mapping[str, Any], results: Path, policy: Policy = EVERYTHING) -> None:
        self.results = results
        self.policy = policy
        self.import_: LocalRun | RemoteRun | None = None
        self.run_widget = RunWidget()
        self._run_status: str = "idle"
        self._run: Run | None = None  # what Resume and Retry are about while nothing is under way
        self._lock = threading.Lock()
        self._note = ("", False)
        self._asked: Asked | None = None  # the last command, until it is answered
        self.shown: RunView | None = None
        self._ended: LocalRun | RemoteRun | None = None
        self.controls = Controls(
            settings,
            scenarios(),
            {name: (load(name).about, load(name).limits.get("default", "")) for name in names()},
            list(STRATEGIES),
            {
                "start": self.start,
                "pause": lambda: self._steer(lambda run: run.pause()),
                "resume": self.resume,
                "stop": lambda: self._steer(lambda run: run.stop()),
                "retry": self.retry,
                "workers": lambda workers: self._steer(lambda run: run.set(workers=workers)),
                "limit": self._set_limit,
            },
        )
        self.widget = w.VBox([self.controls.widget, self.run_widget])
        self._look_back()

    @property
    def busy(self) -> bool:
        """Return True if an import that this panel shows is running, here or in another process."""
        return self.import_ is not None and self.import_.phase != "over"

    @property
    def at_work(self) -> bool:
        """Return True if an import is running in this process."""
        return self.busy and isinstance(self.import_, LocalRun)

    def say(self, text: str, *, bad: bool = False) -> None:
        """Keep a sentence to be shown at the next tick."""
        self._note = (text, bad)

    # --- what the buttons do -------------------------------------------------------------------------------------

    def start(self) -> None:
        """Import as the form says; what is wrong with it is said, and nothing happens."""
        try:
            config = self.policy.checked({**self.controls.values(), "results": self.results})
        except BadInput as error:
            self.say(str(error), bad=True)
            return
        self._begin(config, _HINT if config.source.url is None else "")

    def go_on(self, run: Run, first: Callable[[], object] = lambda: None) -> None:
        """Resume `run` here. first: what is done to it before."""
        try:
            refused = self.policy.refusal_of_run(run)
            config = None if refused else self._config_of(run)
        except HarnessError as error:
            self.say(str(error), bad=True)
            return
        if config is None:
            self.say(str(refused), bad=True)
            return
        self._begin(config, f"continuing {run.name}", first)

    def resume(self) -> None:
        """Let a paused import send again; go on with one that has ended early."""
        if self.busy:
            self._steer(lambda run: run.resume())
        elif self._run is not None:
            self.go_on(self._run)

    def retry(self) -> None:
        """Fetch again what failed for good: now, or by going on with the run."""
        if self.busy:
            self._steer(lambda run: run.retry())
        elif self._run is not None:
            self.retry_in(self._run)

    def retry_in(self, run: Run) -> None:
        """Fetch again what failed for good in a run that has ended."""
        self.go_on(run, lambda: reopen(run))

    def _begin(self, config: ImportConfig, words: str, first: Callable[[], object] = lambda: None) -> None:
        with self._lock:  # two clicks may come in two threads
            if self.at_work:
                self.say("an import is already running here: stop it, or wait for its end", bad=True)
                return
            self.import_ = LocalRun(config, first).start()
        self.say(words)

    def _config_of(self, run: Run) -> ImportConfig:
        """Return the settings to go on with, secrets included where this is the import that was told them."""
        mine = self.import_
        if isinstance(mine, LocalRun) and mine.run is not None and mine.run.folder == run.folder:
            since: dict[str, Any] = run.about.get("asked", {})
            return mine.config.with_settings(run=run.name, resume=True, fresh=False, **since)
        names = run.config.get("header_names")
        if names:
            asked = f"run {run.name} was started with the headers {', '.join(names)}, which are never stored"
            raise BadInput(f"{asked}; resume it in a terminal, where they can be given again")
        return config_of(run)

    def _steer(self, command: Callable[[RunHandle], Asked]) -> None:
        if self.import_ is not None and self.policy.controls:
            try:
                self._asked = command(self.import_)
            except HarnessError as error:
                self.say(str(error), bad=True)

    def _set_limit(self, text: str) -> None:
        try:
            limits = as_tiers(text)
        except ValueError as error:
            self.say(str(error), bad=True)
            return
        self._steer(lambda run: run.set(limit=format_tiers(limits)))
        self.say(f"from now on the limit is {text}")

    # --- what is shown -------------------------------------------------------------------------------------------

    def tick(self) -> None:
        """Write the widgets, where something has changed."""
        import_ = self.import_
        if import_ is not None:
            self._show(import_)
            if import_.phase == "over" and self._ended is not import_:
                self._ended, self._run = import_, import_.run or self._run
                self.say(_last_words(import_), bad=import_.error is not None)
        failed = 0 if self.shown is None else self.shown.summary.failed
        # One that is only watched is no reason not to start another.
        self.controls.enable(self._phase(), failed, {"start"} if self.busy and not self.at_work else set())
        self.controls.say(self._note[0], bad=self._note[1])

    def _show(self, import_: LocalRun | RemoteRun) -> None:
        now, said = import_.view(), self._answer()
        if said.error:
            self.say(said.error, bad=True)
        if now is None and import_.phase == "starting" and self.shown is not None:
            self.shown = None
            self.run_widget.say("")
        if now is not None and now is not self.shown:
            self.shown = now
            self.run_widget.show(now, utc_s())

    def _answer(self) -> Answer:
        """Return the reply to the last command, once."""
        try:
            said = None if self._asked is None else self._asked.answer()
        except HarnessError as error:
            said = Answer(error=str(error))
        if said is None:
            return Answer()
        self._asked = None
        return said

    def _phase(self) -> str:
        import_ = self.import_
        if import_ is None:
            return "idle" if self._run is None else self._run_status
        if import_.phase in ("starting", "stopping"):
            return import_.phase
        now = import_.view()
        if import_.phase == "over":
            if import_.error is not None:
                return "idle" if import_.run is None else "failed"
            return "idle" if now is None else now.summary.status
        assert now is not None, "under way without a view"
        return now.status if now.status.is_open else "stopping"  # its files are being written

    def _look_back(self) -> None:
        """Say what became of the last import, and how to continue it, after a kernel's restart or in a new page."""
        runs = list_runs(self.results)[:1]
        if not runs:
            return
        self._run_status = status = runs[0].status
        if status.is_resumable:
            self._run = runs[0]
            why = runs[0].about.get("reason") or "its process is gone"
            self.say(f"The last import, {runs[0].name}, was {status} ({why}): Resume continues it.")
        elif status.is_open:
            self.say(f"{runs[0].name} is being imported by another process; these buttons control it.")
            self.import_ = RemoteRun(runs[0]).start()


def _last_words(import_: LocalRun | RemoteRun) -> str:
    """Return how the import ended, and where the data is."""
    if import_.error is not None:
        kept = "" if import_.run is None else " What was recorded is safe."
        return f"{import_.error}.{kept}"
    now = import_.view()
    assert now is not None
    assert import_.run is not None
    figures = now.summary
    best = f", {best_of(figures)}" if best_of(figures) else ""
    said = f"{figures.status}: {items_said(figures)}{best}. Data: {import_.run.folder / 'items.parquet'}"
    return f"{said}. Resume continues it." if figures.status.is_resumable else said
