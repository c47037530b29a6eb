"""Answers that go wrong, by chance, by item or by time.

`KIND[:rate=1%][:share=2%][:items=3,7][:times=2][:from=10s][:until=20s][:route=item][:retry-after=5][:seconds=60]`

KIND is a status (`404`, `500`, `503` ...), `reset` (no answer at all), `reset-body`, `truncated`, `malformed`,
`wrong-type`, `stall` or `drip`. A fault strikes when all that is written holds: by chance per request (`rate`), for
some items always the same ones (`share`, `items`), only the first `times` for each item, in a span of seconds since
the start. A struck request has been counted by the limits.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from random import Random

from harness_test_api.catalogue import mix
from harness_test_api.errors import BadConfig
from harness_test_api.spec import Spec, duration_s, fraction, positive, read_spec, whole
from harness_test_api.tiers import ROUTES

WIRE_KINDS = ("reset", "reset-body", "truncated", "malformed", "wrong-type", "stall", "drip")
_OPTIONS = ("rate", "share", "items", "times", "from", "until", "route", "retry-after", "seconds")
# Longer than any client's patience: 30 s is what this project's importer and most libraries wait.
_STALL_S = 60.0
_DRIP_S = 10.0


@dataclass(frozen=True, slots=True)
class Fault:
    """One way for an answer to go wrong. status: for a status fault. seconds: of a stall or drip."""

    kind: str
    status: int | None = None
    retry_after_s: float | None = None
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Rule:
    """A fault and when it strikes; times in seconds since the server's start."""

    fault: Fault
    rate: float = 1.0
    share: float | None = None
    items: frozenset[str] | None = None
    times: int | None = None
    from_s: float = 0.0
    until_s: float = float("inf")
    route: str | None = None


def parse_fault(text: str) -> Fault:
    """A fault alone, without a rule (`503:retry-after=5`): for the next answers, or for one request."""
    spec = read_spec("fault", text)
    fault = _read_fault(spec)
    spec.end(("retry-after", "seconds"))
    return fault


def parse_rule(text: str) -> Rule:
    """A fault with its rule; BadConfig for what cannot be read."""
    spec = read_spec("fault", text)
    fault = _read_fault(spec)
    rate, share, items = spec.take("rate"), spec.take("share"), spec.take("items")
    times, since, until, route = (spec.take(name) for name in ("times", "from", "until", "route"))
    spec.end(_OPTIONS)
    if route not in (None, *ROUTES):
        raise BadConfig(f"route={route} in the {spec.where} is unknown; use {', '.join(ROUTES)}")
    return Rule(
        fault,
        rate=1.0 if rate is None else fraction(rate, spec.label("rate")),
        share=None if share is None else fraction(share, spec.label("share")),
        items=None if items is None else frozenset(items.split(",")),
        times=None if times is None else whole(times, spec.label("times"), least=1),
        from_s=0.0 if since is None else duration_s(since, spec.label("from")),
        until_s=float("inf") if until is None else duration_s(until, spec.label("until")),
        route=route if items is None and share is None else "item",
    )


def _read_fault(spec: Spec) -> Fault:
    kind = spec.word()
    after, seconds = spec.take("retry-after"), spec.take("seconds")
    status = int(kind) if len(kind) == 3 and kind.isascii() and kind.isdecimal() else None
    if kind not in WIRE_KINDS and (status is None or not 400 <= status <= 599):
        known = ", ".join(WIRE_KINDS)
        raise BadConfig(f"{kind!r} in the {spec.where} is not a fault; use a status from 400 to 599, {known}")
    if after is not None and status is None:
        raise BadConfig(f"retry-after= in the {spec.where} goes with a status such as 503")
    if seconds is not None and kind not in ("stall", "drip"):
        raise BadConfig(f"seconds= in the {spec.where} goes with stall or drip")
    default_s = {"stall": _STALL_S, "drip": _DRIP_S}.get(kind, 0.0)
    return Fault(
        kind,
        status,
        None if after is None else duration_s(after, spec.label("retry-after")),
        default_s if seconds is None else positive(seconds.removesuffix("s"), spec.label("seconds")),
    )


class Faults:
    """All rules of one server, asked for each admitted request; the first that strikes counts."""

    def __init__(self, rules: tuple[Rule, ...], seed: int) -> None:
        self._rules = rules
        self._seed = seed
        self._random = Random(seed + 1)  # another stream than the latency's
        self._struck: Counter[tuple[int, str]] = Counter()
        self._next: list[Fault] = []

    def strike_next(self, fault: Fault, count: int) -> None:
        """Give `fault` to the next `count` admitted requests, before any rule is asked."""
        self._next += [fault] * count

    def strike(self, elapsed_s: float, route: str, item_id: str) -> Fault | None:
        """Choose the fault of this request, if any. elapsed_s: since the server's start."""
        if self._next:
            return self._next.pop(0)
        for index, rule in enumerate(self._rules):
            if self._holds(index, rule, elapsed_s, route, item_id):
                return rule.fault
        return None

    def _holds(self, index: int, rule: Rule, elapsed_s: float, route: str, item_id: str) -> bool:
        if rule.route not in (None, route) or not rule.from_s <= elapsed_s < rule.until_s:
            return False
        if rule.items is not None and item_id not in rule.items:
            return False
        if rule.share is not None and not _chosen(self._seed, index, item_id, rule.share):
            return False
        # Drawn last, so that other requests do not shift the stream of those the rule is about.
        if rule.rate < 1.0 and self._random.random() >= rule.rate:
            return False
        if rule.times is None:
            return True
        self._struck[index, item_id] += 1
        return self._struck[index, item_id] <= rule.times


def _chosen(seed: int, index: int, item_id: str, share: float) -> bool:
    number = int.from_bytes(item_id.encode(), "big") & ((1 << 64) - 1)
    return mix(mix(seed + index, number), index) < share * 2.0**64
