"""Durations as people type and read them."""

from __future__ import annotations

import math
import re

_SECONDS = {
    "ms": 0.001,
    "": 1.0,
    "s": 1.0,
    "sec": 1.0,
    "m": 60.0,
    "min": 60.0,
    "h": 3600.0,
    "hour": 3600.0,
    "d": 86400.0,
    "day": 86400.0,
}
_DURATION = re.compile(r"\s*(\d+(?:\.\d+)?|\.\d+)?\s*(ms|sec|s|min|m|hour|h|day|d|)\s*", re.ASCII)


def parse_duration(text: str) -> float:
    """Seconds in `50ms`, `20s`, `1.5m`, `2h`, `d` (a bare unit is one of it; a bare number is seconds).

    Raises ValueError, in words for people, for anything else.
    """
    found = _DURATION.fullmatch(text)
    if found is None or not text.strip():
        raise ValueError(f"{text!r} is not a duration; write it like 50ms, 20s, 5m, 2h or 1d")
    number = 1.0 if found[1] is None else float(found[1])
    seconds = number * _SECONDS[found[2]]
    if not math.isfinite(seconds):
        raise ValueError(f"{text!r} is longer than can be counted; write a shorter duration")
    return seconds


def format_period(seconds: float) -> str:
    """The shortest way to write a period in the limits grammar: 20 -> `20s`, 60 -> `1m`, 0.5 -> `500ms`."""
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        # 100 s stays 100s and 120 s becomes 2m: whole units only, so that the text parses back exactly.
        if seconds >= size and seconds % size == 0:
            return f"{int(seconds // size)}{unit}"
    if seconds < 1 and round(seconds * 1000, 6) == int(round(seconds * 1000, 6)):
        return f"{round(seconds * 1000)}ms"
    return f"{seconds:.12g}s"
