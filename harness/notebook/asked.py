"""What the board's controls say: messages of a browser, which may hold anything, as settings and items."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from harness.errors import BadInput
from harness.flags import MOST_WORKERS
from harness.pacing import format_tiers
from harness.record.events import ItemId
from harness.record.state import Failure
from harness.values import as_tiers
from harness.views.panel.failures import grouped


def workers_in(said: Mapping[str, Any]) -> int:
    """Return the number of workers that was typed; BadInput where it is none."""
    text = str(said["workers"])
    if not text.isascii() or not text.isdigit():
        raise BadInput(f"workers must be a number from 1 to {MOST_WORKERS}, not {text!r}")
    return int(text)


def limits_in(said: Mapping[str, Any]) -> str:
    """Return the limits that were typed, as they are written everywhere; BadInput where they cannot be read."""
    try:
        return format_tiers(as_tiers(str(said["limit"])))
    except ValueError as error:
        raise BadInput(str(error)) from None


def failures_in(said: Mapping[str, Any], failures: Sequence[Failure]) -> list[ItemId] | None:
    """Return the items of a group of failures, all or those chosen; None where everything that failed is meant.

    BadInput where nothing that was chosen is failed any more.
    """
    if "group" not in said:
        return None
    wanted = [group for group in grouped(failures) if group.key == said["group"]]
    items = [item for group in wanted for item in group.chosen(_texts(said.get("names")))]
    if not items:
        raise BadInput("what was chosen is no longer failed: look at the failures again")
    return items


def keys_in(said: Mapping[str, Any]) -> list[str]:
    """Return the groups of failures that are to be open."""
    return _texts(said.get("keys")) or []


def _texts(value: Any) -> list[str] | None:
    return [each for each in value if isinstance(each, str)] if isinstance(value, list) else None
