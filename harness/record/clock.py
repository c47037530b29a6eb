"""The only place that reads the wall clock and the machine's; all else gets `now` as an argument or asks trio."""

from __future__ import annotations

import ctypes
import re
import time
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import NamedTuple

_CLOCK = re.compile(r"([01]?\d|2[0-3]):[0-5]\d(:[0-5]\d)?", re.ASCII)
_DATE = re.compile(r"\d{4}-\d\d-\d\d(?!\d)", re.ASCII)


def utc_s() -> float:
    """Return the seconds since the epoch, UTC: they anchor a session, whose events count from it in trio's seconds."""
    return time.time()  # noqa: TID251


class Boot(NamedTuple):
    """A moment by the clock that counts from this machine's start, through its sleep, and that nobody sets.

    id: names that start; "" where the system does not tell one start from another.
    """

    id: str
    at_s: float

    def since(self, before: Boot) -> float:
        """Return the least number of seconds that have passed since `before`: none where it is of another start."""
        return max(0.0, self.at_s - before.at_s) if self.id and self.id == before.id else 0.0


def boot() -> Boot:
    """Return the time by the machine's own clock."""
    return Boot(boot_id(), time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)))


def slept_s() -> float:
    """Return how long this machine has slept since it started: as trio's clock, and programs, know nothing of."""
    through = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
    return time.clock_gettime(through) - time.clock_gettime(time.CLOCK_MONOTONIC)


@cache
def boot_id() -> str:
    """Return what names this start of the machine; "" where the system does not tell one from another."""
    with suppress(OSError, ValueError):
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()[:36]
    with suppress(OSError, AttributeError, ValueError):  # macOS
        said, size = ctypes.create_string_buffer(64), ctypes.c_size_t(64)
        if ctypes.CDLL(None).sysctlbyname(b"kern.bootsessionuuid", said, ctypes.byref(size), None, 0) == 0:
            return said.value.decode("ascii")[:36]
    return ""


def local_stamp(at_utc_s: float) -> str:
    """`20261123-155204`: local time as runs are named."""
    return datetime.fromtimestamp(at_utc_s, UTC).astimezone().strftime("%Y%m%d-%H%M%S")


def iso(at_utc_s: float) -> str:
    """`2026-11-23T15:52:04Z`."""
    return datetime.fromtimestamp(at_utc_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def local_clock(at_utc_s: float, *, seconds: bool = True) -> str:
    """`15:52:04` in local time, for people."""
    return datetime.fromtimestamp(at_utc_s, UTC).astimezone().strftime("%H:%M:%S" if seconds else "%H:%M")


def local_minute(at_utc_s: float) -> str:
    """`2026-12-01 06:00` in local time, for people who read it on another day."""
    return datetime.fromtimestamp(at_utc_s, UTC).astimezone().strftime("%Y-%m-%d %H:%M")


def parse_local(text: str) -> float:
    """`2026-11-27T06:00` in local time (or with its own offset), as UTC seconds; ValueError for anything else."""
    if not is_dated(text):
        raise ValueError(f"{text!r} does not begin with a date")  # ISO's forms without a dash look like times of day
    try:
        return datetime.fromisoformat(text).astimezone().timestamp()
    except OverflowError as error:
        raise ValueError(str(error)) from None


def is_dated(text: str) -> bool:
    """Return True if the text begins with a date, and so names one moment and not one of every day."""
    return _DATE.match(text) is not None


def is_moment(text: str) -> bool:
    """Return True if the text reads like a time of day, or a date with one; asks no clock and no time zone."""
    if _CLOCK.fullmatch(text):
        return True
    with suppress(ValueError, OverflowError):
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is not None:
            moment.astimezone(UTC)  # it may lie past the end of the calendar
        return is_dated(text)
    return False


def has_passed(text: str) -> bool:
    """Return True if the moment is over and does not come again, as a time of day does."""
    return is_dated(text) and parse_local(text) <= utc_s()


def next_local(clock: str, after_utc_s: float) -> float:
    """Return when it is next `06:00` (or `6:00`, `06:00:30`) in local time; a time with a date is itself.

    ValueError for anything else.
    """
    if not _CLOCK.fullmatch(clock):
        return parse_local(clock)
    day, clock = local_day(after_utc_s), clock if clock[1] != ":" else f"0{clock}"
    for ahead in range(3):  # a day whose clock changes may be without that time, and then it is an hour off
        at_utc_s = parse_local(f"{day + timedelta(days=ahead)}T{clock}")
        if at_utc_s > after_utc_s:
            return at_utc_s
    raise AssertionError("a time of day comes every day")


def local_day(at_utc_s: float) -> date:
    """Return the day in local time, to say a date only where it is not today."""
    return datetime.fromtimestamp(at_utc_s, UTC).astimezone().date()
