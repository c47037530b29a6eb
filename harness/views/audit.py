"""What an audit found, in a few lines."""

from __future__ import annotations

from collections.abc import Sequence

from harness.record.audit import Audit
from harness.views.screen import Row, Screen, labelled
from harness.views.text import count, plural, printable

_SHOWN = 10


def audit_text(audit: Audit, screen: Screen) -> str:
    """Lines below the summary of the session that read the list again."""
    rows: list[Row] = [("listed", f"{plural(audit.listed, 'item')} now{_unless(audit.whole)}", "")]
    missed = "no item was missed" if not audit.missed else _some(audit.missed, "missed by the first reading")
    rows.append(("missed", missed, "yellow" if audit.missed else "green"))
    if audit.gone:
        rows.append(("gone", _some(audit.gone, "no longer listed; what was imported of them stays"), ""))
    elif audit.whole:
        rows.append(("gone", "every item is still listed", ""))
    return screen.render(*labelled(rows, screen))


def _unless(whole: bool) -> str:
    return "" if whole else ", and it is not proven that these are all: what is gone cannot be said"


def _some(items: Sequence[int | str], what: str) -> str:
    names = ", ".join(printable(str(item)) for item in items[:_SHOWN])
    more = f" and {count(len(items) - _SHOWN)} more" if len(items) > _SHOWN else ""
    return f"{plural(len(items), 'item')} {what}: {names}{more}"
