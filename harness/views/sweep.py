"""What is said when a simulation is over: the figures of any run, and how long they took to get.

How far something is that has so many parts: a bar on a terminal, else a line now and then.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TextIO

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from harness.record.summary import Summary
from harness.views.progress import Mode
from harness.views.screen import Screen, asciify, labelled, shows_glyphs
from harness.views.summary import summary_lines
from harness.views.text import count, duration, plural


def simulated_text(
    summary: Summary, screen: Screen, took_s: float, *, program: str, items: str | None, commands: Sequence[str]
) -> str:
    """As `summary_text`; took_s: how long the simulation took. Without files (items None) there is nothing to name."""
    lines = summary_lines(summary, screen, program=program, items=items, commands=commands)
    faster = summary.duration_s / took_s if took_s > 0 else 0.0
    times = f", {count(round(faster))} times as fast as it would be" if faster >= 2 else ""
    virtual = labelled([("simulated", f"in {duration(took_s)}{times}; no request was sent", "")], screen)
    return screen.render(*lines, *virtual)


# A log gets about so many lines, however many parts there are.
_LINES = 20


@contextmanager
def counting(what: str, total: int, mode: Mode, stream: TextIO) -> Iterator[Callable[[int, int], None]]:
    """Shows how many of `total` parts are done: call what it gives with (done, failed). `what`: one of them, `run`."""
    if mode == "bar":
        with _bar(what, total, stream) as tell:
            yield tell
    elif mode == "plain":
        yield _lines(what, total, stream)
    else:
        yield lambda *_: None


@contextmanager
def _bar(what: str, total: int, stream: TextIO) -> Iterator[Callable[[int, int], None]]:
    shown = [TextColumn("{task.description}"), BarColumn(None), MofNCompleteColumn(), TimeElapsedColumn()]
    console = Console(file=stream, legacy_windows=False, force_jupyter=False)
    with Progress(*shown, TextColumn("left"), TimeRemainingColumn(), console=console, transient=True) as progress:
        task = progress.add_task(f"{what}s", total=total)

        def tell(done: int, failed: int) -> None:
            failures = f", {count(failed)} failed" if failed else ""
            progress.update(task, completed=done, description=f"{what}s{failures}")

        yield tell


def _lines(what: str, total: int, stream: TextIO) -> Callable[[int, int], None]:
    glyphs, said = shows_glyphs(stream), [0]

    def tell(done: int, failed: int) -> None:
        part = _LINES * done // max(1, total)
        if part == said[0] and done < total:
            return
        said[0] = part
        line = f"{count(done)} of {plural(total, what)} done" + (f", {count(failed)} failed" if failed else "")
        stream.write((line if glyphs else asciify(line)) + "\n")
        stream.flush()

    return tell
