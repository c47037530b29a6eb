"""Where a run's items came from, in a few words, and whether two runs did the same work.

Only runs that did the same work can be called better or worse than one another: the same source, the same limits, the
same number of items.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import urlsplit

from harness.record.run_view import RunSettings, RunView
from harness.views.text import plural, printable

# What makes a source another one; of the test API also what it is told to be.
_OF_ANY = ("url", "preset", "declaration", "method", "body", "param")
_OF_THE_TEST_API = ("scenario", "server_limit", "latency", "speed")
# A part of a path that names nothing: a placeholder, a number, a version.
_NAMELESS = re.compile(r"\{.*|\d+|v\d+", re.ASCII)
_LONGEST = 60


def source_url(settings: RunSettings) -> str:
    """Return the URL of the list; "" for the test API that a run starts for itself."""
    told = settings.in_force
    declared = told.get("declaration")
    if not told.get("url") and not told.get("preset") and isinstance(declared, dict):
        resource = declared.get("resource")
        return str(resource.get("url", "")) if isinstance(resource, dict) else ""
    return str(told.get("url") or "")


def source_text(settings: RunSettings) -> str:
    """`orders, api.example.com`; `laravel, test API`; `test API, simulated`."""
    url, told = source_url(settings), settings.in_force
    named = str(told.get("preset") or told.get("scenario") or "")
    if url:
        words = [*_of_url(url)]
    else:
        words = [*([named] if named else []), "test API" + (", simulated" if settings.simulated else "")]
    text = printable(", ".join(words))
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _of_url(url: str) -> Iterator[str]:
    """Yield the last part of the path that names something, and the host."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:  # nothing that an import would have taken
        yield url
        return
    names = [part for part in parts.path.split("/") if part and not _NAMELESS.fullmatch(part)]
    if names:
        yield names[-1]
    yield host or url


def work_of(view: RunView) -> tuple[str, str, str] | None:
    """Return what must be the same for two runs to be compared: source, limits, number of items.

    None for a run that is not complete: what it did is no whole.
    """
    if not view.status.is_complete:
        return None
    told, summary = view.settings.in_force, view.summary
    names = _OF_ANY if source_url(view.settings) else (*_OF_ANY, *_OF_THE_TEST_API)
    source = {name: told.get(name) for name in names if not _is_nothing(told.get(name))}
    kind = json.dumps({**source, "simulated": view.settings.simulated}, sort_keys=True, default=str)
    return kind, summary.limits, f"{summary.imported} of {summary.total}"


def _is_nothing(value: Any) -> bool:
    return value is None or value in ("", [], {}, ())


def alike(views: Sequence[RunView]) -> list[list[int]]:
    """Return the groups of two or more that did the same work, by their places in `views`."""
    groups: dict[tuple[str, str, str], list[int]] = {}
    for at, view in enumerate(views):
        work = work_of(view)
        if work is not None:
            groups.setdefault(work, []).append(at)
    return [places for places in groups.values() if len(places) > 1]


def why_not_alike(views: Sequence[RunView]) -> str:
    """Say why some of the runs are called neither better nor worse; "" where all did the same work."""
    works = [work_of(view) for view in views]
    if works and None not in works and len(set(works)) == 1:
        return ""
    open_ = [view.run for view, work in zip(views, works, strict=True) if work is None]
    known = [work for work in works if work is not None]
    what = [
        name
        for name, values in zip(("source", "limits", "number of items"), zip(*known, strict=True), strict=False)
        if len(set(values)) > 1
    ]
    reasons = [f"{' and '.join(what)} differ{'s' if what == ['source'] or what == ['number of items'] else ''}"] * bool(
        what
    )
    if open_:
        reasons.append(f"{plural(len(open_), 'run')} {'is' if len(open_) == 1 else 'are'} not complete")
    return f"Best is said only among complete runs of the same work: {'; '.join(reasons)}."
