"""This is the one definition of every setting of a test API: flags, TOML and Python read it.

Settings are written as people type them (`limit="500/20s"`, `latency="50ms"`). They are parsed when the config is
made, so that a bad one is refused before anything is served, wherever it was written; the service is built from what
was parsed. A name that may be given several times takes one text, a list of them, or a mapping (a TOML table) whose
`name: value` is read as `name=value`.
"""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cache
from pathlib import Path
from random import Random
from typing import Annotated, Any, cast, get_args, get_origin, get_type_hints

from harness_test_api.accounts import DEFAULT_PLAN, PlanChange, Tenant, parse_tenant
from harness_test_api.auth import Auth, TokenRules, parse_auth, parse_tokens
from harness_test_api.catalogue import Drift, parse_drift
from harness_test_api.dialects import Refusal, make_dialect, parse_refusal
from harness_test_api.errors import BadConfig
from harness_test_api.faults import Rule, parse_rule
from harness_test_api.latency import parse_latency
from harness_test_api.policies import OnRefusal
from harness_test_api.shape import Shape, parse_shape
from harness_test_api.spec import duration_s, whole
from harness_test_api.tiers import Tiers, join_tiers, parse_tiers


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
    shape: Shape
    auth: Auth
    tokens: TokenRules


def parse(config: ServerConfig) -> Parsed:
    """Read every text of `config`; BadConfig, one sentence, for the first that cannot be used."""
    plans = {DEFAULT_PLAN: join_tiers(config.limit)}
    plans |= {name: parse_tiers(text) for name, text in _pairs("plan", config.plan)}
    costs = {name: whole(text, f"cost {name}", least=1) for name, text in _pairs("cost", config.cost)}
    _check_names("cost", costs, ("list", "item", "batch", "token"))
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
        parse_shape(config.shape, config.paging, config.no_total),
        parse_auth(config.auth),
        parse_tokens(config.tokens),
    )
    _check_plans(parsed)
    _check_rest(config)
    return parsed


def check_costs(tiers: Tiers, costs: dict[str, int]) -> None:
    """Raise BadConfig when a request would cost more than a tier can ever admit."""
    for name, cost in costs.items():
        for tier in tiers:
            if tier.counts(name) and cost > tier.most_cost and tier.kind != "concurrency":
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


Many = str | Sequence[str] | Mapping[str, Any]

# The reference system's limits: what the project is measured against.
DEFAULT_LIMIT = "500/20s+2000/100s"


