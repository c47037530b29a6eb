"""The display of a running import on a stream."""

from __future__ import annotations

import io
import threading
from dataclasses import replace

import pytest

from harness.record import events as e
from harness.record.fold import fold
from harness.record.live import Live
from harness.views.progress import Mode, Progress, choose_mode
from tests.views.samples import NOW, running, seen
from tests.views.test_frame import RETRYING, WAITING
from tests.views.test_screen import Terminal

# With an ETA of the same day, so that the frame takes three lines at 80 columns.
TODAY = replace(WAITING, eta_s=18_000.0)


def written(stream: io.TextIOWrapper) -> str:
    return stream.buffer.getvalue().decode(stream.encoding)  # type: ignore[attr-defined, no-any-return]


@pytest.mark.parametrize(
    ("wanted", "on_terminal", "elsewhere"),
    [(None, "bar", "plain"), ("bar", "bar", "plain"), ("plain", "plain", "plain"), ("none", "none", "none")],
)
def test_modes(wanted: Mode | None, on_terminal: Mode, elsewhere: Mode, monkeypatch: pytest.MonkeyPatch) -> None:
    """The bar moves only where it can; what was asked for otherwise is what comes."""
    assert choose_mode(wanted, Terminal()) == on_terminal
    assert choose_mode(wanted, io.StringIO()) == elsewhere
    monkeypatch.setenv("TERM", "dumb")
    assert choose_mode(wanted, Terminal()) == elsewhere


def test_the_bar_draws_in_place_and_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Frames are drawn over each other without a thread; an unchanged one is not drawn; at the end all is gone."""
    monkeypatch.setenv("COLUMNS", "80")
    stream, threads = Terminal(), threading.active_count()
    with Progress("bar", stream) as shown:
        shown.update(seen(running(), TODAY))
        first = written(stream)
        assert "waiting 38 s for 100/1m" in first
        assert first.count("\n") == 2
        shown.update(seen(running(), TODAY))
        assert written(stream) == first
        shown.update(seen(running(), replace(TODAY, until_utc_s=NOW + 37.0)))
        second = written(stream).removeprefix(first)
        assert "waiting 37 s for 100/1m" in second
        assert second.startswith("\r\x1b[2K\x1b[1A\x1b[2K\x1b[1A\x1b[2K")
        assert threading.active_count() == threads
    end = written(stream)
    assert end.endswith("\x1b[1A\x1b[2K" * 3)
    assert end.count("\x1b[?25l") == end.count("\x1b[?25h") == 1


def test_no_color_has_no_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    """NO_COLOR takes the colours, not the bar nor a word."""
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("NO_COLOR", "1")
    stream = Terminal()
    with Progress("bar", stream) as shown:
        shown.update(seen(running(), WAITING))
    assert "\x1b[3" not in written(stream)
    assert "12,431/80,000" in written(stream)


def test_ascii_terminals(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal that cannot show glyphs gets the same frame in ASCII."""
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("NO_COLOR", "1")
    stream = Terminal("ascii")
    with Progress("bar", stream) as shown:
        shown.update(seen(running(), TODAY, "nächtlich"))
    assert "n?chtlich" in written(stream)
    assert "\x1b[1m12,431/80,000  15 %  \x1b[0m#-\x1b[2m---------\x1b[0m  2 h 12 min" in written(stream)


def test_a_plain_log() -> None:
    """One line at the start, one at each change of state, else one every ten seconds."""
    stream = io.StringIO()
    state = running()
    with Progress("plain", stream) as shown:
        shown.update(seen(state, WAITING))
        for after_s in (1.0, 5.0, 9.9):
            shown.update(seen(state, later(WAITING, after_s)))
        shown.update(seen(state, later(RETRYING, 10.0)))
        shown.update(seen(state, later(replace(WAITING, doing="refused", tier=None), 11.0)))
        shown.update(seen(state, later(replace(WAITING, doing="probe", tier=None, until_utc_s=None, eta_s=None), 12.0)))
        shown.update(seen(fold([e.SessionEnded(7933.0, "complete with failures", "")], state), later(WAITING, 13.0)))
    assert stream.getvalue().splitlines() == [
        "18:04:24 items=12431/80000 state=waiting limit=100/1m until=18:05:02 refused=0 failed=3"
        ' eta="25 Nov 05:20" run=nightly-1124 limits=100/1m',
        "18:04:34 items=12431/80000 state=waiting limit=100/1m until=18:05:02 refused=0 failed=3"
        ' retrying=1 next_retry=18:05:05 eta="25 Nov 05:20"',
        '18:04:35 items=12431/80000 state=refused until=18:05:02 refused=0 failed=3 eta="25 Nov 05:20"',
        "18:04:36 items=12431/80000 state=probing refused=0 failed=3",
        "18:04:37 items=12431/80000 state=complete-with-failures limit=100/1m until=18:05:02 refused=0 failed=3",
    ]


