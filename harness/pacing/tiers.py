"""Tiers, and the one grammar in which people write them.

`500/20s`, `100/m`, `10000/d`; several joined with `+`; a kind after a colon: `2/s:bucket:burst=40`,
`10000/d:aligned:tz=UTC`, `500/20s:counter`, `10/s:leaky:burst=0`, `20:concurrency`. Laravel's `500,20:2000,100` is
read when the text is digits, commas and colons alone.

A limit of one route is named by it, `list=20/m`, and so are those that follow it in the same text: `list=20/m+500/h`
are two limits of the list, and `500/h+list=20/m` is one of every route and one of the list. Tiers in their usual order
(`by_route`) and with each route written out are the one text of a set of limits: what names no route reads as it did.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal, cast, get_args
from zoneinfo import ZoneInfo

from harness.errors import BadLimits
from harness.units import format_period, parse_duration

Kind = Literal["any", "anchored", "aligned", "log", "counter", "gcra", "bucket", "leaky", "concurrency"]

Route = Literal["*", "list", "item", "token"]
EVERY_ROUTE: Route = "*"
ROUTES: tuple[Route, ...] = get_args(Route)
# A batch of items is asked for by the route of items.
_ROUTES: dict[str, Route] = {**{route: route for route in ROUTES}, "batch": "item"}

MAX_PERIOD_S = 366 * 86400.0
MAX_LIMIT = 1_000_000_000

_ASK = "write limits like 500/20s+2000/100s"
# A + inside a zone's name (Etc/GMT+5) joins nothing: what it joins begins with a count and a slash, or a kind.
_JOINED = re.compile(r"\+(?=[^+:/]*/|\s*(?:[a-z*]+\s*=)?\s*\d+\s*:concurrency)")
# Routes may stand apart by spaces, too: `list=20/m item=50/m`.
_SPACED = re.compile(r"\s+(?=[a-z*]+=)")
_NAMED = re.compile(r"\s*([A-Za-z*][A-Za-z_*-]*)\s*=(.*)", re.DOTALL)
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
    route: the requests that it counts; `*` is every one.
    """

    limit: int
    period_s: float
    kind: Kind = "any"
    burst: int | None = None
    tz: str | None = None
    route: Route = EVERY_ROUTE

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
        return text if self.route == EVERY_ROUTE else f"{self.route}={text}"


Tiers = tuple[Tier, ...]


def by_route(tiers: Iterable[Tier]) -> Tiers:
    """Return `tiers` in their usual order: those of every route first; within a route as they come."""
    return tuple(sorted(tiers, key=lambda tier: ROUTES.index(tier.route)))


def of_route(tiers: Iterable[Tier], route: Route) -> Tiers:
    """Return the tiers that are declared for `route` itself."""
    return tuple(tier for tier in tiers if tier.route == route)


def held_to(tiers: Iterable[Tier], route: Route) -> Tiers:
    """Return the tiers that a request of `route` is held to: its own, and those of every route."""
    return tuple(tier for tier in tiers if tier.route in (EVERY_ROUTE, route))


def unnamed(tiers: Tiers) -> Tiers:
    """Return `tiers` without the route that they are of, for a strategy that knows no other."""
    return tuple(replace(tier, route=EVERY_ROUTE) for tier in tiers)


def scaled(tiers: Tiers, share: float) -> Tiers:
    """Return `tiers` with only `share` (above 0, at most 1) of each, rounded down, and never less than 1."""
    return tiers if share == 1.0 else tuple(scaled_tier(tier, share) for tier in tiers)


def scaled_tier(tier: Tier, share: float) -> Tier:
    """Return `tier` with only `share` of it."""
    limit = _part(tier.limit, share)
    burst = None if tier.burst is None else min(tier.burst, _part(tier.burst, share))
    return replace(tier, limit=limit, burst=burst)


def _part(number: int, share: float) -> int:
    # A product such as 0.07 * 100 may come out just above 7 or just below.
    return max(1, math.floor(number * share + 1e-9))


def names_routes(tiers: Iterable[Tier]) -> bool:
    """Return whether any limit is of one route alone."""
    return any(tier.route != EVERY_ROUTE for tier in tiers)


def parse_tiers(text: str) -> Tiers:
    """Return the tiers in `text`, route by route, in the order written; raises BadLimits with one sentence for anything
    else.
    """
    return once(_parse(text), text)


def parse_all(texts: Iterable[str]) -> Tiers:
    """Return the tiers of several texts, as of a flag that is repeated: a route is named in each anew."""
    return once([tier for text in texts for tier in _parse(text)], "+".join(texts))


def once(tiers: Iterable[Tier], text: str) -> Tiers:
    """Return `tiers` in their usual order; BadLimits where `text`, from which they are, names one twice."""
    found = by_route(tiers)
    if len(set(found)) < len(found):
        raise BadLimits(f"the limit {text!r} names the same limit twice; write each once")
    return found


def format_tiers(tiers: Tiers) -> str:
    """Return the text that `parse_tiers` reads back to the same tiers."""
    return "+".join(str(tier) for tier in by_route(tiers))


def _parse(text: str) -> list[Tier]:
    if _LARAVEL.fullmatch(text):
        text = "+".join("{}/{}s".format(*pair.split(",")) for pair in text.split(":"))
    route, tiers = EVERY_ROUTE, []
    for part in _JOINED.split(_SPACED.sub("+", text)):
        named = _NAMED.fullmatch(part)
        if named is not None:
            route, part = _route(named[1], part), named[2]
        tier = _parse_tier(part)
        tiers.append(tier if route == EVERY_ROUTE else replace(tier, route=route))
    return tiers


def _route(name: str, part: str) -> Route:
    if name not in _ROUTES:
        raise BadLimits(
            f"the limit {part.strip()!r} is for {name!r}, which is no route; write list=, item= or token=, or no route "
            "for a limit of every request"
        )
    return _ROUTES[name]


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
