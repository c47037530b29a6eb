"""The only place that reads the wall clock; everything else gets `now` as an argument or asks trio."""

from __future__ import annotations

import time
from datetime import UTC, date, datetime, timedelta


def utc_s() -> float:
    """Seconds since the epoch, UTC: anchors a session, whose events count from it in trio's seconds."""
    return time.time()  # noqa: TID251


def local_stamp(at_utc_s: float) -> str:
    """`20261123-155204`: local time as runs are named."""
    return datetime.fromtimestamp(at_utc_s, UTC).astimezone().strftime("%Y%m%d-%H%M%S")


def iso(at_utc_s: float) -> str:
    """`2026-11-23T15:52:04Z`."""
    return datetime.fromtimestamp(at_utc_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def local_clock(at_utc_s: float, *, seconds: bool = True) -> str:
    """`15:52:04` in local time, for people."""
    return datetime.fromtimestamp(at_utc_s, UTC).astimezone().strftime("%H:%M:%S" if seconds else "%H:%M")


def parse_local(text: str) -> float:
    """`2026-11-27T06:00` in local time (or with its own offset), as UTC seconds; ValueError for anything else."""
    return datetime.fromisoformat(text).astimezone().timestamp()


def next_local(clock: str, after_utc_s: float) -> float:
    """When it is next `06:00` (or `06:00:30`) in local time, after the moment given; a moment with a date is itself."""
    if "T" in clock or "-" in clock:
        return parse_local(clock)
    day = local_day(after_utc_s)
    for ahead in range(3):  # a day whose clock changes may be without that time, and then it is an hour off
        at_utc_s = parse_local(f"{day + timedelta(days=ahead)}T{clock}")
        if at_utc_s > after_utc_s:
            return at_utc_s
    raise AssertionError("a time of day comes every day")


def local_day(at_utc_s: float) -> date:
    """The day in local time, to say a date only where it is not today."""
    return datetime.fromtimestamp(at_utc_s, UTC).astimezone().date()
