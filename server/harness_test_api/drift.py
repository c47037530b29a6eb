"""A list that changes while someone pages: items inserted, deleted and changed, and the truth about it.

`insert=2/s:delete=1/s:change=10/m[:until=60s][:gone=410]`. The changes come evenly, the first after one interval; which
item they strike follows from the seed. They are worked off when someone looks, each at its own time.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from harness_test_api.errors import BadConfig
from harness_test_api.spec import Spec, read_spec
from harness_test_api.units import duration_s, whole

_KINDS = ("insert", "delete", "change")


@dataclass(frozen=True, slots=True)
class Drift:
    """Seconds between changes of each kind (inf: none), up to `until_s` after the start.

    gone: status of a deleted item's address, 404 or 410.
    """

    insert_s: float = math.inf
    delete_s: float = math.inf
    change_s: float = math.inf
    until_s: float = math.inf
    gone: int = 404


def parse_drift(text: str) -> Drift:
    """The drift written in `text`; empty: none; BadConfig for what cannot be read."""
    if not text:
        return Drift()
    spec = read_spec("drift", text)
    insert_s, delete_s, change_s = (_gap_s(spec, kind) for kind in _KINDS)
    until, gone = spec.take("until"), spec.take("gone")
    spec.end((*(f"{kind}=N/PERIOD" for kind in _KINDS), "until=", "gone=404|410"))
    if gone not in (None, "404", "410"):
        raise BadConfig(f"gone={gone} in the {spec.where} is unknown; use 404 or 410")
    until_s = math.inf if until is None else duration_s(until, spec.label("until"))
    return Drift(insert_s, delete_s, change_s, until_s, int(gone or 404))


def _gap_s(spec: Spec, kind: str) -> float:
    rate = spec.take(kind)
    if rate is None:
        return math.inf
    count, slash, period = rate.partition("/")
    period_s = duration_s(period, spec.label(kind)) if slash else 0.0
    if period_s <= 0:
        raise BadConfig(f"{kind}={rate} in the {spec.where} is no rate; write it like {kind}=2/s")
    return period_s / whole(count, spec.label(kind), least=1, most=1_000_000)


@dataclass
class Truth:
    """What happened to a list, for whoever checks an import of it. Times are seconds since the server's start.

    At the start it held ids 1 to `first_last_id`.
    """

    first_last_id: int
    inserted: dict[int, float] = field(default_factory=dict)
    deleted: dict[int, float] = field(default_factory=dict)
    changed: dict[int, list[float]] = field(default_factory=dict)

    def must_hold(self, since_s: float, until_s: float) -> set[int]:
        """Ids that were in the list all the time from `since_s` to `until_s`: a perfect import holds each of them."""
        there = set(range(1, self.first_last_id + 1))
        there |= {number for number, at in self.inserted.items() if at <= since_s}
        return there - {number for number, at in self.deleted.items() if at <= until_s}

    def may_hold(self, since_s: float, until_s: float) -> set[int]:
        """Ids that were in the list at some time between: an import holds no others."""
        there = set(range(1, self.first_last_id + 1))
        there |= {number for number, at in self.inserted.items() if at <= until_s}
        return there - {number for number, at in self.deleted.items() if at <= since_s}

    def report(self) -> dict[str, Any]:
        """All of it, ready for JSON; grows with the changes, not with the list."""
        return {
            "first_last_id": self.first_last_id,
            "inserted": [{"id": number, "at": at} for number, at in self.inserted.items()],
            "deleted": [{"id": number, "at": at} for number, at in self.deleted.items()],
            "changed": [{"id": number, "at": at} for number, at in self.changed.items()],
        }
