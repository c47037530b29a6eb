"""The only place that reads the wall clock; everything else gets `now` as an argument or asks trio."""

from __future__ import annotations

import time
from datetime import UTC, date, datetime


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


def local_day(at_utc_s: float) -> date:
    """The day in local time, to say a date only where it is not today."""
    return datetime.fromtimestamp(at_utc_s, UTC).astimezone().date()