@dataclass(frozen=True)
class ServerConfig:
    """Settings of one test API; raises BadConfig, one sentence, for what cannot be used.

    Each setting's meaning is its help text, which `python -m harness server --help` prints. `epoch` is the wall clock
    at the start, in epoch seconds (None: the machine's, read once by `running`; `service.NEW_YEAR` where no wall clock
    is read, as in virtual time).
    """

    items: Annotated[int, "Size of the generated catalogue."] = 1000
    limit: Annotated[Many, "Limits to enforce: 500/20s+2000/100s:log, list=20/m for a route, or none."] = DEFAULT_LIMIT
    latency: Annotated[str, "Delay of every answer: 50ms, uniform:20ms-80ms, lognormal:80ms, bimodal:50ms-1s."] = "0"
    slots: Annotated[int, "Requests worked on at the same time; others wait. 0: any number."] = 0
    seed: Annotated[int, "Seed of everything random."] = 0
    dialect: Annotated[
        str, "How headers state the limits: honest, laravel, draft-6, draft-7, draft-8, none, or as a known API does."
    ] = "honest"
    lie: Annotated[Many, "An error in the headers, such as retry-after-zero or reset-ms."] = ()
    on_refusal: Annotated[str, "What a refusal costs: free, charge-earlier (tiers), charge-all."] = "free"
    refusal: Annotated[str, "Status and body of a refusal: 403, or 400:BODY; the headers stay the same."] = ""
    cost: Annotated[Many, "Units a request costs: list=1, item=2, batch=10 or token=1."] = ()
    plan: Annotated[Many, "A plan with limits of its own: NAME=LIMIT."] = ()
    api_key: Annotated[Many, "A key and its plan: KEY=PLAN."] = ()
    plan_change: Annotated[Many, "New limits of a plan after some time: 30s:default=100/20s."] = ()
    require_key: Annotated[bool, "Answer 401 to requests without a known key."] = False
    fault: Annotated[Many, "Answers that go wrong: 503:rate=1%, reset:items=3,7:times=2, 410:share=2%."] = ()
    fault_header: Annotated[bool, "Let a request ask for a fault with X-Test-Fault: 503."] = False
    paging: Annotated[str, "How the list is paged: page, offset, cursor, link, keyset or single."] = "page"
    shape: Annotated[Many, "Where the API differs: NAME=VALUE, such as records=data.orders."] = ()
    auth: Annotated[Many, "Credentials that are accepted: bearer, basic, header:NAME, query:NAME, oauth2, none."] = ()
    tokens: Annotated[str, "How long an OAuth2 token lasts: requests=30:seconds=600[:counted]."] = ""
    no_total: Annotated[bool, "Do not state the size of the list."] = False
    newest_first: Annotated[bool, "List the highest ids first, so that inserted items shift the pages."] = False
    drift: Annotated[str, "Changes while the list is read: insert=2/s:delete=1/s:change=10/m."] = ""
    tenant: Annotated[Many, "Requests of other clients on the same quota: 5/s, 5/s:poisson, 50/10s:burst."] = ()
    idle_timeout: Annotated[str, "Close connections that were idle for this long."] = "5s"
    idle_reset: Annotated[str, "Reset connections that were idle for this long at their next request."] = ""
    data: Annotated[str, "Serve the rows of this Parquet, CSV or JSON Lines file."] = ""
    ledger_rows: Annotated[int, "How many decisions to keep, about 50 bytes each; counts are always kept."] = 1_000_000
    epoch: float | None = None

    parsed: Parsed = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        for setting in settings():
            if setting.many:
                object.__setattr__(self, setting.name, _texts(setting.name, getattr(self, setting.name)))
            _check_type(setting, getattr(self, setting.name))
        object.__setattr__(self, "parsed", parse(self))

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> ServerConfig:
        """A config from names as in TOML or flags (`plan-change` or `plan_change`); BadConfig for unknown ones."""
        known = {setting.name for setting in fields(cls) if setting.init}
        named = {name.replace("-", "_"): value for name, value in values.items()}
        for name in named:
            if name not in known:
                choice = ", ".join(sorted(known)).replace("_", "-")
                raise BadConfig(f"unknown setting {name!r} of the test API; use {choice}")
        return cls(**named)

    @classmethod
    def from_toml(cls, path: str | Path, **over: Any) -> ServerConfig:
        """A config from a TOML file; `over` are settings that win over the file's."""
        return cls.from_mapping(read_toml(path) | over)


def read_toml(path: str | Path) -> dict[str, Any]:
    """Settings in a TOML file, without `about`; BadConfig when it cannot be read."""
    try:
        values = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise BadConfig(f"the config file {path} cannot be read: {error}; see docs/test-api.md") from None
    values.pop("about", None)
    return {name.replace("-", "_"): value for name, value in values.items()}


@dataclass(frozen=True)
class Setting:
    """One setting as people type it. kind: int, str or bool. many: whether it may be given several times."""

    name: str
    kind: type
    many: bool
    help: str


@cache
def settings() -> tuple[Setting, ...]:
    """The settings that people type, in the order of the help."""
    hints = get_type_hints(ServerConfig, include_extras=True)
    annotated = [(name, *get_args(hint)) for name, hint in hints.items() if get_origin(hint) is Annotated]
    return tuple(Setting(name, str if kind == Many else kind, kind == Many, text) for name, kind, text in annotated)


def _texts(name: str, value: Many) -> tuple[str, ...]:
    if isinstance(value, str):
        return (value,)
    if isinstance(value, Mapping):
        return tuple(f"{key}={_text_of(inner)}" for key, inner in value.items())
    if isinstance(value, Sequence) and all(isinstance(text, str) for text in value):
        return tuple(value)
    raise BadConfig(f"{name}: {value!r} is not a text, a list of texts or a table; see docs/test-api.md")


def _text_of(value: Any) -> str:
    if isinstance(value, Mapping):
        return json.dumps(value)
    if isinstance(value, list | tuple):
        return " ".join(map(str, value))
    return str(value).lower() if isinstance(value, bool) else str(value)


_WORDS = {int: "a whole number", bool: "true or false", str: "a text in quotes"}


def _check_type(setting: Setting, value: Any) -> None:
    if setting.many:
        return  # read as texts already
    # bool is an int to Python, not to people
    if not isinstance(value, setting.kind) or (setting.kind is int and isinstance(value, bool)):
        raise BadConfig(f"{setting.name}: {value!r} is not {_WORDS[setting.kind]}; write one")