def test_a_plain_log_stays_short_under_a_short_limit() -> None:
    """Waits of two seconds are the rhythm of the limit: a minute of them is some lines, not sixty."""
    stream = io.StringIO()
    with Progress("plain", stream) as shown:
        for tick in range(600):
            now_s = tick / 10
            waits = now_s % 2 >= 1
            live = replace(WAITING, doing="limit", until_utc_s=NOW + now_s + 1.0) if waits else working()
            shown.update(seen(running(10, 20, 0), later(live, now_s), "short"))
    assert len(stream.getvalue().splitlines()) == 6


def test_none_writes_nothing() -> None:
    """Told to be silent it is."""
    stream = io.StringIO()
    with Progress("none", stream) as shown:
        shown.update(seen(running(10, 20, 0), WAITING, "run"))
    assert stream.getvalue() == ""


@pytest.mark.parametrize("mode", ["bar", "plain"])
@pytest.mark.parametrize("error", [BrokenPipeError("gone"), OSError("full"), ValueError("closed")])
def test_a_stream_that_is_gone_ends_no_import(mode: Mode, error: Exception) -> None:
    """When the terminal is closed the display falls silent; nothing is raised, and it does not try again."""

    class Gone(Terminal):
        tries = 0

        def write(self, text: str) -> int:
            self.tries += 1
            raise error

    stream = Gone()
    with Progress(mode, stream) as shown:
        shown.update(seen(running(10, 20, 0), WAITING, "run"))
        tries = stream.tries
        assert tries >= 1
        shown.update(seen(running(11, 20, 0), working(), "run"))
        assert stream.tries == tries


def test_an_error_inside_comes_out_and_the_cursor_comes_back() -> None:
    """What ends the import is not hidden by its display, and the terminal is left as it was."""
    stream = Terminal()
    with pytest.raises(KeyboardInterrupt), Progress("bar", stream) as shown:
        shown.update(seen(running(10, 20, 0), WAITING, "run"))
        raise KeyboardInterrupt
    assert "\x1b[?25h" in written(stream)


def working() -> Live:
    return Live(7920.0, NOW, 1, 1, "working")


def later(live: Live, seconds: float) -> Live:
    return replace(live, t_s=7920.0 + seconds, now_utc_s=NOW + seconds)


def test_a_plain_log_says_once_when_a_used_up_quota_opens() -> None:
    """In a line of its own, after the first; not again for the same wait, but for the next."""
    stream = io.StringIO()
    opens = NOW + 25_920.0
    with Progress("plain", stream) as shown:
        for after_s, until_s in ((0.0, opens), (0.25, opens), (0.5, opens + 9.0), (11.0, opens), (12.0, None)):
            shown.update(seen(running(), later(replace(WAITING, quota_until_utc_s=until_s, tier="1000/1d"), after_s)))
        tomorrow = replace(WAITING, tier="1000/1d", quota_until_utc_s=opens + 86_400.0)
        shown.update(seen(running(), later(tomorrow, 25_930.0)))
    said = [line for line in stream.getvalue().splitlines() if "used up" in line]
    assert said == [
        "18:04:24 the limit 1000/1d is used up: goes on at 01:16 tomorrow (in 7 h 12 min); 67,566 items are left",
        "01:16:34 the limit 1000/1d is used up: goes on at 01:16 tomorrow (in 1 d 00 h); 67,566 items are left",
    ]
    assert "run=nightly-1124" in stream.getvalue().splitlines()[0]
