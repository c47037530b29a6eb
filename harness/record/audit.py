"""What a second reading of the list says of the first: which items it missed, which are gone upstream."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from harness.record import events as e


@dataclass(frozen=True, slots=True)
class Audit:
    """listed: items that the list names now. missed: those that none had named before. gone: known and named no more.

    whole: was the list read to its proven end? Else items may be missing from `missed`, and `gone` is empty.
    """

    listed: int
    missed: tuple[e.ItemId, ...]
    gone: tuple[e.ItemId, ...]
    whole: bool

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)


def audited(events: Iterable[e.Event]) -> Audit | None:
    """What the last audit of a run found; None where there was none."""
    before: dict[e.ItemId, None] = {}
    now: dict[e.ItemId, None] | None = None
    whole = accepted = False
    for event in events:
        if isinstance(event, e.Relisted):
            before |= now or {}
            now, whole, accepted = {}, False, False
        elif isinstance(event, e.PageListed):
            (before if now is None else now).update(dict.fromkeys(event.ids))
        elif isinstance(event, e.ListEnded):
            accepted = event.reason == "accepted"
        elif isinstance(event, e.SessionEnded):
            whole = event.status.startswith("complete") and not accepted
    if now is None:
        return None
    gone = tuple(item for item in before if item not in now) if whole else ()
    return Audit(len(now), tuple(item for item in now if item not in before), gone, whole)
