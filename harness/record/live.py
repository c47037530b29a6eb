"""Make, write and read the live status: what a running import knows beyond its events, kept in `live.json`.

The file is written about every half second under a temporary name and renamed, never synced: it is worth nothing once
its process is gone. The clocks of the two processes are taken to be the same.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from harness.record.events import Key, PageRef, Role
from harness.record.quota import is_for_quota
from harness.record.state import State
from harness.record.status import RunStatus

# More than anybody reads; the rest is a number.
MOST_FLIGHTS = 40


@dataclass(frozen=True, slots=True)
class LiveTier:
    """One limit now. `opens_in_s`: until its next slot comes free (None: it is open, or only an answer can tell)."""

    text: str
    limit: int
    used: int
    left: int
    opens_in_s: float | None
    source: str = "declared"


@dataclass(frozen=True, slots=True)
class LiveFlight:
    """A request on its way: the `attempt`-th for page or item `key`, sent `for_s` seconds ago."""

    role: Role
    key: Key
    attempt: int
    for_s: float


@dataclass(frozen=True, slots=True)
class Live:
    """A moment `t_s` of a session, which is `now_utc_s` on the wall.

    doing: `working`, or why nothing is being sent: limit, in flight, refused, probe, hold, retry, paused, stopping,
    requests (as many as were allowed are sent). until_utc_s, tier: of that wait. quota_until_utc_s: until when a limit
    keeps everything waiting, where that is a wait for a quota (`record.quota`).
    eta_s: seconds until the last item, by the quota (None: not known yet). retrying: how many items wait for a retry,
    the next at next_retry_utc_s, the last at last_retry_utc_s. best_s: the least seconds the whole import can take
    (None: not known, or not known yet). flights: the oldest requests on their way, at most MOST_FLIGHTS.
    others: the names of those who use the same limits now.
    """

    t_s: float
    now_utc_s: float
    workers: int
    in_flight: int
    doing: str
    until_utc_s: float | None = None
    tier: str | None = None
    tiers: tuple[LiveTier, ...] = ()
    eta_s: float | None = None
    retrying: int = 0
    next_retry_utc_s: float | None = None
    last_retry_utc_s: float | None = None
    best_s: float | None = None
    flights: tuple[LiveFlight, ...] = ()
    quota_until_utc_s: float | None = None
    others: tuple[str, ...] = ()


def elapsed_s(state: State, t_s: float) -> float:
    """Return what `state.duration_s` would be if an answer came at `t_s` of its session: it grows during waits."""
    session = state.session
    if session.first_sent_s is None:
        return state.earlier_s
    until_s = t_s if session.paused_at_s is None else max(session.paused_at_s, session.last_answer_s or 0.0)
    return state.earlier_s + max(0.0, until_s - session.first_sent_s - session.paused_s)


def write_live(folder: Path, live: Live) -> None:
    """Keep `live` for watchers; a disk that does not take it is no reason to stop."""
    with suppress(OSError, ValueError):
        temporary = folder / "live.json.tmp"
        temporary.write_text(json.dumps(asdict(live)), encoding="utf-8")
        os.replace(temporary, folder / "live.json")


def read_live(folder: Path, now_utc_s: float) -> Live | None:
    """Return the live status last written, as of `now_utc_s`; None where there is none that this version can read."""
    try:
        said = json.loads((folder / "live.json").read_text(encoding="utf-8"))
        tiers = tuple(LiveTier(**tier) for tier in said["tiers"])
        flights = tuple(map(_flight, said["flights"]))
        live = Live(**{**said, "tiers": tiers, "flights": flights, "others": tuple(said.get("others", ()))})
        passed_s = max(0.0, now_utc_s - live.now_utc_s)
        left_s = None if live.eta_s is None else max(0.0, live.eta_s - passed_s)
        return replace(live, t_s=live.t_s + passed_s, now_utc_s=now_utc_s, eta_s=left_s)
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None


def _flight(said: dict[str, Any]) -> LiveFlight:
    flight = LiveFlight(**said)
    return replace(flight, key=PageRef(*said["key"])) if flight.role == "list" else flight


def told_by(state: State, now_utc_s: float) -> Live:
    """Make the live status from events alone, where the session left none; what is in flight is then unknown."""
    session = state.session
    doing, until_s, tier, quota_until_utc_s = "working", None, None, None
    if state.status is RunStatus.PAUSED:
        doing = "paused"
    elif session.waiting is not None:
        began_s, doing, tier, until_s = session.waiting
        if until_s is not None and is_for_quota(doing, until_s - began_s):
            quota_until_utc_s = session.utc_s + until_s
    until_utc_s = None if until_s is None else session.utc_s + until_s
    t_s = max(0.0, now_utc_s - session.utc_s)
    told = (t_s, now_utc_s, state.workers, 0, doing, until_utc_s, tier)
    return Live(*told, retrying=state.waiting, quota_until_utc_s=quota_until_utc_s)


def drop_live(folder: Path) -> None:
    """Remove live.json when the session is over."""
    with suppress(OSError):
        (folder / "live.json").unlink(missing_ok=True)
