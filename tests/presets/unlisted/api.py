"""APIs that no preset and no other file of this project knows, as their owners document them.

Seven records, three a page. Each `Api` says how a user would declare it and whether a guess can know it; what comes
back and what must come of it are written out by hand.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.presets.stub import Asked, Reply, not_found

N = 7
SIZE = 3
Row = dict[str, Any]


@dataclass(frozen=True)
class Api:
    """url: of the list. told: what a user declares. knows: a guess can know it.

    listed: the list's records, good enough for a guess: where items are is not to be known, and the run says so.
    """

    url: str
    answers: Callable[[Asked], Reply]
    rows: list[Row]
    told: Mapping[str, Any] = field(default_factory=dict)
    knows: bool = True
    listed: list[Row] | None = None  # a guess can know it


ROWS = [{"id": n, "name": f"n{n}"} for n in range(1, N + 1)]
FULL = [{**row, "more": f"text {row['id']}"} for row in ROWS]


def num(text: Any, default: int) -> int:
    try:
        return int(text)
    except (TypeError, ValueError):
        return default


def at(first: int, size: int = SIZE, rows: list[Row] = ROWS) -> tuple[list[Row], bool]:
    return rows[first : first + size], first + size < len(rows)


def details(
    asked: Asked, base: str, rows: list[Row] = FULL, key: str = "id", suffix: str = "", wrap: tuple = ()
) -> Reply:
    name = asked.path.removeprefix(base + "/")
    if suffix:
        if not name.endswith(suffix):
            return not_found()
        name = name.removesuffix(suffix)
    row = next((r for r in rows if str(r[key]) == name), None)
    if row is None:
        return not_found()
    body: Any = row
    for w in wrap:
        body = {w: body}
    return Reply(body)


APIS: dict[str, Callable[[], Api]] = {}


def api(f):
    APIS[f.__name__] = f
    return f


def listing(url_path: str, page: Callable[[Asked], Reply], detail: Callable[[Asked], Reply] | None = None):
    def answers(asked: Asked) -> Reply:
        if asked.path == url_path:
            return page(asked)
        return detail(asked) if detail else not_found()

    return answers


def told(**settings: Any) -> dict[str, Any]:
    """Return what a user declares, as flags without dashes."""
    return settings
