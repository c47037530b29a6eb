"""Tiers, and the one grammar in which people write them.

`500/20s`, `100/m`, `10000/d`; several joined with `+`; a kind after a colon: `2/s:bucket:burst=40`,
`10000/d:aligned:tz=UTC`, `500/20s:counter`, `10/s:leaky:burst=0`, `20:concurrency`. Laravel's `500,20:2000,100` is
read when the text is digits, commas and colons alone.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Literal, cast, get_args
from zoneinfo import ZoneInfo

from harness.errors import BadLimits
from harness.units import format_period, parse_duration

Kind = Literal["any", "anchored", "aligned", "log", "counter", "gcra", "bucket", "leaky", "concurrency"]

MAX_PERIOD_S = 366 * 86400.0
MAX_LIMIT = 1_000_000_000

_ASK = "write limits like 500/20s+2000/100s"
# A + inside a zone's name (Etc/GMT+5) joins nothing: what it joins begins with a count and a slash, or a kind.
_JOINED = re.compile(r"\+(?=[^+:/]*/|\s*\d+\s*:concurrency)")
_WITH_BURST = ("gcra", "bucket", "leaky")
_LARAVEL = re.compile(r"\d+,\d+(:\d+,\d+)*", re.ASCII)


@dataclass(frozen=True, slots=True)
class Tier:
    """At most `limit` units of cost in a window of `period_s` seconds.

    kind: how the server counts; `any` (undeclared) is paced so that anchored and aligned windows, logs and
    buckets with burst = limit all hold. burst: units at once for gcra and bucket, requests that may queue for leaky
    (None: the limit); it may be more than the limit, as in `2/s:bucket:burst=40`. tz: time zone to which an aligned
    window is aligned (None: the epoch, which is UTC).
    concurrency: at most `limit` requests at once, whatever they cost; its period means nothing and is 1 s.
    """

    limit: int
    period_s: float
    kind: Kind = "any"
    burst: int | None = None
    tz: str | None = None

    def __post_init__(self) -> None:
        if not 1 <= self.limit <= MAX_LIMIT:
            raise BadLimits(f"a limit of {self.limit} cannot be used: it must be from 1 to {MAX_LIMIT:,}; {_ASK}")
        if not 0.001 <= self.period_s <= MAX_PERIOD_S:
            raise BadLimits(f"a period of {self.period_s:g} s cannot be used: it must be from 1 ms to 366 d; {_ASK}")
        if self.burst is not None and self.kind not in _WITH_BURST:
            ask = "write :gcra, :bucket or :leaky before it"
            raise BadLimits(f"burst={self.burst} only applies to the kinds gcra, bucket and leaky; {ask}")
        least = 0 if self.kind == "leaky" else 1
        if self.burst is not None and not least <= self.burst <= MAX_LIMIT:
            raise BadLimits(f"burst={self.burst} cannot be used: it must be from {least} to {MAX_LIMIT:,}")
        if self.tz is not None and self.kind != "aligned":
            raise BadLimits(f"tz={self.tz!r} only applies to the kind aligned; write :aligned before it")

    @property
    def depth(self) -> int:
        """Return the units that may come at once, where this is not `limit`; a leaky bucket takes one more than may
        queue.
        """
        burst = self.limit if self.burst is None else self.burst
        return burst + 1 if self.kind == "leaky" else burst

    def __str__(self) -> str:
        text = str(self.limit) if self.kind == "concurrency" else f"{self.limit}/{format_period(self.period_s)}"
        if self.kind != "any":
            text += f":{self.kind}"
        if self.burst is not None:
            text += f":burst={self.burst}"
        if self.tz is not None:
            text += f":tz={self.tz}"
        return text


Tiers = tuple[Tier, ...]


def parse_tiers(text: str) -> Tiers:
    """Return the tiers in `text`, in the order written; raises BadLimits with one sentence for anything else."""
    if _LARAVEL.fullmatch(text):
        text = "+".join("{}/{}s".format(*pair.split(",")) for pair in text.split(":"))
    tiers = tuple(_parse_tier(part) for part in _JOINED.split(text))
    if len(set(tiers)) < len(tiers):
        raise BadLimits(f"the limit {text!r} names the same limit twice; write each once")
    return tiers


def format_tiers(tiers: Tiers) -> str:
    """Return the text that `parse_tiers` reads back to the same tiers."""
    return "+".join(str(tier) for tier in tiers)


def _parse_tier(part: str) -> Tier:
    rate, *options = part.strip().split(":")
    count, slash, period = rate.partition("/")
    given = _parse_options(part, options)
    if given.get("its kind") == "concurrency":
        if slash:
            raise BadLimits(
                f"the limit {part!r} counts requests at once and has no period; write it like 20:concurrency"
            )
        slash, period = "/", "1s"
    # isdecimal alone would let other scripts' digits through; int() of a huge text is refused by Python.
    if not slash or not (count.isascii() and count.isdecimal()) or len(count) > 12:
        raise BadLimits(f"{part!r} is not a limit; {_ASK}")
    try:
        period_s = parse_duration(period)
    except ValueError as error:
        raise BadLimits(f"the limit {part!r} has no usable period: {error}") from None
    if math.isclose(period_s, 0):
        raise BadLimits(f"the limit {part!r} has a period of zero; {_ASK}")
    burst = int(given["burst="]) if "burst=" in given else None
    return Tier(int(count), period_s, cast(Kind, given.get("its kind", "any")), burst, given.get("tz="))


def _parse_options(part: str, options: list[str]) -> dict[str, str]:
    given: dict[str, str] = {}
    for option in options:
        name, equals, value = option.partition("=")
        if not equals and name in get_args(Kind):
            key, value = "its kind", name
        elif name == "burst" and value.isascii() and value.isdecimal() and len(value) < 12:
            key = "burst="
        elif name == "tz" and value:
            key, value = "tz=", _known_zone(part, value)
        else:
            kinds = ", ".join(get_args(Kind)[1:])
            raise BadLimits(f"{option!r} in the limit {part!r} is unknown; use one of {kinds}, burst=N or tz=ZONE")
        if key in given:
            raise BadLimits(f"the limit {part!r} gives {key} twice; keep one")
        given[key] = value
    return given


def _known_zone(part: str, name: str) -> str:
    try:
        ZoneInfo(name)
    except (ValueError, OSError, KeyError):  # an unknown zone is a KeyError, a malformed one a ValueError or OSError
        ask = "write it like UTC or Europe/Berlin"
        raise BadLimits(f"tz={name!r} in the limit {part!r} is not a known time zone; {ask}") from None
    return name
