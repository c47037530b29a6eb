"""Tell what a stream can show (how wide, whether glyphs, whether colours), and render for exactly that."""

from __future__ import annotations

import io
import os
import re
import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TextIO

from rich.cells import cell_len, set_cell_size
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from harness.record.status import RunStatus
from harness.views.text import UNKNOWN, printable

# Every glyph that a view uses, and the one character that stands for it where it cannot be shown: one for one, so
# that widths stay what they were.
ASCII = {"●": "*", "‖": "=", "✓": "+", "■": "#", "✗": "x", "━": "#", "╸": "-", "─": "-", "→": ">", "…": "~", "×": "x"}
_UNIT = re.compile(r"(\d) (ms|s|min|h|d|%)(?!\w)")
_TO_ASCII = str.maketrans(ASCII)


@dataclass(frozen=True, slots=True)
class Look:
    """The look of a run's status: always a glyph and a word, never colour alone."""

    glyph: str
    word: str
    style: str


LOOKS: dict[RunStatus, Look] = {
    RunStatus.RUNNING: Look("●", "running", "cyan"),
    RunStatus.PAUSED: Look("‖", "paused", "yellow"),
    RunStatus.COMPLETE: Look("✓", "complete", "green"),
    RunStatus.WITH_FAILURES: Look("!", "complete with failures", "yellow"),
    RunStatus.STOPPED: Look("■", "stopped", "yellow"),
    RunStatus.INTERRUPTED: Look("✗", "interrupted", "red"),
    RunStatus.FAILED: Look("✗", "failed", "red"),
}


def asciify(text: str) -> str:
    """Return `text` in ASCII, character for character; what has no fallback becomes `?`."""
    return text.translate(_TO_ASCII).encode("ascii", "replace").decode()


@dataclass(frozen=True, slots=True)
class Screen:
    """The abilities of a stream. width: in columns; None where nothing is cut or wrapped, as in a file or a pipe."""

    width: int | None = None
    unicode: bool = True
    color: bool = False

    @classmethod
    def of(cls, stream: TextIO) -> Screen:
        """Return what `stream` can show, by what it is, NO_COLOR (no-color.org), TERM and COLUMNS."""
        if not stream.isatty():
            return cls(None, shows_glyphs(stream), False)
        dumb = os.environ.get("TERM", "") in ("dumb", "unknown")
        color = not dumb and not os.environ.get("NO_COLOR")
        return cls(Console(file=stream, legacy_windows=False).width, shows_glyphs(stream), color)

    def render(self, *parts: RenderableType) -> str:
        """Render `parts` one below the other as text for this screen, without a newline at the end."""
        console = Console(
            file=io.StringIO(),
            width=self.width or 100_000,
            color_system="standard" if self.color else None,
            force_terminal=self.color,
            force_jupyter=False,
            no_color=not self.color,
            legacy_windows=False,
            highlight=False,
            markup=False,
            emoji=False,
        )
        with console.capture() as captured:
            # soft_wrap: what must not be broken, such as a path to copy, is left to the terminal to wrap.
            console.print(Group(*parts), soft_wrap=all(isinstance(part, Text) for part in parts))
        lines = [line.rstrip(" ") for line in captured.get().rstrip("\n").split("\n")]
        text = "\n".join(lines)
        return text if self.unicode else asciify(text)


def shows_glyphs(stream: TextIO) -> bool:
    """Return True if the stream's encoding can hold every glyph. A stream without one holds text as it is."""
    encoding = getattr(stream, "encoding", None)
    try:
        "".join(ASCII).encode(encoding or "utf-8")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def cut(text: str, width: int | None) -> str:
    """Cut `text` to at most `width` columns, ending in … where something is missing."""
    if width is None or cell_len(text) <= width:
        return text
    return set_cell_size(text, max(0, width - 1)).rstrip(" ") + "…" if width > 0 else ""


def folded(text: str, width: int | None, first: int = 0, hang: int = 0) -> list[str]:
    """Fold `text` into lines of at most `width` columns, between words; a longer word stands alone, unbroken.

    first: columns of the first line that are taken already. hang: by how much the others are indented.
    """
    if width is None:
        return [text]
    lines = textwrap.wrap(
        # A number keeps its unit beside it.
        _UNIT.sub("\\1\N{NO-BREAK SPACE}\\2", text),
        max(1, width),
        initial_indent="." * first,
        subsequent_indent=" " * hang,
        break_long_words=False,
        break_on_hyphens=False,
    )
    whole_lines = [line.replace("\N{NO-BREAK SPACE}", " ") for line in lines]
    return [whole_lines[0][first:], *whole_lines[1:]] if whole_lines else [""]


Row = tuple[str, str, str]  # label, text, style of the text


def labelled(rows: Iterable[Row], screen: Screen, label_width: int = 9) -> list[Text]:
    """Rows of a label and its text, wrapped so that the text hangs under itself."""
    hang = 2 + label_width + 2
    width = None if screen.width is None else max(screen.width, hang + 12)
    lines = []
    for label, text, style in rows:
        head = f"  {label:<{label_width}}  "
        first, *rest = folded(printable(text) or UNKNOWN, width, len(head), hang)
        lines.append(Text.assemble((head, "bold"), (first, style)))
        lines += [Text(line, style) for line in rest]
    return lines


def whole(rows: Iterable[Row], label_width: int = 9) -> list[Text]:
    """Rows whose text is to be copied, such as a path or a command: never wrapped here."""
    return [
        Text.assemble((f"  {label:<{label_width}}  ", "bold"), (printable(text), style)) for label, text, style in rows
    ]


def columns(headers: Sequence[str], right: Sequence[str], gap: int = 2) -> Table:
    """Return a table without borders; the columns named in `right` hold numbers."""
    table = Table(box=None, padding=(0, gap, 0, 0), pad_edge=False, header_style="bold")
    for header in headers:
        table.add_column(header, justify="right" if header in right else "left", no_wrap=True)
    return table
