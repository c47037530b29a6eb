"""The smallest pieces of HTML that everything in the panel is made of.

Everything that comes from a server or a file goes through `esc`.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from html import escape

from harness.record.status import RunStatus
from harness.views.screen import LOOKS

# Of a status, which colour; glyph and word say the same without it.
TONES = {"cyan": "now", "green": "good", "yellow": "mind", "red": "bad"}


def esc(text: object) -> str:
    """Escape text for HTML, in quotes too."""
    return escape(str(text), quote=True)


def badge(status: RunStatus) -> str:
    """`● running`: glyph, word and colour."""
    look = LOOKS[status]
    return (
        f'<span class="hx-badge hx-{TONES[look.style]}"><span aria-hidden="true">{look.glyph}</span> {look.word}</span>'
    )


def facts(rows: Iterable[tuple[str, str, str]]) -> str:
    """Label, value (HTML) and a remark (HTML, may be empty), one below the other."""
    return (
        "<dl>"
        + "".join(f"<dt>{esc(label)}</dt><dd>{value}{_remark(more)}</dd>" for label, value, more in rows)
        + "</dl>"
    )


def _remark(more: str) -> str:
    return f' <small class="hx-dim">{more}</small>' if more else ""


def card(title: str, body: str, more: str = "") -> str:
    """Return a titled box; nothing at all where there is nothing in it."""
    return f'<section class="hx-card{more}"><h4>{esc(title)}</h4>{body}</section>' if body else ""


def table(heads: Iterable[str], rows: Iterable[Iterable[str]], right: Iterable[int] = ()) -> str:
    """Make a table of rows of HTML cells below their heads; the columns in `right` hold numbers."""
    at_right = set(right)

    def cells(row: Iterable[str], tag: str, more: str = "") -> str:
        sides = (" class=hx-right" if at in at_right else "" for at in itertools.count())
        return "".join(f"<{tag}{more}{side}>{cell}</{tag}>" for side, cell in zip(sides, row))

    body = "".join(f"<tr>{cells(row, 'td')}</tr>" for row in rows)
    head = f"<thead><tr>{cells(heads, 'th', ' scope=col')}</tr></thead>"
    return f'<div class="hx-scroll"><table class="hx-table">{head}<tbody>{body}</tbody></table></div>'
