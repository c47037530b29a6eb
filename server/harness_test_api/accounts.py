"""Accounts decide whose requests are counted together, under which limits, and beside which other tenants.

A tier's state belongs to a scope (`by=`): the client (API key, else address), the address, the key, the route or
the URL path of a client, or everyone. A request's budget is the tiers of its client's plan, each in its own scope.
Keys are on plans, and plans may change while the server runs.

Tenants are background consumers that use up part of the quota the client thinks is its own: `5/s` (evenly),
`5/s:poisson`, `50/10s:burst` (all at once, each period); `from=10s`, `until=60s`. They ask for items, are refused as
a client is, and do not retry. Their requests are worked off when the client's next one comes, each at its own time:
nothing runs in the background, and the same seed gives the same history.
"""

from __future__ import annotations

import hashlib
import heapq
import math
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Protocol

from harness_test_api.errors import BadConfig
from harness_test_api.policies import Budget, OnRefusal, Policy, make_policy
from harness_test_api.spec import duration_s, read_spec, whole
from harness_test_api.tiers import EVERY_ROUTE, Scope, Tier, Tiers


@dataclass(frozen=True, slots=True)
class Tenant:
    """`count` requests each `period_s`, in seconds since the server's start from `from_s` up to `until_s`."""

    count: int
    period_s: float
    pattern: str = "even"
    from_s: float = 0.0
    until_s: float = math.inf

    def arrivals(self, random: Random) -> Iterator[float]:
        """Yield when this tenant's requests arrive, in seconds since the server's start, for ever or to its end."""
        gap_s = self.period_s / self.count
        at_s, sent = self.from_s, 0
        while at_s < self.until_s:
            yield at_s
            sent += 1
            if self.pattern == "poisson":
                at_s += random.expovariate(1 / gap_s)
            elif self.pattern == "burst":
                at_s = self.from_s + (sent // self.count) * self.period_s
            else:
                at_s = self.from_s + sent * gap_s


def parse_tenant(text: str) -> Tenant:
    """A tenant; BadConfig for what cannot be read."""
    spec = read_spec("tenant", text)
    count, slash, period = spec.word().partition("/")
    if not slash:
        raise BadConfig(f"the {spec.where} has no rate; write it like 5/s or 50/10s:burst")
    pattern = spec.words.pop(0) if spec.words else "even"
    if pattern not in ("even", "poisson", "burst"):
        raise BadConfig(f"{pattern!r} in the {spec.where} is unknown; use even, poisson or burst")
    since, until = spec.take("from"), spec.take("until")
    spec.end(("even, poisson or burst", "from", "until"))
    period_s = duration_s(period, spec.where)
    if period_s <= 0:
        raise BadConfig(f"the {spec.where} has a period of zero; write it like 5/s")
    return Tenant(
        whole(count, spec.where, least=1, most=1_000_000),
        period_s,
        pattern,
        0.0 if since is None else duration_s(since, spec.label("from")),
        math.inf if until is None else duration_s(until, spec.label("until")),
    )


class Tenants:
    """All tenants of one server. Each quota shared with them has its own stream of their requests."""

    def __init__(self, tenants: tuple[Tenant, ...], seed: int) -> None:
        self._tenants = tenants
        self._seed = seed
        self._streams: dict[str, Iterator[float]] = {}
        self._next_s: dict[str, float] = {}

    def due(self, quota: str, elapsed_s: float) -> Iterator[float]:
        """Yield in order when the tenants of `quota` asked, up to `elapsed_s` since the start; each time only once."""
        if quota not in self._streams:
            draws = [Random(f"{self._seed} tenant {index}") for index in range(len(self._tenants))]
            self._streams[quota] = heapq.merge(*(t.arrivals(r) for t, r in zip(self._tenants, draws)))
            self._next_s[quota] = next(self._streams[quota], math.inf)
        while self._next_s[quota] <= elapsed_s:
            yield self._next_s[quota]
            self._next_s[quota] = next(self._streams[quota], math.inf)


# States beyond this many are looked through, and those that hold nothing are forgotten (`by=path` has one per item).
_SWEEP_AT = 20_000
DEFAULT_PLAN = "default"
ANONYMOUS_PLAN = "anonymous"


class Asker(Protocol):
    """The parts of a request that decide its budget."""

    @property
    def address(self) -> str: ...
    @property
    def api_key(self) -> str | None: ...
    @property
    def route(self) -> str: ...
    @property
    def item_id(self) -> str: ...


@dataclass(frozen=True, slots=True)
class PlanChange:
    """A change of `plan` to these tiers, `at_s` seconds after the start."""

    at_s: float
    plan: str
    tiers: Tiers


@dataclass(slots=True)
class Account:
    """One budget and whose it is.

    label: the client, for the ledger (a key's digest, never the key). limits: the tiers as text, and each one's.
    """

    budget: Budget
    label: str
    limits: str
    names: tuple[str, ...]
    shared_by_all: bool


class Accounts:
    """All budgets of one server, made as clients appear."""

    def __init__(
        self,
        plans: dict[str, Tiers],
        api_keys: dict[str, str],
        on_refusal: OnRefusal,
        epoch_offset: float,
        *,
        free_tokens: bool = False,
    ) -> None:
        """plans: tiers by name, with one called `default`. api_keys: plan by key; others are on `default`.

        A plan `anonymous`, where there is one, is that of requests without a key. free_tokens: limits of every route
        leave the token endpoint out.
        """
        self._free_tokens = free_tokens
        self._plans = dict(plans)
        self._api_keys = api_keys
        self._on_refusal = on_refusal
        self._epoch_offset = epoch_offset
        self._policies: dict[tuple[str, int, str], Policy] = {}
        self._accounts: dict[tuple[str, str | None, str, str], Account] = {}
        self._by_path = self._uses_path()

    def account(self, now: float, ask: Asker) -> Account:
        """The budget this request is counted by."""
        item_id = ask.item_id if self._by_path else ""
        key = (ask.address, ask.api_key, ask.route, item_id)
        account = self._accounts.get(key)
        if account is None:
            if len(self._accounts) >= _SWEEP_AT:
                self._sweep(now)
            account = self._accounts[key] = self._open(ask)
        return account

    def plan_of(self, api_key: str | None) -> str:
        """The plan a key is on."""
        if api_key is None and ANONYMOUS_PLAN in self._plans:
            return ANONYMOUS_PLAN
        return self._api_keys.get(api_key or "", DEFAULT_PLAN)

    def knows(self, api_key: str | None) -> bool:
        """Say whether the key is one of those configured."""
        return api_key in self._api_keys

    def tiers(self) -> Tiers:
        """Every tier of every plan as it stands, each once, in the order written."""
        return tuple(dict.fromkeys(tier for tiers in self._plans.values() for tier in tiers))

    def change(self, plan: str, tiers: Tiers) -> None:
        """Put `plan` under new tiers at once.

        A tier of the same place, kind and period keeps what was used of it; any other starts empty.
        """
        self._plans[plan] = tiers
        for (name, index, scope), policy in list(self._policies.items()):
            if name != plan:
                continue
            tier = tiers[index] if index < len(tiers) else None
            if tier is not None and _same_window(policy.tier, tier):
                policy.tier = tier
            else:
                del self._policies[name, index, scope]
        # Requests in flight hold their old budget, and release there what they took.
        self._accounts.clear()
        self._by_path = self._uses_path()

    def _open(self, ask: Asker) -> Account:
        plan = self.plan_of(ask.api_key)
        counted = [(index, tier) for index, tier in enumerate(self._plans[plan]) if self._counts(tier, ask.route)]
        policies = [self._policy(plan, index, tier, ask) for index, tier in counted]
        tiers = [tier for _, tier in counted]
        names = tuple(map(str, tiers))
        shared_by_all = all(tier.by == "global" for tier in tiers)
        return Account(Budget(policies, self._on_refusal), client_label(ask), "+".join(names), names, shared_by_all)

    def _counts(self, tier: Tier, route: str) -> bool:
        if route == "token" and self._free_tokens and tier.route == EVERY_ROUTE:
            return False
        return tier.counts(route)

    def _policy(self, plan: str, index: int, tier: Tier, ask: Asker) -> Policy:
        key = (plan, index, _scope_key(tier.by, ask))
        policy = self._policies.get(key)
        if policy is None:
            policy = self._policies[key] = make_policy(tier, self._epoch_offset)
        return policy

    def _sweep(self, now: float) -> None:
        self._accounts.clear()
        self._policies = {key: p for key, p in self._policies.items() if p.reset_at(now) > now}

    def _uses_path(self) -> bool:
        return any(tier.by == "path" for tiers in self._plans.values() for tier in tiers)


def client_label(ask: Asker) -> str:
    """Name the client so that it may be shown: its address, or a digest of its key."""
    if ask.api_key is None:
        return ask.address
    return "key:" + hashlib.sha256(ask.api_key.encode()).hexdigest()[:8]


def _client(ask: Asker) -> str:
    return f"address {ask.address}" if ask.api_key is None else f"key {ask.api_key}"


def _scope_key(scope: Scope, ask: Asker) -> str:
    match scope:
        case "client":
            return _client(ask)
        case "address":
            return ask.address
        case "key":
            return ask.api_key or ""
        case "route":
            return f"{_client(ask)} {ask.route}"
        case "path":
            return f"{_client(ask)} {ask.route} {ask.item_id}"
        case "global":
            return ""


def _same_window(old: Tier, new: Tier) -> bool:
    return (old.kind, old.period_s, old.by, old.tz, old.route) == (new.kind, new.period_s, new.by, new.tz, new.route)
