"""Read limits as the record names them, as numbers a view can draw, and remember what was learned for the next run.

What `auto` pacing learned of a host is kept in one small file beside the runs:

    {"api.example.com API_TOKEN": {"limits": "500/20s+2000/100s", "learned_utc_s": 1764000000.0}}

The key is the host and the name of the credential, never its value. A file that cannot be read is no reason not to
import: what it held is learned again.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.bound import admissible
from harness.errors import BadLimits, RecordError
from harness.pacing import Tiers, format_tiers, parse_tiers
from harness.pacing.tiers import Tier
from harness.record.files import read_json, write_json


@dataclass(frozen=True, slots=True)
class Limit:
    """One limit: as it was written, and how many requests in how many seconds. at_once: how many in flight.

    is_bucket: room comes back bit by bit. Then `limit` is its burst, and period_s how long the whole of it takes.
    route: the requests that it counts, `*` for all.
    """

    text: str
    limit: int
    period_s: float
    at_once: bool = False
    is_bucket: bool = False
    route: str = "*"

    @property
    def per_s(self) -> float:
        """The rate it comes to."""
        return self.limit / self.period_s


def limits_in(text: str | None) -> tuple[Limit, ...]:
    """Read the limits in `text`, the shortest period first; () where there are none, or none that can be read."""
    try:
        tiers = parse_tiers(text) if text else ()
    except BadLimits:
        return ()
    return tuple(sorted(map(_limit, tiers), key=lambda limit: limit.period_s))


def _limit(tier: Tier) -> Limit:
    if tier.kind in ("bucket", "gcra", "leaky"):
        return Limit(str(tier), tier.depth, tier.depth * tier.period_s / tier.limit, False, True, tier.route)
    return Limit(str(tier), tier.limit, tier.period_s, tier.kind == "concurrency", route=tier.route)


def most_admitted(text: str | None, t_s: float) -> int | None:
    """Return how many requests any client could have got through the limits in `text` in t_s; None without a limit."""
    try:
        return admissible(t_s, parse_tiers(text)) if text else None
    except BadLimits:
        return None


FILE = ".learned.json"


def remembered(results: Path, who: str | None) -> Tiers:
    """Return what was learned of `who`; () where nothing was, or None is asked for."""
    about = _read(results).get(who) if who is not None else None
    limits = about.get("limits") if isinstance(about, dict) else None
    try:
        return parse_tiers(limits) if isinstance(limits, str) else ()
    except BadLimits:
        return ()


def remember(results: Path, who: str, tiers: Tiers, utc_s: float) -> None:
    """Keep `tiers` for `who`; RecordError where the disk refuses."""
    known = {**_read(results), who: {"limits": format_tiers(tiers), "learned_utc_s": utc_s}}
    write_json(results / FILE, known)


def taken_over(results: Path, who: str | None) -> Tiers:
    """Return what was learned of `who`, and drop it from the file: from here on somebody else remembers it."""
    found, known = remembered(results, who), _read(results)
    if who in known:
        with suppress(RecordError):  # a folder that cannot be written is read again next time
            write_json(results / FILE, {name: about for name, about in known.items() if name != who})
    return found


def _read(results: Path) -> dict[str, Any]:
    path = results / FILE
    try:
        known = read_json(path) if path.exists() else {}
    except RecordError:
        return {}
    return known if isinstance(known, dict) else {}
