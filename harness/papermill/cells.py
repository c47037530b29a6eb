"""Help every cell of a papermill notebook: check its parameters, keep its errors plain and its outputs lasting.

Parameters: papermill checks neither names nor types, so `settings` does. Errors: a notebook shows the sentence and not
the way that led to it. A group of exceptions leaves a cell without a message, and can leave papermill waiting for ever,
so that what is raised here is always a plain error without a chain. Outputs: figures and tables that mean something
without a kernel, a widget or a script.
"""

from __future__ import annotations

import base64
import difflib
from collections.abc import Callable, Mapping
from functools import wraps
from html import escape
from typing import Any, ParamSpec, TypeVar

from IPython.display import display

from harness.config import ImportConfig
from harness.errors import BadInput, HarnessError
from harness.flags import DURATIONS, FLAGS, flag_of
from harness.settings import as_switch, checked, notebook_folder
from harness.units import refuse_bare
from harness.views.plots import png, svg
from harness.views.report.pictures import Picture
from harness.views.report.tables import Table

# What IPython itself puts beside them.
P = ParamSpec("P")
T = TypeVar("T")


class NotebookProblem(HarnessError):
    """Something that whoever runs the notebook can mend; the message says what."""

    def _render_traceback_(self) -> list[str]:
        """Return the lines that IPython shows instead of a traceback."""
        return [f"{type(self).__name__}: {self}"]


class RunFailed(NotebookProblem):
    """The run of this notebook did not complete; the figures above show how far it came."""


def plainly(cell: Callable[P, T]) -> Callable[P, T]:
    """Decorate a function to raise a NotebookProblem for each error that is meant for people, and for groups."""

    @wraps(cell)
    def called(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return cell(*args, **kwargs)
        except NotebookProblem:
            raise
        except HarnessError as error:
            problem = NotebookProblem(str(error))
        except BaseExceptionGroup as group:
            problem = NotebookProblem("; ".join(str(leaf) for leaf in _leaves(group)))
        # Out here the error has no context: a notebook shows one sentence.
        raise problem

    return called


def _leaves(group: BaseExceptionGroup[BaseException]) -> list[BaseException]:
    leaves: list[BaseException] = []
    for error in group.exceptions:
        leaves += _leaves(error) if isinstance(error, BaseExceptionGroup) else [error]
    return leaves


_IPYTHON = ("In", "Out")


@plainly
def settings(namespace: Mapping[str, Any], also: tuple[str, ...] = ("simulated",)) -> ImportConfig:
    """Return the config made of the parameters in a notebook's `globals()`; NotebookProblem for the first wrong one.

    also: parameters of the notebook that are no settings of an import. A name that is neither is refused: papermill
    only warns of a typing error, and runs with the default. `source` names a TOML file with more settings.
    """
    given = parameters(namespace)
    _refuse_unknown(given, (*FLAGS, "source", *also))
    for name in given.keys() & DURATIONS:
        if given[name] is not None:  # `-p latency 80` arrives as a number
            refuse_bare(flag_of(name), given[name])
    values = {name: value for name, value in given.items() if name in FLAGS or name == "source"}
    return checked({**values, "results": notebook_folder(given.get("results"))})


def parameters(namespace: Mapping[str, Any]) -> dict[str, Any]:
    """Return the plain values among a notebook's names: what papermill can set."""
    plain = (str, int, float, bool, list, tuple, dict, type(None))
    return {
        name: value
        for name, value in namespace.items()
        if isinstance(value, plain) and not name.startswith("_") and name not in _IPYTHON
    }


def _refuse_unknown(given: Mapping[str, Any], known: tuple[str, ...]) -> None:
    for name in given:
        if name not in known:
            close = difflib.get_close_matches(name, known, 1)
            ask = f"did you mean {close[0]}?" if close else "see papermill --help-notebook for all of them"
            raise BadInput(f"{name!r} is not a parameter of this notebook; {ask}")


switch = plainly(as_switch)


def show_picture(picture: Picture, *, table: bool = True) -> None:
    """Show the figure, sharp where SVG is shown and as a PNG elsewhere, what to look for, and its data."""
    heading = getattr(picture.figure, "heading", None)
    if heading is None or heading.finding != picture.title:  # else the figure says it above itself
        html = f"<h3>{escape(picture.title)}</h3><p>{escape(picture.look_for)}</p>"
        show_html(html, f"{picture.title}. {picture.look_for}")
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
    """Show a table; long ones are folded away."""
    html = table_html(table)
    if caption:
        html = f"<details><summary>{escape(caption)} ({len(table.rows)} rows)</summary>{html}</details>"
    show_html(html, table_text(table))


def show_html(html: str, text: str) -> None:
    """Show `html`, and what stands for it where only text is shown."""
    display({"text/html": html, "text/plain": text}, raw=True)


def show_json(mime: str, value: Any, text: str) -> None:
    """Show a value for programs, with its text for people."""
    display({mime: value, "text/plain": text}, raw=True)


def table_html(table: Table) -> str:
    """Return the table in HTML; every cell is text."""

    def cells(tag: str, row: tuple[str, ...]) -> str:
        align = ("right" if number else "left" for number in table.numbers)
        return "".join(f'<{tag} style="text-align: {side}">{escape(cell)}</{tag}>' for side, cell in zip(align, row))

    body = "".join(f"<tr>{cells('td', row)}</tr>" for row in table.rows)
    return f"<table><thead><tr>{cells('th', table.headings)}</tr></thead><tbody>{body}</tbody></table>"


def table_text(table: Table) -> str:
    """Return the table in columns of text."""
    rows = [table.headings, *table.rows]
    widths = [max(len(row[at]) for row in rows) for at in range(len(table.headings))]

    def line(row: tuple[str, ...]) -> str:
        sides = zip(row, widths, table.numbers)
        return "  ".join(cell.rjust(width) if right else cell.ljust(width) for cell, width, right in sides).rstrip()

    return "\n".join(line(row) for row in rows)
