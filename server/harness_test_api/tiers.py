"""Tiers, the limits a server enforces, in the grammar in which people write them.

`500/20s+2000/100s`; a kind after a colon, then its options: `500/20s:gcra:burst=10`, `10000/d:aligned:tz=UTC`,
`20:concurrency`, `100/m:by=route`. Limits of one route alone come after its name: `list=20/m+1000/d item=50/m`; what
follows a name belongs to it, up to the next name or a space, and `*` or no name is every route. Laravel's
`500,20:2000,100` is read when the text is digits, commas and colons alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal, cast, get_args
from zoneinfo import ZoneInfo

from harness_test_api.errors import BadConfig
from harness_test_api.spec import duration_s, period_text, whole

Kind = Literal["anchored", "aligned", "log", "counter", "bucket", "gcra", "leaky", "concurrency"]
Scope = Literal["client", "address", "key", "route", "path", "global"]
Route = Literal["list", "item", "batch", "token", "other"]

EVERY_ROUTE = "*"
ROUTES: tuple[str, ...] = get_args(Route)

_LARAVEL = re.compile(r"\d+,\d+(:\d+,\d+)*", re.ASCII)
_ASK = "write limits like 500/20s+2000/100s"
_WITH_BURST = ("bucket", "gcra", "leaky")
_ROUTE = re.compile(r"([^=:/+]*)=(.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Tier:
    """At most `limit` units of cost per `period_s` seconds, or `limit` requests at once for `concurrency`.

    burst: units at once for bucket and gcra, requests that may queue for leaky (None: the limit).
    tz: time zone to which aligned windows are aligned (None: the epoch, which is UTC).
    by: what the tier is counted per; `client` is the API key where one is sent, else the address.
    route: whose requests it counts; EVERY_ROUTE: all. penalty_s: after a refusal nothing passes for so long.
    """

    limit: int
    period_s: float
    kind: Kind = "anchored"
    burst: int | None = None
    tz: str | None = None
    by: Scope = "client"
    route: str = EVERY_ROUTE
    penalty_s: float = 0.0

    @property
    def depth(self) -> int:
        """The burst as it counts: the one written, else the limit."""
        return self.limit if self.burst is None else self.burst

    @property
    def most_cost(self) -> int:
        """The largest cost of one request that this tier can ever admit."""
        return self.depth if self.kind in ("bucket", "gcra") else self.limit

    def counts(self, route: str) -> bool:
        """Say whether requests of `route` are counted."""
        return self.route in (EVERY_ROUTE, route)

    def __str__(self) -> str:
        text = "" if self.route == EVERY_ROUTE else f"{self.route}="
        text += str(self.limit) if self.kind == "concurrency" else f"{self.limit}/{period_text(self.period_s)}"
        if self.kind != "anchored":
            text += f":{self.kind}"
        for name, value in (("burst", self.burst), ("tz", self.tz)):
            text += "" if value is None else f":{name}={value}"
        text += f":penalty={period_text(self.penalty_s)}" if self.penalty_s else ""
        return text if self.by == "client" else f"{text}:by={self.by}"


Tiers = tuple[Tier, ...]


def parse_tiers(text: str) -> Tiers:
    """The tiers in `text`, in the order written; `none` is no limit; BadConfig for what cannot be read."""
    return join_tiers([text])


def join_tiers(texts: Iterable[str]) -> Tiers:
    """The tiers of a limit given in one or several texts; BadConfig for what cannot be read."""
    texts = tuple(texts)
    tiers: list[Tier] = []
    for text in texts:
        for words in re.sub(r"\s*\+\s*", "+", text.strip()).split() or [""]:
            tiers += _parse_words(words)
    if len(set(tiers)) < len(tiers):
        raise BadConfig(f"the limit {' '.join(texts)!r} names the same limit twice; write each once")
    return tuple(tiers)


def _parse_words(text: str) -> list[Tier]:
    if text == "none":
        return []
    if _LARAVEL.fullmatch(text):
        text = "+".join("{}/{}s".format(*pair.split(",")) for pair in text.split(":"))
    route, tiers = EVERY_ROUTE, []
    for part in text.split("+"):
        named = _ROUTE.fullmatch(part)
        if named is not None:
            route, part = _known_route(named[1], text), named[2]
        if part != "none":
            tiers.append(_parse_tier(part, route))
    return tiers


def _known_route(name: str, text: str) -> str:
    if name != EVERY_ROUTE and name not in ROUTES:
        raise BadConfig(f"{name}= in the limit {text!r} is no route; use {', '.join(ROUTES)} or {EVERY_ROUTE}")
    return name


@dataclass
class _Options:
    kind: Kind = "anchored"
    more: dict[str, Any] = field(default_factory=dict)


def _parse_tier(part: str, route: str) -> Tier:
    rate, *words = part.split(":")
    options = _parse_options(part, words)
    count, slash, period = rate.partition("/")
    if options.kind == "concurrency":
        slash, period = "/", "1s" if not slash else "no period with concurrency"
    if not slash or not count.isdecimal():
        raise BadConfig(f"{part!r} is not a limit; {_ASK}")
    limit = whole(count, f"the limit {part!r}", least=1, most=10**9)
    period_s = duration_s(period, f"the limit {part!r}")
    if not 0.001 <= period_s <= 366 * 86400:
        raise BadConfig(f"the limit {part!r} has a period outside 1 ms to 366 d; {_ASK}")
    return Tier(limit, period_s, options.kind, route=route, **options.more)


def _parse_options(part: str, words: list[str]) -> _Options:
    options = _Options()
    more = options.more
    for word in words:
        name, equals, value = word.partition("=")
        if not equals and name in get_args(Kind):
            options.kind = cast(Kind, name)
        elif name == "burst" and value:
            more["burst"] = whole(value, f"burst= in the limit {part!r}", most=10**9)
        elif name == "tz" and value:
            more["tz"] = _known_zone(part, value)
        elif name == "penalty" and value:
            more["penalty_s"] = duration_s(value, f"penalty= in the limit {part!r}")
        elif name == "by" and value in get_args(Scope):
            more["by"] = value
        else:
            known = f"a kind ({', '.join(get_args(Kind))}), burst=N, penalty=TIME, tz=ZONE or by="
            raise BadConfig(f"{word!r} in the limit {part!r} is unknown; use {known}{'|'.join(get_args(Scope))}")
    _check_options(part, options.kind, more.get("burst"), more.get("tz"))
    return options


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
