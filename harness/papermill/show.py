"""Figures and tables as outputs of a notebook that mean something without a kernel, a widget or a script."""

from __future__ import annotations

import base64
from html import escape
from typing import Any

from IPython.display import display

from harness.views.plots import png, svg
from harness.views.report.pictures import Picture
from harness.views.report.tables import Table


def show_picture(picture: Picture, *, table: bool = True) -> None:
    """The figure, sharp where SVG is shown and as a PNG elsewhere, what to look for, and its data."""
    show_html(
        f"<h3>{escape(picture.title)}</h3><p>{escape(picture.look_for)}</p>", f"{picture.title}. {picture.look_for}"
    )
    data = {
        "image/svg+xml": svg(picture.figure, picture.name),
        "image/png": base64.b64encode(png(picture.figure, dpi=100)).decode(),
        "text/plain": picture.alt,
    }
    # JupyterLab shows SVG of trusted notebooks only, and PNG of all.
    display(data, metadata={"image/png": {"alt": picture.alt}}, raw=True)
    if table:
        show_table(picture.table, "data of the figure")


def show_table(table: Table, caption: str = "") -> None:
    """A table; long ones are folded away."""
    html = table_html(table)
    if caption:
        html = f"<details><summary>{escape(caption)} ({len(table.rows)} rows)</summary>{html}</details>"
    show_html(html, table_text(table))


def show_html(html: str, text: str) -> None:
    """`html`, and what stands for it where only text is shown."""
    display({"text/html": html, "text/plain": text}, raw=True)


def show_json(mime: str, value: Any, text: str) -> None:
    """A value for programs, with its text for people."""
    display({mime: value, "text/plain": text}, raw=True)


def table_html(table: Table) -> str:
    """The table in HTML; every cell is text."""

    def cells(tag: str, row: tuple[str, ...]) -> str:
        align = ("right" if number else "left" for number in table.numbers)
        return "".join(f'<{tag} style="text-align: {side}">{escape(cell)}</{tag}>' for side, cell in zip(align, row))

    body = "".join(f"<tr>{cells('td', row)}</tr>" for row in table.rows)
    return f"<table><thead><tr>{cells('th', table.headings)}</tr></thead><tbody>{body}</tbody></table>"


def table_text(table: Table) -> str:
    """The table in columns of text."""
    rows = [table.headings, *table.rows]
    widths = [max(len(row[at]) for row in rows) for at in range(len(table.headings))]

    def line(row: tuple[str, ...]) -> str:
        sides = zip(row, widths, table.numbers)
        return "  ".join(cell.rjust(width) if right else cell.ljust(width) for cell, width, right in sides).rstrip()

    return "\n".join(line(row) for row in rows)
