"""Numbers and durations as people type them. Shares no code with the client, on purpose."""

from __future__ import annotations

import math
import re

from harness_test_api.errors import BadConfig

_UNITS_S = {"ms": 0.001, "": 1.0, "s": 1.0, "sec": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "hour": 3600.0}
_UNITS_S |= {"d": 86400.0, "day": 86400.0}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)?\s*(ms|sec|s|min|m|hour|h|day|d|)", re.ASCII)


def duration_s(text: str, where: str) -> float:
    """Seconds in `50ms`, `20s`, `1.5m`, `d`; a bare unit is one of it, a bare number is seconds.

    where: what the text belongs to, named in the BadConfig raised for anything else.
    """
    found = _DURATION.fullmatch(text.strip())
    if found is None or not text.strip():
        raise BadConfig(f"{where}: {text!r} is not a duration; write it like 50ms, 20s, 5m or 1d")
    seconds = (1.0 if found[1] is None else float(found[1])) * _UNITS_S[found[2]]
    if not math.isfinite(seconds):
        raise BadConfig(f"{where}: {text!r} is longer than can be counted; write a shorter duration")
    return seconds


def whole(text: str, where: str, least: int = 0, most: int = 10**12) -> int:
    """The whole number in `text`, from `least` to `most`; BadConfig names `where` for anything else."""
    number = int(text) if text.isascii() and text.isdecimal() and len(text) <= 18 else -1
    if not least <= number <= most:
        raise BadConfig(f"{where}: {text!r} is not a whole number from {least} to {most}; write it in digits")
    return number


def fraction(text: str, where: str) -> float:
    """A share from 0 to 1 written as `0.05` or `5%`; BadConfig names `where` for anything else."""
    plain, scale = (text[:-1], 0.01) if text.endswith("%") else (text, 1.0)
    try:
        share = float(plain) * scale
    except ValueError:
        share = -1.0
    if not 0 <= share <= 1:
        raise BadConfig(f"{where}: {text!r} is not a share; write it from 0 to 1 or like 5%")
    return share


def positive(text: str, where: str) -> float:
    """A finite number above zero; BadConfig names `where` for anything else."""
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 < number < math.inf:
        raise BadConfig(f"{where}: {text!r} is not a number above 0; write it in digits")
    return number


def period_text(seconds: float) -> str:
    """The shortest text of a period in the grammar of limits: 20 -> `20s`, 60 -> `1m`, 0.5 -> `500ms`."""
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds >= size and seconds % size == 0:
            return f"{int(seconds // size)}{unit}"
    if seconds < 1:
        return f"{seconds * 1000:.12g}ms"
    return f"{seconds:.12g}s"
