"""Durations and sizes as people type and read them."""

from __future__ import annotations

import math
import re
from decimal import Decimal
from functools import lru_cache
from typing import Any

from harness.errors import BadInput

_SECONDS = {
    "ms": Decimal("0.001"),
    "": Decimal(1),
    "s": Decimal(1),
    "sec": Decimal(1),
    "m": Decimal(60),
    "min": Decimal(60),
    "h": Decimal(3600),
    "hour": Decimal(3600),
    "d": Decimal(86400),
    "day": Decimal(86400),
}
_DURATION = re.compile(r"\s*(\d+(?:\.\d+)?|\.\d+)?\s*(ms|sec|s|min|m|hour|h|day|d|)\s*", re.ASCII)


def parse_duration(text: str) -> float:
    """Seconds in `50ms`, `20s`, `1.5m`, `2h`, `d` (a bare unit is one of it; a bare number is seconds).

    Raises ValueError, in words for people, for anything else.
    """
    found = _DURATION.fullmatch(text)
    if found is None or not text.strip():
        raise ValueError(f"{text!r} is not a duration; write it like 50ms, 20s, 5m, 2h or 1d")
    # Decimal, so that 1.1h is the 3960 s people mean, and what format_period writes is read back to the bit.
    seconds = float(Decimal(found[1] or 1) * _SECONDS[found[2]])
    if not math.isfinite(seconds):
        raise ValueError(f"{text!r} is longer than can be counted; write a shorter duration")
    return seconds


_BARE = re.compile(r"\d+(?:\.\d*)?|\.\d+", re.ASCII)


def refuse_bare(what: str, typed: Any) -> None:
    """Raise BadInput for a duration that was typed without a unit: `80` may be meant as 80 ms or as 80 s. 0 needs none.

    what: how the setting was named. typed: text, of which every duration counts (`uniform:20-80ms`), or a number.
    """
    is_finite = isinstance(typed, float) and math.isfinite(typed)
    text = f"{Decimal(repr(typed)).normalize():f}" if is_finite else str(typed).strip()
    _, colon, rest = text.partition(":")
    for part in rest.partition(":")[0].split("-") if colon else (text,):
        if _BARE.fullmatch(part) and float(part):
            raise BadInput(f"{what}: {part} has no unit; write {part}ms, {part}s or {part}m")


@lru_cache(maxsize=1024)
def format_period(seconds: float) -> str:
    """The shortest way to write a period in the limits grammar: 20 -> `20s`, 60 -> `1m`, 0.5 -> `500ms`.

    `parse_duration` reads the same number back, to the bit.
    """
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        # 100 s stays 100s and 120 s becomes 2m: whole units only, so that nothing is rounded.
        if seconds >= size and seconds % size == 0:
            return f"{int(seconds) // size}{unit}"
    exact = Decimal(repr(float(seconds)))
    milliseconds = exact * 1000
    if exact < 1 and milliseconds == milliseconds.to_integral_value():
        return f"{milliseconds:.0f}ms"
    return f"{exact.normalize():f}s"


_BYTES = {"": 1, "B": 1, "kB": 10**3, "KB": 10**3, "MB": 10**6, "GB": 10**9}
_SIZE = re.compile(r"\s*(\d{1,15}(?:\.\d{1,3})?)\s*(B|[kK]B|MB|GB|)\s*", re.ASCII)


def parse_size(text: str) -> int:
    """Bytes in `32MB`, `1.5GB`, `500kB` or `1000`; ValueError, in words for people, for anything else."""
    found = _SIZE.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is not a size; write it like 500kB, 32MB or 1GB")
    return int(Decimal(found[1]) * _BYTES[found[2]])


def format_size(size: int) -> str:
    """The shortest exact way to write it: `32MB`, `1500kB`, `17B`."""
    for unit, factor in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if size and size % factor == 0:
            return f"{size // factor}{unit}"
    return f"{size}B"
