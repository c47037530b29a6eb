"""Show experiments on the terminal: settings compared, one simulation, and how far a sweep is.

A comparison is a table for each server, the fastest setting first, and below it the sentence that people want from it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

from rich.console import Console, RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from harness.record.summary import Summary
from harness.views.progress import Mode
from harness.views.screen import Screen, asciify, columns, cut, folded, labelled, shows_glyphs
from harness.views.summary import summary_lines
from harness.views.text import UNKNOWN, count, duration, percent, plural, printable

if TYPE_CHECKING:
    from harness.lab.comparison import Line, Panel


# What a setting's column is called, where its name is not the shortest word for it.
_HEADS = {"workers": "W", "limit": "LIMIT", "pacing": "PACING", "run": "RUN", "per_page": "PER PAGE"}
# Settings whose values are numbers.
_NUMBERS = ("workers", "per_page", "max_items", "timeout")
_LONGEST = 28


def comparison_text(panels: Sequence[Panel], screen: Screen) -> str:
    """Return the panels as text that fits the screen, without a newline at the end."""
    parts = ["\n".join(screen.render(*part) for part in _panel(panel, screen)) for panel in panels]
    return "\n\n".join(parts)


def seconds(mean_s: float | None, half_s: float | None = None, least_s: float | None = None) -> str:
    """`501.4 ± 0.3 s`: in seconds up to an hour, so that small differences are seen.

    An interval that would go below least_s, the best possible, is given by its ends: `501.4 s (501.2 to 501.7 s)`.
    """
    if mean_s is None:
        return UNKNOWN
    if half_s is not None and least_s is not None and least_s <= mean_s < least_s + half_s:
        low, high = seconds(least_s).removesuffix(" s"), seconds(mean_s + half_s)
        return f"{seconds(mean_s)} ({low} to {high})"
    if mean_s >= 3600:
        return duration(mean_s) if half_s is None else f"{duration(mean_s)} ± {duration(half_s)}"
    digits = 1 if mean_s >= 10 else 2
    within = "" if half_s is None else f" ± {half_s:.{digits}f}"
    return f"{mean_s:,.{digits}f}{within} s"


def _panel(panel: Panel, screen: Screen) -> list[list[RenderableType]]:
    width = None if screen.width is None else max(20, screen.width)
    title: list[RenderableType] = [Text(line, "bold") for line in folded(printable(panel.title), width, hang=2)]
    why = [f"Failed: {named(line.labels)}: {line.why or 'no reason was given'}" for line in panel.lines if line.failed]
    advised = advice(panel)
    below = [advised, *why] if advised else why
    said: list[RenderableType] = [Text(line) for text in below for line in folded(printable(text), width, hang=2)]
    return [part for part in (title, _rows(panel, screen), said) if part and panel.lines]


def _rows(panel: Panel, screen: Screen) -> list[RenderableType]:
    table = next((made for gap in (2, 1) if (made := _table(panel, gap, screen)) is not None), None)
    return [table] if table is not None else list(_stacked(panel, screen))


def _table(panel: Panel, gap: int, screen: Screen) -> Table | None:
    """Return the table, or None where it is wider than the screen."""
    names = list(panel.lines[0].labels)
    counts = {line.runs for line in panel.lines if line.runs}
    repeated = f" (n={min(counts)})" if len(counts) == 1 and min(counts) > 1 else ""
    mean = f"DURATION mean ± 95 % CI{repeated}" if any(line.half_s is not None for line in panel.lines) else "DURATION"
    heads = [_HEADS.get(name, name.replace("_", " ").upper()) for name in names]
    figures = [mean, "OF BEST", "429s/1,000", "× FASTEST"]
    right = [head for name, head in zip(names, heads, strict=True) if name in _NUMBERS]
    table = columns([*heads, *figures], right=[*right, *figures], gap=gap)
    for line in panel.lines:
        table.add_row(*(cut(printable(text), _LONGEST) for text in line.labels.values()), *_figures(line))
    if screen.width is None or Console(width=100_000).measure(table).maximum - gap <= screen.width:
        return table
    return None


def _figures(line: Line) -> list[str]:
    if line.duration_s is None:
        return ["failed", UNKNOWN, UNKNOWN, UNKNOWN]
    mean = seconds(line.duration_s, line.half_s, line.least_s) + (
        f", {count(line.failed)} failed" if line.failed else ""
    )
    times = UNKNOWN if line.times is None else f"{line.times:.2f}"
    hits = UNKNOWN if line.hits_per_1000 is None else f"{line.hits_per_1000:.1f}"
    others = ", ".join(f"{status}: {rate:.1f}" for status, rate in line.others_per_1000.items())
    hits = f"{hits} ({others})" if others else hits
    return [mean, percent(line.optimality, 1), hits, times]


def _stacked(panel: Panel, screen: Screen) -> list[Text]:
    """Two lines for each, where a table does not fit."""
    lines = []
    for line in panel.lines:
        what = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in line.labels.items())
        mean, of_best, hits, times = _figures(line)
        facts = mean if line.duration_s is None else f"{mean}, {of_best} of best, {hits} 429s/1,000, {times} × fastest"
        room = (screen.width or 80) - 2
        lines += [Text(text, "bold") for text in folded(printable(what), room)]
        lines += [Text(f"  {text}") for text in folded(facts, room)]
    return lines


def advice(panel: Panel) -> str:
    """`Fewest 429s at full speed: window, 3 workers; window, 50 workers gains 0.2 s.`; "" without a choice."""
    best, fastest = panel.best, panel.fastest
    if best is None or fastest is None or len(panel.lines) < 2:
        return ""
    what = "refusals" if any(line.others_per_1000 for line in panel.lines) else "429s"
    text = f"Fewest {what} at full speed: {named(best.labels)}"
    if fastest is not best and best.duration_s is not None and fastest.duration_s is not None:
        gain_s = best.duration_s - fastest.duration_s
        differs = {name: text for name, text in fastest.labels.items() if best.labels[name] != text}
        several = list(differs) == ["workers"] and differs["workers"] != "1"
        if panel.tied and fastest.half_s is not None:
            ties = "tie" if several else "ties"
            return f"{text}; {named(differs)} {ties} with it: {seconds(gain_s)} is within the noise."
        text += f"; {named(differs)} save{'' if several else 's'} {seconds(gain_s)}"
    return f"{text}."


def named(labels: dict[str, str]) -> str:
    """`window, 3 workers`, as one says it."""
    words = []
    for name, text in labels.items():
        if name == "workers":
            words.append(plural(int(text), "worker") if text.isdecimal() else f"{text} workers")
        elif name in ("pacing", "run"):
            words.append(text)
        else:
            words.append(f"{name.replace('_', ' ')} {text}")
    return ", ".join(words)


def simulated_text(
    summary: Summary, screen: Screen, took_s: float, *, program: str, items: str | None, commands: Sequence[str]
) -> str:
    """Return the summary of a simulation that took `took_s`; items: None where no files are kept, and none named."""
    lines = summary_lines(summary, screen, program=program, items=items, commands=commands)
    faster = summary.duration_s / took_s if took_s > 0 else 0.0
    times = f", {count(round(faster))} times as fast as it would be" if faster >= 2 else ""
    source = f" ({summary.limits_source})" if summary.limits_source and summary.limits else ""
    virtual = labelled(
        [
            ("limits", f"{summary.limits}{source}" if summary.limits else "none known", ""),
            ("simulated", f"in {duration(took_s)}{times}; no request was sent", ""),
        ],
        screen,
    )
    return screen.render(*lines, *virtual)


# A log gets about so many lines, however many parts there are.
_PROGRESS_LINES = 20


class Counting:
    """Shows how many parts are done: called with (done, failed) and, where there is more to say, how it goes."""

    def __call__(self, done: int, failed: int, how: str = "") -> None:
        """Show it."""

    def say(self, line: str) -> None:
        """Show a line that stays."""


@contextmanager
def counting(what: str, total: int, mode: Mode, stream: TextIO) -> Iterator[Counting]:
    """Show how many of `total` parts are done, by calls of what it gives. `what`: one of them, `run`."""
    if mode == "bar":
        shown = [TextColumn("{task.description}"), BarColumn(None), MofNCompleteColumn(), TimeElapsedColumn()]
        console = Console(file=stream, legacy_windows=False, force_jupyter=False)
        with Progress(*shown, TextColumn("left"), TimeRemainingColumn(), console=console, transient=True) as progress:
            yield _Bar(what, total, progress)
    elif mode == "plain":
        yield _Lines(what, total, stream)
    else:
        yield Counting()


class _Bar(Counting):
    def __init__(self, what: str, total: int, progress: Progress) -> None:
        self._what, self._progress = what, progress
        self._task = progress.add_task(f"{what}s", total=total)

    def __call__(self, done: int, failed: int, how: str = "") -> None:
        failures = f", {count(failed)} failed" if failed else ""
        description = f"{self._what}s{failures}" + (f" ({how})" if how else "")
        self._progress.update(self._task, completed=done, description=description)

    def say(self, line: str) -> None:
        self._progress.console.print(Text(printable(line)))


class _Lines(Counting):
    def __init__(self, what: str, total: int, stream: TextIO) -> None:
        self._what, self._total, self._stream = what, total, stream
        self._said = self._done = 0

    def __call__(self, done: int, failed: int, how: str = "") -> None:
        part = _PROGRESS_LINES * done // max(1, self._total)
        if part == self._said and (done < self._total or done == self._done):
            return
        self._said, self._done = part, done
        line = f"{count(done)} of {plural(self._total, self._what)} done" + (
            f", {count(failed)} failed" if failed else ""
        )
        self.say(f"{line} ({how})" if how and done < self._total else line)

    def say(self, line: str) -> None:
        self._stream.write((line if shows_glyphs(self._stream) else asciify(line)) + "\n")
        self._stream.flush()
