"""`live.json`: the moment of a running import that its events do not tell, for watchers in other processes.

Written about every second under a temporary name and renamed, never synced: it is worth nothing once its process is
gone. Clocks of the two processes are taken to be the same.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from harness.record.events import PageRef
from harness.record.live import Live, LiveFlight, LiveTier
from harness.record.state import State


def write_live(folder: Path, live: Live) -> None:
    """Keep `live` for watchers; a disk that does not take it is no reason to stop."""
    with suppress(OSError, ValueError):
        temporary = folder / "live.json.tmp"
        temporary.write_text(json.dumps(asdict(live)), encoding="utf-8")
        os.replace(temporary, folder / "live.json")


def read_live(folder: Path, now_utc_s: float) -> Live | None:
    """The last moment kept, as of `now_utc_s`; None where there is none that this version can read."""
    try:
        said = json.loads((folder / "live.json").read_text(encoding="utf-8"))
        tiers = tuple(LiveTier(**tier) for tier in said["tiers"])
        flights = tuple(map(_flight, said["flights"]))
        live = Live(**{**said, "tiers": tiers, "flights": flights})
        passed_s = max(0.0, now_utc_s - live.now_utc_s)
        left_s = None if live.eta_s is None else max(0.0, live.eta_s - passed_s)
        return replace(live, t_s=live.t_s + passed_s, now_utc_s=now_utc_s, eta_s=left_s)
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None


def _flight(said: dict[str, Any]) -> LiveFlight:
    flight = LiveFlight(**said)
    return replace(flight, key=PageRef(*said["key"])) if flight.role == "list" else flight


def told_by(state: State, now_utc_s: float) -> Live:
    """What the events alone say of the moment, where its writer has kept none: not who is in flight, nor until when."""
    session = state.session
    doing, until_s, tier = "working", None, None
    if state.status == "paused":
        doing = "paused"
    elif session.waiting is not None:
        _, doing, tier, until_s = session.waiting
    until_utc_s = None if until_s is None else session.utc_s + until_s
    t_s = max(0.0, now_utc_s - session.utc_s)
    return Live(t_s, now_utc_s, state.workers, 0, doing, until_utc_s, tier, retrying=state.waiting)


def drop_live(folder: Path) -> None:
    """The session is over: there is no moment any more."""
    with suppress(OSError):
        (folder / "live.json").unlink(missing_ok=True)
