"""A config's texts, read: what the service is built from."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, cast, get_args

from harness_test_api.accounts import DEFAULT_PLAN, PlanChange
from harness_test_api.dialects import Refusal, make_dialect, parse_refusal
from harness_test_api.drift import Drift, parse_drift
from harness_test_api.errors import BadConfig
from harness_test_api.faults import Rule, parse_rule
from harness_test_api.latency import parse_latency
from harness_test_api.paging import make_pager
from harness_test_api.policies import OnRefusal
from harness_test_api.tenants import Tenant, parse_tenant
from harness_test_api.tiers import Tiers, parse_tiers
from harness_test_api.units import duration_s, whole

if TYPE_CHECKING:
    from harness_test_api.config import ServerConfig


@dataclass(frozen=True)
class Parsed:
    """Settings that needed reading. plans: tiers by name, `default` among them. idle_reset_s: None: never."""

    plans: dict[str, Tiers]
    api_keys: dict[str, str]
    plan_changes: tuple[PlanChange, ...]
    costs: dict[str, int]
    on_refusal: OnRefusal
    refusal: Refusal | None
    rules: tuple[Rule, ...]
    tenants: tuple[Tenant, ...]
    drift: Drift
    idle_timeout_s: float
    idle_reset_s: float | None


def parse(config: ServerConfig) -> Parsed:
    """Read every text of `config`; BadConfig, one sentence, for the first that cannot be used."""
    plans = {DEFAULT_PLAN: join_tiers(config.limit)}
    plans |= {name: parse_tiers(text) for name, text in _pairs("plan", config.plan)}
    costs = {name: whole(text, f"cost {name}", least=1) for name, text in _pairs("cost", config.cost)}
    _check_names("cost", costs, ("list", "item"))
    if config.on_refusal not in get_args(OnRefusal):
        raise BadConfig(f"on-refusal: {config.on_refusal!r} is unknown; use {', '.join(get_args(OnRefusal))}")
    parsed = Parsed(
        plans,
        dict(_pairs("api-key", config.api_key)),
        tuple(sorted(map(_plan_change, config.plan_change), key=lambda change: change.at_s)),
        costs,
        cast(OnRefusal, config.on_refusal),
        parse_refusal(config.refusal),
        tuple(map(parse_rule, config.fault)),
        tuple(map(parse_tenant, config.tenant)),
        parse_drift(config.drift),
        duration_s(config.idle_timeout, "idle-timeout"),
        duration_s(config.idle_reset, "idle-reset") if config.idle_reset else None,
    )
    _check_plans(parsed)
    _check_rest(config)
    return parsed


def join_tiers(limit: Iterable[str]) -> Tiers:
    """The tiers of a limit given in one or several texts."""
    return parse_tiers("+".join(limit))


def check_costs(tiers: Tiers, costs: dict[str, int]) -> None:
    """BadConfig when a request would cost more than a tier can ever admit."""
    for name, cost in costs.items():
        for tier in tiers:
            if cost > tier.most_cost and tier.kind != "concurrency":
                raise BadConfig(
                    f"cost {name}={cost} can never pass the limit {tier}; raise the limit or lower the cost"
                )


def _plan_change(text: str) -> PlanChange:
    at, colon, pair = text.partition(":")
    plan, equals, limit = pair.partition("=")
    if not colon or not equals:
        raise BadConfig(f"plan-change: {text!r} cannot be read; write it like 30s:default=100/20s")
    return PlanChange(duration_s(at, "plan-change"), plan, parse_tiers(limit))


def _pairs(what: str, texts: Iterable[str]) -> list[tuple[str, str]]:
    pairs = [text.partition("=") for text in texts]
    for name, equals, value in pairs:
        if not (name and equals and value):
            raise BadConfig(f"{what}: {name + equals!r} is not NAME=VALUE; write both sides")
    return [(name, value) for name, _, value in pairs]


def _check_names(what: str, names: Iterable[str], known: Iterable[str]) -> None:
    for name in names:
        if name not in known:
            raise BadConfig(f"{what}: {name!r} is unknown; use {', '.join(known)}")


def _check_plans(parsed: Parsed) -> None:
    _check_names("api-key: plan", parsed.api_keys.values(), parsed.plans)
    _check_names("plan-change: plan", (change.plan for change in parsed.plan_changes), parsed.plans)
    for tiers in (*parsed.plans.values(), *(change.tiers for change in parsed.plan_changes)):
        check_costs(tiers, parsed.costs)


def _check_rest(config: ServerConfig) -> None:
    parse_latency(config.latency, Random(0))
    make_dialect(config.dialect, tuple(config.lie))
    make_pager(config.paging, not config.no_total)
    for name, value, most in (("items", config.items, 10**15), ("slots", config.slots, 10**6)):
        if not 0 <= value <= most:
            raise BadConfig(f"{name}: {value} is not from 0 to {most:,}; write a number in between")
    if config.ledger_rows < 0:
        raise BadConfig(f"ledger-rows: {config.ledger_rows} is below 0; write how many decisions to keep")
    if config.data and config.drift:
        raise BadConfig("drift: rows of a file do not drift; leave out either drift or data")
    if config.data and not os.path.isfile(config.data):  # not Path's, which raises for a name that can be none
        raise BadConfig(f"data: there is no file {config.data!r}; check the path")
    if config.require_key and not config.api_key:
        raise BadConfig("require-key: there is no key to require; add one with api-key KEY=PLAN")
