"""Who is counted together, and under which limits: keys, plans, and plans that change while the server runs.

A tier's state belongs to a scope (`by=`): the client (API key, else address), the address, the key, the route or
the URL path of a client, or everyone. A request's budget is the tiers of its client's plan, each in its own scope.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Protocol

from harness_test_api.policies import Budget, OnRefusal, Policy, make_policy
from harness_test_api.tiers import Scope, Tier, Tiers

# States beyond this many are looked through, and those that hold nothing are forgotten (`by=path` has one per item).
_SWEEP_AT = 20_000
DEFAULT_PLAN = "default"


class Asker(Protocol):
    """What of a request decides its budget."""

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
    """From `at_s` seconds after the start on, `plan` has these tiers."""

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
        self, plans: dict[str, Tiers], api_keys: dict[str, str], on_refusal: OnRefusal, epoch_offset: float
    ) -> None:
        """plans: tiers by name, with one called `default`. api_keys: plan by key; others are on `default`."""
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
        return self._api_keys.get(api_key or "", DEFAULT_PLAN)

    def knows(self, api_key: str | None) -> bool:
        """Whether the key is one of those configured."""
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
        tiers = self._plans[plan]
        policies = [self._policy(plan, index, tier, ask) for index, tier in enumerate(tiers)]
        names = tuple(map(str, tiers))
        shared_by_all = all(tier.by == "global" for tier in tiers)
        return Account(Budget(policies, self._on_refusal), client_label(ask), "+".join(names), names, shared_by_all)

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
    """Who asks, fit to be shown: the address, or a digest of the key."""
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
    return (old.kind, old.period_s, old.by, old.tz) == (new.kind, new.period_s, new.by, new.tz)
