"""The board around the imports of a folder: it shows one, steers it, and starts another.

Callbacks only start, post and take notes; the widget is written by `tick`, on the kernel's loop. Whatever a browser
sends goes through `hear`, and every import begins in `_begin`: who may do what is decided at those two doors.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from uuid import uuid4

from harness.config import ImportConfig
from harness.errors import BadInput, HarnessError
from harness.lab.simulate import scenarios
from harness.notebook.asked import failures_in, keys_in, limits_in, workers_in
from harness.notebook.following import Following
from harness.notebook.handles import LocalRun, RemoteRun
from harness.notebook.phases import found_words, last_words, of_use, phase_of
from harness.notebook.policy import EVERYTHING, Policy
from harness.pacing.strategies import STRATEGIES
from harness.record.clock import utc_s
from harness.record.events import ItemId
from harness.record.run import Run
from harness.record.run_view import RunView
from harness.session.control import Answer, Asked, RunHandle
from harness.session.importing import config_of, refuse_simulated, reopen
from harness.session.retry_failed import forget
from harness.spec.presets import load, names
from harness.views.panel.form import Form
from harness.views.panel.run_widget import RunWidget
from harness.views.text import plural

_HINT = "It may pause again and again to wait for a limit; the chart shows which."
# Of the ticks, which come four times a second: one in so many looks for imports that have begun, and tells the browser
# that the kernel is there.
_SLOWLY = 4

# What writes to the files of a run that has ended must not hold up the kernel's loop.
_threads = ThreadPoolExecutor(max_workers=1, thread_name_prefix="harness-change")


class Controller:
    """The board of one folder; `widget` is what a cell shows. results: the folder of the runs.

    policy: what may be asked for. One without controls makes a page to look at, which starts and steers nothing,
    whatever a browser sends.
    """

    def __init__(self, settings: Mapping[str, Any], results: Path, policy: Policy = EVERYTHING) -> None:
        self.results = results
        self.policy = policy
        self._following = Following(results)
        self._lock = threading.Lock()
        self._note = ("", False)
        self._asked: Asked | None = None  # the last command, until it is answered
        self._ended: LocalRun | RemoteRun | None = None
        self._told: LocalRun | RemoteRun | None = None  # the one whose view is on the board
        self._stale = False
        self._let_go = False
        self.on_follow: Callable[[], object] = lambda: None  # called by `tick`: the table lets go of its choice
        self._ticks = self._heard = 0
        self._form_open = 0
        self.shown: RunView | None = None
        self.enabled: frozenset[str] = frozenset()
        known = {name: (load(name).about, load(name).limits.get("default", "")) for name in names()}
        self.form = Form(scenarios(), known, list(STRATEGIES))
        self.form.fill(settings)
        self.widget = RunWidget(self.hear if policy.controls else None)
        self.widget.folder = uuid4().hex
        self._do: dict[str, Callable[[Mapping[str, Any]], object]] = {
            "start": self._start_as_typed,
            "type": lambda said: self.form.type(str(said.get("name")), str(said.get("value", ""))),
            "clear": lambda _: self.form.clear(),
            "pause": lambda _: self._steer(lambda run: run.pause()),
            "resume": lambda _: self.resume(),
            "stop": lambda _: self._steer(lambda run: run.stop()),
            "set": self._set,
            "retry": lambda said: self.retry(self._chosen_failures(said)),
            "forget": lambda said: self.forget(self._chosen_failures(said)),
            "open": self._open_failures,
            "follow": lambda _: self._follow(),
        }
        self._look_back()
        self._write()

    @property
    def import_(self) -> LocalRun | RemoteRun | None:
        """The handle of the run that is shown."""
        return self._following.handle

    @property
    def chosen(self) -> str | None:
        """The run that somebody chose to see; None while the board follows the newest import."""
        return self._following.chosen

    @property
    def busy(self) -> bool:
        """Return True if the import that is shown is running, here or in another process."""
        return self.import_ is not None and self.import_.phase != "over"

    @property
    def at_work(self) -> bool:
        """Return True if an import is running in this process."""
        return self._following.at_work

    def say(self, text: str, *, bad: bool = False) -> None:
        """Keep a sentence to be shown at the next tick."""
        self._note = (text, bad)

    def tell(self, failure: str) -> None:
        """Say at once, since no tick may follow, that a view failed."""
        self.say(failure, bad=True)
        self.widget.note = list(self._note)

    # --- what others ask of the board ----------------------------------------------------------------------------

    def choose(self, run: Run | None) -> None:
        """Show this run until another is chosen; None: follow the newest import again."""
        if (None if run is None else run.name) != self.chosen:
            self._following.choose(run)
            self.say("")

    def open_form(self, settings: Mapping[str, Any]) -> None:
        """Open the form with these settings and no others, as those of a run that is cloned."""
        self.form.clear()
        self.form.fill(settings)
        self._form_open = abs(self._form_open) + 1

    def go_on(self, run: Run, first: Callable[[], object] = lambda: None) -> None:
        """Resume `run` here. first: what is done to it before."""
        try:
            if (refused := self.policy.refusal_of_run(run)) is not None:
                raise BadInput(refused)
            config = self._config_of(run)
        except HarnessError as error:
            self.say(str(error), bad=True)
            return
        self._begin(config, f"continuing {run.name}", first)

    def retry_in(self, run: Run, items: Collection[ItemId] | None = None) -> None:
        """Fetch again what failed for good in a run that has ended: all of it, or these items."""
        self.go_on(run, lambda: reopen(run, items))

    # --- what the controls do ------------------------------------------------------------------------------------

    def hear(self, said: Mapping[str, Any]) -> None:
        """Do what a browser asks; what cannot be done is said, and a message that no control sends is ignored."""
        action = self._do.get(str(said.get("do")))
        if action is None or not self.policy.controls:
            return
        try:
            action(said)
        except (HarnessError, OSError) as error:
            self.say(str(error), bad=True)
        self._heard += 1

    def start(self) -> None:
        """Import as the form says; what is wrong with it is said, and nothing happens."""
        try:
            config = self.policy.checked({**self.form.values(), "results": self.results})
        except BadInput as error:
            self.say(str(error), bad=True)
            return
        self._begin(config, _HINT if config.source.url is None else "")

    def resume(self) -> None:
        """Let a paused import send again; go on with one that has ended early."""
        if self.busy:
            self._steer(lambda run: run.resume())
        elif (run := self._run()) is not None:
            self.go_on(run)

    def retry(self, items: Collection[ItemId] | None = None) -> None:
        """Fetch again what failed for good, or these items: now, or by going on with the run."""
        if self.busy:
            self._steer(lambda run: run.retry(items))
        elif (run := self._run()) is not None:
            self.retry_in(run, items)

    def forget(self, items: Collection[ItemId] | None = None) -> None:
        """Accept what failed, or these items: it no longer counts as failed."""
        if self.busy:
            self._steer(lambda run: run.forget(items))
        elif (run := self._run()) is not None:
            _threads.submit(self._forget_in, run, items)

    def _forget_in(self, run: Run, items: Collection[ItemId] | None) -> None:
        try:
            number = forget(run, items)
            self.say(f"{plural(number, 'failure')} accepted; {run.name} no longer counts {_them(number)} as failed")
        except (HarnessError, OSError) as error:
            self.say(str(error), bad=True)
        self._stale = True

    def _start_as_typed(self, said: Mapping[str, Any]) -> None:
        typed = said.get("typed")
        for name, text in (typed if isinstance(typed, dict) else {}).items():
            if self.form.typed.get(name) != str(text):
                self.form.type(name, str(text))
        self.start()

    def _begin(self, config: ImportConfig, words: str, first: Callable[[], object] = lambda: None) -> None:
        """Import here. The one door: nothing else begins an import, and what the policy refuses does not begin."""
        if (refused := self.policy.refusal_of(config)) is not None:
            self.say(refused, bad=True)
            return
        with self._lock:  # two clicks may come in two threads
            if self.at_work:
                self.say("an import is already running here: stop it, or wait for its end", bad=True)
                return
            self._following.take(LocalRun(config, first).start())
        self._form_open = -abs(self._form_open) - 1
        self.say(words)

    def _config_of(self, run: Run) -> ImportConfig:
        """Return the settings to go on with, secrets included where this is the import that was told them."""
        mine = self._following.mine
        if mine is not None and mine.run is not None and mine.run.folder == run.folder:
            since: dict[str, Any] = run.about.get("asked", {})
            return mine.config.with_settings(run=run.name, resume=True, fresh=False, **since)
        refuse_simulated(run)
        names = run.config.get("header_names")
        if names:
            asked = f"run {run.name} was started with the headers {', '.join(names)}, which are never stored"
            raise BadInput(f"{asked}; resume it in a terminal, where they can be given again")
        return config_of(run)

    def _run(self) -> Run | None:
        return None if self.import_ is None else self.import_.run

    def _steer(self, command: Callable[[RunHandle], Asked]) -> None:
        if self.import_ is not None:
            self._asked = command(self.import_)

    def _follow(self) -> None:
        self.choose(None)
        self._let_go = True

    def _set(self, said: Mapping[str, Any]) -> None:
        if "workers" in said:
            workers = workers_in(said)
            self._steer(lambda run: run.set(workers=workers))
        if "limit" in said:
            limits = limits_in(said)
            self._steer(lambda run: run.set(limit=limits))
            self.say(f"from now on the limit is {said['limit']}")

    def _chosen_failures(self, said: Mapping[str, Any]) -> list[ItemId] | None:
        return failures_in(said, () if self.shown is None else self.shown.failures)

    def _open_failures(self, said: Mapping[str, Any]) -> None:
        self.widget.open_failures(keys_in(said))
        self._told = None

    # --- what is shown -------------------------------------------------------------------------------------------

    def tick(self) -> None:
        """Write the widget, where something has changed."""
        slowly = self._ticks % _SLOWLY == 0
        self._ticks += 1
        if self._stale:
            self._stale = False
            self._following.again()
        if self._let_go:
            self._let_go = False
            self.on_follow()
        before = self.import_
        self._following.look(scan=slowly)
        import_ = self.import_
        if import_ is not before is not None:
            self.say("")  # what was said was of the other one
        if import_ is not None:
            self._show(import_)
        elif self._told is not None:  # it was deleted
            self.shown = self._told = None
            self.widget.say("No run is shown.")
        self._write()
        if slowly or self._heard != self.widget.answers:
            self.beat()

    def _show(self, import_: LocalRun | RemoteRun) -> None:
        now, said = import_.view(), self._answer()
        if said.error:
            self.say(said.error, bad=True)
        if now is None:
            if import_.phase == "starting" and self._told is not import_ and not self._is_known(import_):
                self.shown, self._told = None, import_
                self.widget.say("Starting …" if isinstance(import_, LocalRun) else f"Reading {import_.run.name} …")
        elif now is not self.shown or self._told is not import_:
            self.shown, self._told = now, import_
            self.widget.show(now, utc_s())
        if import_.phase == "over" and self._ended is not import_:
            self._ended = import_
            if import_.error is not None or isinstance(import_, LocalRun) or import_.seen_open:
                self.say(last_words(import_, self.policy.controls), bad=import_.error is not None)

    def _is_known(self, import_: LocalRun | RemoteRun) -> bool:
        """Return True if what is on the board is this run, read anew after its files were changed."""
        return isinstance(import_, RemoteRun) and self.shown is not None and self.shown.run == import_.run.name

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

    def beat(self) -> None:
        """Tell the browser that the kernel is there, and heard it; also where `tick` has failed."""
        with self.widget.hold_sync():
            self.widget.answers = self._heard
            self.widget.beat += 1

    def _write(self) -> None:
        failed = self.shown is not None and self.shown.summary.failed > 0
        self.enabled = of_use(self._phase(), at_work=self.at_work, busy=self.busy, failed=failed)
        newest = self._following.newest if self.chosen is not None else None
        board = self.widget
        with board.hold_sync():
            board.enabled = sorted(self.enabled)
            board.note = list(self._note)
            board.newest = newest.name if newest is not None and newest.name != self.chosen else ""
            board.fields, board.typed, board.hints = self.form.data(), dict(self.form.typed), self.form.hints()
            board.also = _also(self.form.also)
            board.form_open = self._form_open

    def _phase(self) -> str:
        import_ = self.import_
        known = self.shown if import_ is not None and self._is_known(import_) else None
        return phase_of(import_, known)

    def _look_back(self) -> None:
        """Say what became of the last import, and how to continue it, after a kernel's restart or in a new page."""
        self._following.look(scan=False)
        run = self._run()
        if run is None:
            self._form_open = 1  # there is nothing to see yet
            return
        if self.policy.controls:
            self.say(found_words(run))


def _them(number: int) -> str:
    return "it" if number == 1 else "them"


def _also(settings: Mapping[str, Any]) -> str:
    """Say which settings of the form have no field."""
    said = ", ".join(f"{name.replace('_', '-')} {value}" for name, value in settings.items())
    return f"Also: {said}" if said else ""
