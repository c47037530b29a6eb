"""What a session is made of, as the settings want it: the pacing strategy and the core."""

from __future__ import annotations

from collections.abc import Callable

from harness.config import ImportConfig
from harness.engine.concurrency import Concurrency
from harness.engine.core import Core
from harness.engine.endings import Ends
from harness.engine.rules import Rules
from harness.pacing import AutoPacer, Budget, Pacer, Tiers
from harness.pacing.sharing import SharingPacer
from harness.pacing.strategies import make_pacer
from harness.record.clock import next_local
from harness.record.events import Event, ItemId
from harness.record.state import State


def pacer_for(config: ImportConfig, remembered: Tiers = ()) -> Pacer:
    """The strategy that `config` names, or the object it holds; where it names none, by whether limits are known.

    remembered: limits that earlier runs learned of the same host.
    """
    if isinstance(config.pacing, Pacer):
        return config.pacing
    strategy = config.pacing or ("window" if config.limits else "auto")
    # Told to learn, it is not told what our own test API enforces: only what people declare.
    if strategy == "auto" and config.share < 1:
        inner = AutoPacer((), config.linger_s, config.rtt_floor, remembered)
        return SharingPacer(inner, config.share, config.declared, config.linger_s, config.rtt_floor)
    limits = config.declared if strategy == "auto" else config.limits
    return make_pacer(strategy, limits, config.linger_s, config.rtt_floor, config.seed, remembered)


def make_core(
    config: ImportConfig,
    pacer: Pacer,
    record: Callable[[Event], None],
    utc_s: float,
    state: State | None = None,
    payloads: set[ItemId] | None = None,
) -> Core:
    """The core of one session as `config` wants it, to be started; see `Core`."""
    budget = Budget("api", pacer, config.max_pause)
    rules = Rules(
        config.most_workers,
        config.retry_delays,
        config.sequential,
        config.detail,
        config.max_items,
        config.list_cost,
        config.item_cost,
        config.breaker,
        ends_of(config, utc_s),
        config.accept_list,
    )
    concurrency = Concurrency(most=config.most_workers) if config.workers == "auto" else None
    return Core(rules, {"page": budget, "item": budget}, record, utc_s, state, payloads, concurrency)


def ends_of(config: ImportConfig, began_utc_s: float) -> Ends:
    """When a session that began then is to end early."""
    until_s = None if config.until is None else next_local(config.until, began_utc_s) - began_utc_s
    return Ends(config.max_failures, config.max_failure_rate, config.max_time, until_s, config.until or "")
