"""What a stream can show."""

from __future__ import annotations

import io

import pytest
from rich.text import Text

from harness.views.screen import ASCII, LOOKS, Screen, asciify, cut, folded


class Terminal(io.TextIOWrapper):
    """A terminal of which we can read what was written to it."""

    def __init__(self, encoding: str = "utf-8") -> None:
        super().__init__(io.BytesIO(), encoding=encoding, write_through=True)

    def isatty(self) -> bool:
        return True


def test_a_pipe_has_no_width_and_no_colour() -> None:
    """Nothing is cut or coloured where a program reads it."""
    assert Screen.of(io.StringIO()) == Screen(None, True, False)


def test_a_terminal_has_colours_unless_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """NO_COLOR with any value, and a dumb terminal, turn colours off; COLUMNS says how wide it is."""
    monkeypatch.setenv("COLUMNS", "66")
    assert Screen.of(Terminal()) == Screen(66, True, True)
    monkeypatch.setenv("NO_COLOR", "1")
    assert Screen.of(Terminal()) == Screen(66, True, False)
    monkeypatch.delenv("NO_COLOR")
    monkeypatch.setenv("TERM", "dumb")
    assert not Screen.of(Terminal()).color


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252"])
def test_encodings_without_glyphs(encoding: str) -> None:
    """A stream that cannot hold every glyph gets none of them."""
    assert not Screen.of(Terminal(encoding)).unicode


def test_the_fallback_is_ascii_and_keeps_every_width() -> None:
    """Each glyph has one ASCII character; letters that have none become a question mark."""
    assert all(len(glyph) == 1 and len(plain) == 1 and plain.isascii() for glyph, plain in ASCII.items())
    assert asciify("✓ 40 s → 98 % für …") == "+ 40 s > 98 % f?r ~"


def test_each_status_has_a_glyph_and_its_own_word() -> None:
    """A status can be told by its word alone, and every glyph has a fallback or is ASCII already."""
    assert len({look.word for look in LOOKS.values()}) == len(LOOKS) == 7
    assert all(look.glyph in ASCII or look.glyph.isascii() for look in LOOKS.values())


def test_rendering() -> None:
    """Colours only where they are wanted, glyphs only where they can be, and no spaces at the ends of lines."""
    parts = (Text("✓ done  ", "green"), Text("[bold] is no markup :smile:"))
    assert Screen(80).render(*parts) == "✓ done\n[bold] is no markup :smile:"
    assert Screen(80, unicode=False).render(*parts).startswith("+ done")
    assert Screen(80, color=True).render(Text("done", "green")) == "\x1b[32mdone\x1b[0m"


def test_cutting() -> None:
    """What is cut ends in an ellipsis and counts in columns: an ideograph takes two."""
    assert [cut("abcdef", width) for width in (None, 6, 5, 1, 0)] == ["abcdef", "abcdef", "abcd…", "…", ""]
    assert cut("日本語", 5) == "日本…"


def test_folding() -> None:
    """Lines break between words, never between a number and its unit, and never in a word."""
    assert folded("waits for 40.0 s and more", 14) == ["waits for", "40.0 s and", "more"]
    assert folded("results/20261123/items.parquet", 10) == ["results/20261123/items.parquet"]
    assert folded("", 10) == [""]
