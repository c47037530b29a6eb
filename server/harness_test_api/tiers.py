"""Tiers, the limits a server enforces, in the grammar in which people write them.

`500/20s+2000/100s`; a kind after a colon, then its options: `500/20s:gcra:burst=10`, `10000/d:aligned:tz=UTC`,
`20:concurrency`, `100/m:by=route`. Laravel's `500,20:2000,100` is read when the text is digits, commas and
colons alone.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, cast, get_args
from zoneinfo import ZoneInfo

from harness_test_api.errors import BadConfig
from harness_test_api.spec import duration_s, period_text, whole

Kind = Literal["anchored", "aligned", "log", "counter", "bucket", "gcra", "leaky", "concurrency"]
Scope = Literal["client", "address", "key", "route", "path", "global"]

_LARAVEL = re.compile(r"\d+,\d+(:\d+,\d+)*", re.ASCII)
_ASK = "write limits like 500/20s+2000/100s"
_WITH_BURST = ("bucket", "gcra", "leaky")


@dataclass(frozen=True, slots=True)
class Tier:
    """At most `limit` units of cost per `period_s` seconds, or `limit` requests at once for `concurrency`.

    burst: units at once for bucket and gcra, requests that may queue for leaky (None: the limit).
    tz: time zone to which aligned windows are aligned (None: the epoch, which is UTC).
    by: what the tier is counted per; `client` is the API key where one is sent, else the address.
    """

    limit: int
    period_s: float
    kind: Kind = "anchored"
    burst: int | None = None
    tz: str | None = None
    by: Scope = "client"

    @property
    def depth(self) -> int:
        """The burst as it counts: the one written, else the limit."""
        return self.limit if self.burst is None else self.burst

    @property
    def most_cost(self) -> int:
        """The largest cost of one request that this tier can ever admit."""
        return self.depth if self.kind in ("bucket", "gcra") else self.limit

    def __str__(self) -> str:
        text = str(self.limit) if self.kind == "concurrency" else f"{self.limit}/{period_text(self.period_s)}"
        if self.kind != "anchored":
            text += f":{self.kind}"
        for name, value in (("burst", self.burst), ("tz", self.tz)):
            text += "" if value is None else f":{name}={value}"
        return text if self.by == "client" else f"{text}:by={self.by}"


Tiers = tuple[Tier, ...]


def parse_tiers(text: str) -> Tiers:
    """The tiers in `text`, in the order written; `none` is no limit; BadConfig for what cannot be read."""
    if text.strip() == "none":
        return ()
    if _LARAVEL.fullmatch(text):
        text = "+".join("{}/{}s".format(*pair.split(",")) for pair in text.split(":"))
    tiers = tuple(_parse_tier(part.strip()) for part in text.split("+"))
    if len(set(tiers)) < len(tiers):
        raise BadConfig(f"the limit {text!r} names the same limit twice; write each once")
    return tiers


def _parse_tier(part: str) -> Tier:
    rate, *options = part.split(":")
    kind, burst, tz, by = _parse_options(part, options)
    count, slash, period = rate.partition("/")
    if kind == "concurrency":
        slash, period = "/", "1s" if not slash else "no period with concurrency"
    if not slash or not count.isdecimal():
        raise BadConfig(f"{part!r} is not a limit; {_ASK}")
    limit = whole(count, f"the limit {part!r}", least=1, most=10**9)
    period_s = duration_s(period, f"the limit {part!r}")
    if not 0.001 <= period_s <= 366 * 86400:
        raise BadConfig(f"the limit {part!r} has a period outside 1 ms to 366 d; {_ASK}")
    return Tier(limit, period_s, kind, burst, tz, by)


def _parse_options(part: str, options: list[str]) -> tuple[Kind, int | None, str | None, Scope]:
    kind: Kind = "anchored"
    burst: int | None = None
    tz: str | None = None
    by: Scope = "client"
    for option in options:
        name, equals, value = option.partition("=")
        if not equals and name in get_args(Kind):
            kind = cast(Kind, name)
        elif name == "burst" and value:
            burst = whole(value, f"burst= in the limit {part!r}", most=10**9)
        elif name == "tz" and value:
            tz = _known_zone(part, value)
        elif name == "by" and value in get_args(Scope):
            by = cast(Scope, value)
        else:
            known = f"a kind ({', '.join(get_args(Kind))}), burst=N, tz=ZONE or by={'|'.join(get_args(Scope))}"
            raise BadConfig(f"{option!r} in the limit {part!r} is unknown; use {known}")
    _check_options(part, kind, burst, tz)
    return kind, burst, tz, by


def _check_options(part: str, kind: Kind, burst: int | None, tz: str | None) -> None:
    if burst is not None and kind not in _WITH_BURST:
        raise BadConfig(f"burst= in the limit {part!r} goes with :bucket, :gcra or :leaky; add the kind")
    if burst == 0 and kind != "leaky":
        raise BadConfig(f"burst=0 in the limit {part!r} would admit nothing; write at least burst=1")
    if tz is not None and kind != "aligned":
        raise BadConfig(f"tz= in the limit {part!r} goes with :aligned; add the kind")


def _known_zone(part: str, name: str) -> str:
    try:
        ZoneInfo(name)
    except (ValueError, OSError, KeyError):
        ask = "write it like UTC or Europe/Berlin"
        raise BadConfig(f"tz={name} in the limit {part!r} is not a known time zone; {ask}") from None
    return name
