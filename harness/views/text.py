"""Numbers and times as people read them. Pure: nothing here reads a clock or knows where the text goes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import suppress

from harness.record.clock import local_clock, local_day

UNKNOWN = "-"
# Above this a duration says nothing more to anyone, and a calendar cannot hold its end.
_LONGEST_S = 10_000 * 86400.0


def count(number: int) -> str:
    """`12,431`."""
    return f"{number:,}"


def size(number: int) -> str:
    """`512 B`, `12.3 MB`, by thousands."""
    value, unit = float(number), "B"
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if value < 999.5 or unit == "TB":
            break
        value /= 1000
    return f"{value:.0f} {unit}" if unit == "B" or value >= 99.95 else f"{value:.1f} {unit}"


def plural(number: int, one: str, more: str | None = None) -> str:
    """`1 wait`, `2 waits`, `1 try`, `2 tries`."""
    return f"{count(number)} {one if number == 1 else more or one + 's'}"


def percent(share: float | None, digits: int = 0) -> str:
    """`98.5 %` of a share of 1. Anything short of the whole stays below 100 %: 0.9996 is `99.9 %`, 1.0 is `100 %`."""
    if share is None or not math.isfinite(share):
        return UNKNOWN
    if share == 1.0:
        return "100 %"
    if share < 1.0 and round(100 * share, digits) >= 100:
        return f"{100 - 10.0**-digits:.{digits}f} %"
    return f"{100 * share:.{digits}f} %" if abs(share) < 1e6 else UNKNOWN


def together(names: Sequence[str]) -> str:
    """`r1`, `r1 and r2`, `r1, r2 and r3`, made printable."""
    *before, last = map(printable, names)
    return f"{', '.join(before)} and {last}" if before else last


def duration(seconds: float | None, *, whole: bool = False) -> str:
    """`52 ms`, `38.2 s`, `2 min 05 s`, `13 h 28 min`, `6 d 22 h`; `whole` leaves out the parts of a second.

    Two units at most, the second always in two digits, so that a column of them lines up. `-` for None.
    """
    if seconds is None:
        return UNKNOWN
    if not seconds < _LONGEST_S:
        return "over 10,000 d"
    seconds = max(0.0, seconds)
    if whole or seconds == 0:
        seconds = float(round(seconds))
    if not whole and 0 < seconds < 0.9995:
        return f"{1000 * seconds:.0f} ms" if seconds >= 0.0095 else f"{1000 * seconds:.1f} ms"
    # Rounded before the unit is chosen: 59.96 s is 1 min 00 s, not 60.0 s.
    if round(seconds, 1) < 60:
        return f"{seconds:.0f} s" if whole or seconds == 0 else f"{seconds:.1f} s"
    minutes, rest_s = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest_s:02} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    if hours < 24:
        return f"{hours} h {minutes:02} min"
    days, hours = divmod(round(seconds / 3600), 24)
    return f"{days} d {hours:02} h"


def roughly(seconds: float | None) -> str:
    """Return a time nobody should count on to the second: `40 s`, `7 min`, `13 h 27 min`."""
    if seconds is not None and 119.5 <= seconds < 3570:
        return f"{round(seconds / 60)} min"
    if seconds is not None and 3570 <= seconds < 3600:
        seconds = 3600.0
    return duration(seconds, whole=True)


def countdown(seconds: float) -> str:
    """Return what is left of a wait, rounded up: it never says 0 s while the wait goes on."""
    return duration(math.ceil(seconds) if 1 < seconds < _LONGEST_S else max(1.0, seconds), whole=True)


def clock(at_utc_s: float | None, *, seconds: bool = True) -> str:
    """`18:05:02` in local time; `-` for None and for times that no calendar holds."""
    try:
        return UNKNOWN if at_utc_s is None else local_clock(at_utc_s, seconds=seconds)
    except (OverflowError, ValueError, OSError):
        return UNKNOWN


def time_of_day(at_utc_s: float | None, now_utc_s: float, *, seconds: bool = False) -> str:
    """`05:20` on the day that is now, `24 Nov 05:20` in the same year, else `3 Jan 2027 05:20`."""
    time = clock(at_utc_s, seconds=seconds)
    try:
        day, today = local_day(0.0 if at_utc_s is None else at_utc_s), local_day(now_utc_s)
    except (OverflowError, ValueError, OSError):
        return time
    if time == UNKNOWN or day == today:
        return time
    # Not strftime's %b: its words follow the locale, and a test or a colleague would read another month.
    month = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"][day.month - 1]
    return f"{day.day} {month}{'' if day.year == today.year else f' {day.year}'} {time}"


def next_time(at_utc_s: float, now_utc_s: float) -> str:
    """`06:00` on the day that is now, `06:00 tomorrow`, else as `time_of_day`: when something goes on."""
    with suppress(OverflowError, ValueError, OSError):
        if (local_day(at_utc_s) - local_day(now_utc_s)).days == 1:
            return f"{clock(at_utc_s, seconds=False)} tomorrow"
    return time_of_day(at_utc_s, now_utc_s)


def eta(eta_s: float | None, now_utc_s: float) -> str:
    """`05:20 (in 11 h 16 min)`, from the seconds that are left; `not known yet` for None."""
    if eta_s is None:
        return "not known yet"
    at = time_of_day(now_utc_s + eta_s, now_utc_s, seconds=eta_s < 3600)
    return f"in {duration(eta_s, whole=True)}" if at == UNKNOWN else f"{at} (in {duration(eta_s, whole=True)})"


def progress(done: int, total: int | None, known: int) -> str:
    """`12,431/80,000`; where the list does not say how many, `12,431/15,000+`: as many as are listed so far."""
    if total is None:
        return f"{count(done)}/{count(known)}+" if known else count(done)
    return f"{count(done)}/{count(max(total, known))}"


def share_done(done: int, total: int) -> str:
    """Whole percent, rounded down: 999 of 1,000 is `99 %`. Nothing to do is all done."""
    return f"{min(100, 100 * done // total) if total > 0 else 100} %"


def printable(text: str) -> str:
    """`text` in one line, without what would steer a terminal: it may come from a server."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else " " if c in "\r\n\t" else "?" for c in text)
