"""Make what a session needs (strategy, budget, core), and notice other runs on the same key.

Of other runs against the same host with the same key this one knows nothing, and what they send counts, too.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.account.account import Account
from harness.config import ImportConfig, sent_as
from harness.core.budgets import Budgets, budget_name, by_routes, shared
from harness.core.concurrency import Concurrency
from harness.core.core import Core
from harness.core.foresight import Foreseen, Foresight
from harness.core.rules import Rules, TokenRules
from harness.core.stop_conditions import StopConditions
from harness.errors import RecordError
from harness.pacing import AutoPacer, Budget, DeclaredPacer, Pacer, Route, Tiers, names_routes
from harness.pacing.leases import LeasePacer
from harness.pacing.routes import Common, LearningRoutePacer, RoutePacer
from harness.pacing.sharing import SharingPacer
from harness.pacing.strategies import make_pacer
from harness.pacing.tiers import EVERY_ROUTE, of_route, unnamed
from harness.record.clock import Boot, local_minute, next_local
from harness.record.events import Endpoint, Event, ItemId, Role
from harness.record.run import Run
from harness.record.sent import last_boot
from harness.record.state import State
from harness.spec.source import Auth, BearerAuth, OAuth2
from harness.units import format_period


def pacer_for(config: ImportConfig, remembered: Tiers = ()) -> Pacer:
    """Return the strategy that `config` names, or the object it holds; where it names none, by whether limits are
    known. It keeps the limits of every route; those of one route are for `budgets_for`.

    remembered: limits that earlier runs learned of the same host.
    """
    if isinstance(config.pacing.strategy, Pacer):
        return config.pacing.strategy
    return _pacer(config, EVERY_ROUTE, remembered)


def _pacer(config: ImportConfig, route: Route, remembered: Tiers) -> Pacer:
    """Return a strategy for the limits that are declared for `route` itself, which knows of no routes if it learns."""
    pacing = config.pacing
    strategy = pacing.strategy or ("window" if config.limits else "auto")
    assert not isinstance(strategy, Pacer)
    remembered = unnamed(of_route(remembered, route))
    # Told to learn, it is not told what our own test API enforces: only what people declare.
    if strategy == "auto" and pacing.share < 1:
        inner = AutoPacer((), config.linger_s, pacing.rtt_floor, remembered)
        declared = unnamed(of_route(pacing.declared, route))
        return SharingPacer(inner, pacing.share, declared, config.linger_s, pacing.rtt_floor)
    limits = of_route(pacing.declared if strategy == "auto" else config.limits, route)
    if pacing.strategy is None and config.limits:
        return DeclaredPacer(unnamed(limits), config.linger_s, pacing.rtt_floor, pacing.share)
    limits = unnamed(limits) if strategy == "auto" else limits
    return make_pacer(strategy, limits, config.linger_s, pacing.rtt_floor, config.run.seed, remembered)


# These know no limits, of whichever route.
_LIMITLESS = ("retry-after", "backoff", "aimd")


def budgets_for(config: ImportConfig, remembered: Tiers = (), account: Account | None = None) -> Budgets:
    """Return the budgets of an import: one for each key, or, where limits of one route are declared, for each key and
    route. remembered: as in `pacer_for`. account: what they share with other runs.
    """
    roles: tuple[Role, ...] = ("list", "item", "token") if token_rules(config) else ("list", "item")
    declared = config.pacing.declared if config.strategy == "auto" else config.limits
    routed = names_routes(declared) and config.strategy not in _LIMITLESS
    routed = routed or (config.strategy == "auto" and names_routes(remembered))
    if isinstance(config.pacing.strategy, Pacer):
        routed = False
    budgets: dict[Endpoint, Budget] = {}
    for credential in credentials_of(config):
        if routed:
            budgets |= _by_routes(config, credential, remembered, roles, account)
        else:
            pacer = pacer_for(config, remembered)
            balance = None if account is None else account.balance(credential, EVERY_ROUTE, config.pacing.most_workers)
            budget = Budget(budget_name(credential), pacer, config.pacing.max_pause, balance)
            budgets |= shared(budget, credential, roles)
    return budgets


def _by_routes(
    config: ImportConfig,
    credential: str | None,
    remembered: Tiers,
    roles: tuple[Role, ...],
    account: Account | None,
) -> Budgets:
    """Return the budgets of one key by route. Limits of every route are kept as declared, also by `auto`: what it
    learns, it learns of each route.
    """
    pacing = config.pacing
    if config.strategy == "auto" or pacing.strategy is None:
        kept = of_route(pacing.declared if config.strategy == "auto" else config.limits, EVERY_ROUTE)
        common: Pacer = make_pacer("window", kept, config.linger_s, pacing.rtt_floor)
    else:
        common = _pacer(config, EVERY_ROUTE, ())

    def own(role: Role, every: Common) -> Pacer:
        pacer = _pacer(config, role, remembered)
        if isinstance(pacer, (AutoPacer, SharingPacer)):
            return LearningRoutePacer(role, pacer, every)
        return RoutePacer(role, pacer, every)

    def balance(role: Role) -> LeasePacer | None:
        return None if account is None else account.balance(credential, role, pacing.most_workers)

    return by_routes(credential, common, own, pacing.max_pause, roles, balance)


def credentials_of(config: ImportConfig) -> tuple[str | None, ...]:
    """Return the names of what says who asks, one for each key; (None,) where nothing does."""
    auth = auth_of(config)
    names = () if auth is None or isinstance(auth, OAuth2) else auth.token_env
    return names if len(names) > 1 else ((config.source.learned_for or "").partition(" ")[2] or None,)


def auth_of(config: ImportConfig) -> Auth | None:
    """Return how an import proves who it is; None where it does not, or by headers alone."""
    source = config.source.declared()
    if source is not None and source.auth is not None:
        return source.auth
    # For a test API of our own.
    return BearerAuth(token_env=config.source.token_env) if config.source.token_env else None


def token_rules(config: ImportConfig) -> TokenRules | None:
    """Return how a token is fetched; None where none is."""
    oauth = auth_of(config)
    if not isinstance(oauth, OAuth2):
        return None
    names = f"{oauth.client_id_env} and {oauth.client_secret_env}"
    return TokenRules(names, oauth.token_url, config.timeout_s)


def make_core(
    config: ImportConfig,
    budgets: Budgets,
    record: Callable[[Event], None],
    utc_s: float,
    state: State | None = None,
    payloads: set[ItemId] | None = None,
    foreseen: Foreseen | None = None,
    adapted: Callable[[Rules], Rules] = lambda rules: rules,
) -> Core:
    """Return the core of one session as `config` wants it, to be started; see `Core`, and `Foresight` for foreseen.

    adapted: returns the rules to go by, where the work is shared.
    """
    rules = Rules(
        config.pacing.most_workers,
        config.retry.delays,
        config.source.sequential,
        config.source.details and (config.source.detail is True or state is None or not state.from_list),
        config.run.max_items,
        config.pacing.list_cost,
        config.pacing.item_cost if config.source.batch is None else config.pacing.batch_cost,
        config.retry.breaker,
        ends_of(config, utc_s),
        config.source.accept_list,
        token_rules(config),
        config.linger_s,
        config.source.batch,
        config.source.chooses,
        config.source.is_placed,
        config.source.ranges,
    )
    concurrency = Concurrency(most=config.pacing.most_workers) if config.pacing.workers == "auto" else None
    core = Core(adapted(rules), budgets, record, utc_s, state, payloads, concurrency)
    core.foresight = Foresight(core, config.pacing.rtt_floor, foreseen)
    return core


def ends_of(config: ImportConfig, began_utc_s: float) -> StopConditions:
    """Return when a session that began then is to end early."""
    run = config.run
    until_s = None if run.until is None else next_local(run.until, began_utc_s) - began_utc_s
    times = (run.max_time, until_s, run.until or "")
    local = (lambda at_s: local_minute(began_utc_s + at_s)) if run.until_quota else None
    return StopConditions(run.max_failures, run.max_failure_rate, *times, run.max_requests, local)


# Where no limit is known: the longest window that most APIs have.
USUAL_WINDOW_S = 60.0


@dataclass(frozen=True, slots=True)
class OtherRun:
    """A run whose requests may still count. pid: of the process that writes it now; None: its last was `ago_s` ago."""

    name: str
    ago_s: float
    pid: int | None = None


def neighbour(config: ImportConfig, but: str, window_s: float, now: Boot) -> OtherRun | None:
    """Return the run in the same folder that is most in the way of one with `config`; None where none is.

    One that is being written comes first, then the one that sent last. but: the run itself. None for a test API of our
    own, which is another one each time.
    """
    if config.source.learned_for is None:
        return None
    found = [
        one
        for folder in config.run.results.glob("*/sent")
        if folder.parent.name != but and (one := _look(folder.parent, window_s, now)) is not None
    ]
    found.sort(key=lambda one: (one.pid is None, one.ago_s, one.name))
    return next((one for one in found if _is_same(config, Run(config.run.results / one.name))), None)


def _look(folder: Path, window_s: float, now: Boot) -> OtherRun | None:
    """Return what the lock and the counter of a run say; None where it is not at work and has not been for a window."""
    pid = Run(folder).writer_pid
    before = last_boot(folder)
    known = before is not None and bool(now.id) and before.id == now.id
    ago_s = now.since(before) if known and before is not None else math.inf
    return OtherRun(folder.name, ago_s, pid) if pid is not None or ago_s < window_s else None


def _is_same(config: ImportConfig, run: Run) -> bool:
    """Return whether a run goes to the same host with the same key, by the names that are kept of it."""
    try:
        about = run.about
        said: dict[str, Any] = about.get("config", {})
        names = (said.get("header_names") or []) + [one.partition(":")[0] for one in said.get("header") or []]
        keys = said.get("token_env") or _variables(about.get("source", {}).get("auth") or {})
        key = sent_as(said.get("url"), (keys,) if isinstance(keys, str) else tuple(keys), tuple(names))
        return not about.get("simulated") and key == config.source.learned_for
    except (RecordError, ValueError, TypeError, AttributeError):
        return False


def _variables(auth: dict[str, Any]) -> list[str]:
    """Return the variables of the auth of a source, as run.json has it."""
    keys: list[str] = auth.get("token_env") or [auth[name] for name in ("client_id_env", "client_secret_env") if auth]
    return keys


def told(found: OtherRun, window_s: float) -> str:
    """Return one line for people: what is the matter, and what can be done."""
    if found.pid is not None:
        what = f"run {found.name} is importing from this host with this key now, in process {found.pid}"
        return f"{what}: both may be refused; let it end first, or give each a part with --share 50%"
    what = f"run {found.name} sent to this host with this key {_period(found.ago_s)} ago, which may still count"
    left = _period(window_s - found.ago_s)
    return f"{what}: some requests may be refused at first; wait {left} before you start, or use less with --share 50%"


def _period(seconds: float) -> str:
    """Return a time for people, rounded up: 13s, 54 min, 3 h."""
    for unit, unit_s in (("h", 3600), ("min", 60)):
        if seconds >= 2 * unit_s:
            return f"{math.ceil(seconds / unit_s)} {unit}"
    return format_period(max(1, math.ceil(seconds)))
