"""A running import on the terminal: in place (`bar`), as lines for a log (`plain`), or not at all (`none`).

Nothing here reads a clock, starts a thread or waits: a driver calls `update` a few times a second, and the time is
in what it hands over. A stream that is gone silences the display; it never ends the import.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from types import TracebackType
from typing import Literal, Self, TextIO

from rich.console import Console, Group
from rich.live import Live as RichLive
from rich.text import Text

from harness.record.live import Live
from harness.record.prediction import shown
from harness.record.quota import QUOTA_WAIT_S
from harness.record.run_view import RunView
from harness.record.summary import Summary
from harness.views.figures import span
from harness.views.frame import doing, frame, sentence
from harness.views.screen import asciify, shows_glyphs
from harness.views.text import UNKNOWN, clock, printable, time_of_day

Mode = Literal["bar", "plain", "none"]

# A log of an import that takes hours stays readable, and one that is watched still moves.
PLAIN_EVERY_S = 10.0


def choose_mode(wanted: Mode | None, stream: TextIO) -> Mode:
    """Return the mode asked for, as far as `stream` can: the bar moves only on a terminal. None: the best it can."""
    can_move = stream.isatty() and os.environ.get("TERM", "") not in ("dumb", "unknown")
    if wanted in (None, "bar"):
        return "bar" if can_move else "plain"
    return wanted


class Progress:
    """Shows a run while it goes on: `with Progress(mode, sys.stderr) as shown: shown.update(view)`.

    mode: see `choose_mode`. The bar is gone when the context ends: the summary takes its place.
    """

    def __init__(self, mode: Mode, stream: TextIO) -> None:
        self._mode: Mode = mode
        self._stream = stream
        self._glyphs = shows_glyphs(stream)
        self._rich: RichLive | None = None
        self._shown: tuple[object, ...] = ()
        self._log = Lines()

    def __enter__(self) -> Self:
        if self._mode == "bar":
            console = _Console(file=self._stream, highlight=False, force_jupyter=False, legacy_windows=False)
            self._rich = RichLive(
                console=console,
                auto_refresh=False,
                transient=True,
                redirect_stdout=False,
                redirect_stderr=False,
            )
            self._try(self._rich.start)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._rich is not None:
            rich, self._rich = self._rich, None
            self._try(rich.stop)

    def update(self, view: RunView) -> None:
        """Show this moment. Calls may come at any rate; what has not changed is not written again."""
        if self._mode == "bar":
            self._try(lambda: self._draw(view))
        elif self._mode == "plain":
            self._try(lambda: self._write(view))

    def _draw(self, view: RunView) -> None:
        if self._rich is None:
            return
        # One column is left free: some terminals wrap as soon as the last one is written.
        lines = frame(view, max(1, self._rich.console.width - 1))
        if not self._glyphs:
            for line in lines:
                line.plain = asciify(line.plain)
        shown = (self._rich.console.size, *lines)
        if shown != self._shown:
            self._shown = shown
            self._rich.update(Group(*map(_one_line, lines)), refresh=True)

    def _write(self, view: RunView) -> None:
        line = self._log.next(view)
        if line is not None:
            self._stream.write((line if self._glyphs else asciify(line)) + "\n")
            self._stream.flush()

    def _try(self, show: Callable[[], None]) -> None:
        """Write, and fall silent where that fails: a closed terminal or a full disk is no reason to stop importing."""
        try:
            show()
        except (OSError, ValueError):
            self._mode = "none"


class Lines:
    """The lines of a log: the first, one at each change of state, else one every 10 s.

    A wait for a quota gets one line more, once, which says when the import goes on.
    Waits shorter than that are the rhythm of a limit rather than a change: at 100/2s they alone would be a line
    every second.
    """

    def __init__(self) -> None:
        self._said: tuple[str, float] | None = None  # word, t_s
        self._goes_on_utc_s = 0.0  # as was said last

    def next(self, view: RunView) -> str | None:
        """Return the line to write now; None where there is nothing to say."""
        figures, live = view.summary, view.live
        if live is None:
            return None
        word = doing(figures, live).word
        if self._said is None:
            self._said = (word, live.t_s)
            return f"{plain_line(figures, live)} run={_value(figures.run)} limits={_value(figures.limits or UNKNOWN)}"
        if self._is_new_quota(live):
            return f"{clock(live.now_utc_s)} {sentence(figures, live)[0]}"
        said, at_s = self._said
        if live.t_s - at_s < PLAIN_EVERY_S and (word == said or _is_short(live, word, said)):
            return None
        self._said = (word, live.t_s)
        return plain_line(figures, live)

    def _is_new_quota(self, live: Live) -> bool:
        """Note that a wait for a quota goes on, and return whether that has not been said.

        It is the same wait if a worker asked again meanwhile, or if the server named its end a little otherwise.
        """
        until_utc_s = live.quota_until_utc_s
        if until_utc_s is None or abs(until_utc_s - self._goes_on_utc_s) < QUOTA_WAIT_S:
            return False
        self._goes_on_utc_s = until_utc_s
        return True


def plain_line(figures: Summary, live: Live) -> str:
    """`18:04:24 items=12431/80000 state=waiting limit=100/1m until=18:05:02 refused=0 failed=3 eta=05:20`."""
    total = "?" if figures.total is None else figures.total
    pairs = {"items": f"{figures.imported}/{total}", "state": doing(figures, live).word}
    if live.tier is not None:
        pairs["limit"] = live.tier
    if live.until_utc_s is not None:
        pairs["until"] = time_of_day(live.until_utc_s, live.now_utc_s, seconds=True)
    pairs |= {"refused": str(figures.refused), "failed": str(figures.failed)}
    if live.retrying:
        pairs |= {"retrying": str(live.retrying), "next_retry": clock(live.next_retry_utc_s)}
    if live.eta_s is not None and figures.status.is_open:
        pairs["eta"] = time_of_day(live.now_utc_s + live.eta_s, live.now_utc_s, seconds=live.eta_s < 3600)
    said = shown(figures.predictions)
    if said is not None and said.least_s is not None and said.most_s is not None:
        pairs["predicted"] = span(said.least_s, said.most_s)
    return " ".join([clock(live.now_utc_s), *(f"{key}={_value(text)}" for key, text in pairs.items())])


def _value(text: str) -> str:
    plain = printable(text)
    return '"' + plain.replace('"', "'") + '"' if " " in plain or "=" in plain or '"' in plain else plain


def _is_short(live: Live, word: str, said: str) -> bool:
    if (said, word) != ("working", "waiting"):
        return False
    return live.until_utc_s is None or live.until_utc_s - live.now_utc_s < PLAIN_EVERY_S


def _one_line(line: Text) -> Text:
    line.no_wrap, line.overflow = True, "crop"
    return line


class _Console(Console):
    def on_broken_pipe(self) -> None:
        """Fall silent. Rich would end the process and point its standard output at nothing."""
        self.quiet = True
