"""All settings of the test API share this small grammar, which has no code in common with the client, on purpose.

It reads numbers, shares and durations as people type them, and takes `HEAD:word:name=value` apart into words and named
options.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass

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


_BARE = re.compile(r"\d+(?:\.\d*)?|\.\d+", re.ASCII)


def refuse_bare(text: str, where: str) -> None:
    """Raise BadConfig for a duration that somebody typed without a unit: 80 may be ms or s. 0 needs none."""
    number = text.strip()
    if _BARE.fullmatch(number) and float(number):
        raise BadConfig(f"{where}: {number} has no unit; write {number}ms, {number}s or {number}m")


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


@dataclass
class Spec:
    """One setting's text taken apart; options are taken, and none may be left. where: what it is, for messages."""

    where: str
    words: list[str]
    options: dict[str, str]

    def take(self, name: str) -> str | None:
        """The option's text, removed from those still to be read; None if it was not written."""
        return self.options.pop(name, None)

    def word(self) -> str:
        """The next word, removed from those still to be read; BadConfig where there is none."""
        if not self.words:
            raise BadConfig(f"the {self.where} does not say what; write that before any option")
        return self.words.pop(0)

    def label(self, name: str) -> str:
        """Name an option of this setting for a message."""
        return f"{name}= in the {self.where}"

    def end(self, known: Iterable[str]) -> None:
        """Check that nothing is left over; BadConfig names what is, and the `known` options."""
        left = self.words + list(self.options)
        if left:
            names = ", ".join(known) or "nothing more"
            raise BadConfig(f"{left[0]!r} in the {self.where} is unknown; it takes {names}")


def read_spec(what: str, text: str) -> Spec:
    """Take `text` apart at colons; what: what the setting is called, such as `fault`."""
    words: list[str] = []
    options: dict[str, str] = {}
    for part in text.strip().split(":"):
        name, equals, value = part.partition("=")
        if not equals:
            words.append(part)
        elif name in options:
            raise BadConfig(f"{name}= is written twice in the {what} {text!r}; write it once")
        else:
            options[name] = value
    return Spec(f"{what} {text!r}", words, options)
