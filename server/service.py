"""The decision path: what a request gets, decided at once, without clock, IO or event loop.

The Quart routes are a thin shell around `Service.handle`; a simulator calls it directly, tens of thousands of times
a second.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import Any, Literal, NamedTuple

from server.catalogue import Catalogue, GeneratedCatalogue
from server.config import ServerConfig
from server.dialects import Dialect, Headers, Honest, Level, Situation
from server.latency import parse_latency
from server.ledger import Ledger
from server.paging import BadQuery, numbered_page
from server.policies import Budget, Ruling, make_policy

Route = Literal["list", "item", "other"]
Body = Callable[[], Any]

_NO_QUERY: Mapping[str, str] = {}


class Ask(NamedTuple):
    """One request, as far as the decision needs it. base: scheme and host of the URLs in the answer."""

    route: Route
    item_id: str = ""
    query: Mapping[str, str] = _NO_QUERY
    address: str = "127.0.0.1"
    api_key: str | None = None
    base: str = "http://127.0.0.1"


@dataclass(slots=True)
class Decision:
    """What one request gets.

    delay_s: from `now` to the answer. body: makes the JSON value when called (a simulator that needs none pays
    nothing). refused_by: the tier that refused, as text; None: admitted. Hand it to `Service.finish` when the
    answer has gone out or the client has gone away.
    """

    status: int
    headers: Headers
    body: Body
    delay_s: float
    refused_by: str | None
    budget: Budget
    cost: int


class Service:
    """One test API's state. `started_at` and every `now` are seconds on one clock that does not go back."""

    def __init__(self, config: ServerConfig, started_at: float = 0.0, epoch: float | None = None) -> None:
        """epoch: wall clock at `started_at` unless the config sets one; 0 where neither does."""
        self.config = config
        start_epoch = config.epoch if config.epoch is not None else (epoch or 0.0)
        self.epoch_offset = start_epoch - started_at
        self.ledger = Ledger(started_at)
        self.catalogue: Catalogue = GeneratedCatalogue(config.items, config.seed)
        self._dialect: Dialect = Honest()
        self._latency = parse_latency(config.latency, Random(config.seed))
        self._budgets: dict[str, Budget] = {}
        self._names = [str(tier) for tier in config.tiers]

    def handle(self, now: float, ask: Ask) -> Decision:
        """Decide one request that arrives at `now`, and record the decision."""
        cost = 1
        budget = self._budget(ask.address if ask.api_key is None else f"key {ask.api_key}")
        ruling = budget.rule(now, cost)
        headers: Headers = []
        situation = self._situation(now, budget, ruling)
        if situation is not None:
            headers = self._dialect.headers(situation)
        if ruling.admitted:
            refused_by = None
            status, body = self._answer(now, ask)
        else:
            assert situation is not None
            assert ruling.tier is not None
            refused_by = self._names[ruling.tier]
            refusal = self._dialect.refusal(situation)
            status, body = refusal.status, partial(_same, refusal.body)
        self.ledger.record(now, ask.route, cost, status, refused_by)
        return Decision(status, headers, body, ruling.delay_s + self._latency(), refused_by, budget, cost)

    def finish(self, decision: Decision) -> None:
        """The answer has gone out, or the client has gone away: what was held for it is free."""
        if decision.refused_by is None:
            decision.budget.release(decision.cost)

    def report(self) -> dict[str, Any]:
        """The ledger's counts, ready for JSON."""
        return self.ledger.report(self.config.tiers)

    def _budget(self, key: str) -> Budget:
        budget = self._budgets.get(key)
        if budget is None:
            budget = Budget([make_policy(tier, self.epoch_offset) for tier in self.config.tiers])
            self._budgets[key] = budget
        return budget

    def _situation(self, now: float, budget: Budget, ruling: Ruling) -> Situation | None:
        binding = budget.binding(now) if ruling.admitted else ruling.tier
        if binding is None:
            return None
        levels = tuple(Level(p.tier, p.remaining(now), p.reset_at(now) - now) for p in budget.policies)
        retry_after_s = None if ruling.retry_at is None else ruling.retry_at - now
        return Situation(levels, binding, not ruling.admitted, retry_after_s, now + self.epoch_offset)

    def _answer(self, now: float, ask: Ask) -> tuple[int, Body]:
        if ask.route == "list":
            return self._list(now, ask)
        if ask.route == "item":
            item = self.catalogue.find(now, ask.item_id)
            if item is not None:
                return 200, item
            return 404, partial(_same, {"message": f"there is no item {ask.item_id[:40]!r}"})
        return 404, partial(_same, {"message": "there is no such page; the list is at /api/items"})

    def _list(self, now: float, ask: Ask) -> tuple[int, Body]:
        try:
            body = numbered_page(self.catalogue, now, ask.query, f"{ask.base}/api/items")
        except BadQuery as error:
            return 422, partial(_same, {"message": str(error), "errors": {error.name: [str(error)]}})
        return 200, partial(_same, body)


def _same(value: Any) -> Any:
    return value
