"""Makes the README's picture from a real import: `python docs/make_pictures.py` (about 45 s)."""

from __future__ import annotations

import io
import re
import tempfile
from pathlib import Path

import trio
from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.text import Text

from harness import ImportConfig, run_import
from harness.paths import program
from harness.record.clock import local_stamp, utc_s
from harness.record.live import Live
from harness.record.run_view import view_of
from harness.record.state import State
from harness.record.summary import Summary
from harness.session.optimality import figures
from harness.views.frame import frame
from harness.views.screen import Screen
from harness.views.summary import summary_text

WIDTH = 80
NAME = local_stamp(utc_s())
HERE = Path(__file__).parent
# The format loads a font from somebody's server; whoever looks at a picture need not be told to them.
FORMAT = re.sub(r"@font-face \{\{.*?\}\}\s*", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)


def take(results: Path) -> tuple[list[Text], str]:
    """One frame from the middle of a default import, and its summary."""
    frames: list[list[Text]] = []

    def look(state: State, live: Live) -> None:
        if live.t_s > 8 and not frames:
            frames.append(frame(view_of(figures(NAME, state, config), state, live), WIDTH - 1))

    config = ImportConfig(results=results, run=NAME)

    async def main() -> Summary:
        run = await run_import(config, on_update=look)
        written = run.summary()
        assert written is not None
        return Summary.from_dict(written)

    summary = trio.run(main)
    screen = Screen(width=WIDTH - 1, unicode=True, color=True)
    text = summary_text(summary, screen, program=program(".venv/bin/python"), items=f"results/{NAME}/items.parquet")
    return frames[0], text


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        lines, summary = take(Path(folder))
    console = Console(record=True, width=WIDTH, file=io.StringIO(), force_terminal=True, color_system="truecolor")
    console.print(Text("$ make import\n", "bold"), *lines, sep="\n")
    console.print(Text("\n…\n", "dim"))
    console.print(Text.from_ansi(summary))
    svg = console.export_svg(title="make import", code_format=FORMAT, unique_id="import")
    (HERE / "import.svg").write_text(svg + "\n")


if __name__ == "__main__":
    main()
