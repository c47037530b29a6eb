"""What a simulation knows of its test API before the first request: how much it holds, and how it answers.

The size is read as an import reads it: by an import of the same settings from a test API of the same settings that
takes no time, has no limits and makes no faults, which ends as soon as the list has told and it is decided whether its
items are fetched. Where the list tells no size nothing is foreseen. The latency and the faults are the settings
themselves.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from harness.config import ImportConfig
from harness.core.ahead import Flaw
from harness.core.answers import PASSING
from harness.core.budgets import shared
from harness.core.core import Core
from harness.core.foresight import Foreseen, left_of
from harness.core.latency import Latency
from harness.lab.simulate import Rule, Simulation, drawn_latencies, rest_for, server_config, service_for
from harness.pacing import Budget, Unpaced
from harness.record.events import Event
from harness.session.factory import make_core

# A quick, kind server: all else is as it is.
_KIND = {"latency": "0", "slots": 0, "limit": "none", "fault": (), "tenant": (), "plan_change": (), "drift": ""}
# Draws of the latency: enough for the longest of a few hundred answers.
_DRAWS = 2000
# More requests than this say no more: the list tells no size.
_MOST = 50


def foreseen(config: ImportConfig, server: Mapping[str, Any] | None = None) -> Foreseen | None:
    """Return what is known of a simulation of `config`; None where its list tells no size. server: as `simulate_run`'s.

    The config is one that `as_simulated` gave.
    """
    core = _looked_at(config, server)
    state = core.state
    if core.chooser.is_open or not state.pages or (state.total is None and state.last_page is None):
        return None
    left, asked = left_of(core), state.requests["item"]
    pages, items = left[0] + len(state.pages), left[1] + asked
    api = server_config(config, server)
    wanted = max(1, len(state.items), state.total or 0)
    flaws, slow = flaws_of(api.parsed.rules, wanted, config.timeout_s)
    drawn = drawn_latencies(api, _DRAWS)
    for share, seconds in slow:
        drawn = [at_s + seconds * (rank < share * _DRAWS) for rank, at_s in enumerate(drawn)]
    late = sum(at_s >= config.timeout_s for at_s in drawn) / _DRAWS
    flaws += [Flaw(late, late, lasts_s=config.timeout_s)] if late else []
    latency = Latency([min(at_s, config.timeout_s) for at_s in drawn])
    return Foreseen(pages, items, state.last_page is not None, asked, latency, tuple(flaws), api.slots or None)


def _looked_at(config: ImportConfig, server: Mapping[str, Any] | None) -> Core:
    """Return a core that has read as much of the list as tells its size."""
    service = service_for(config, {**(server or {}), **_KIND})

    def look(_: Event) -> None:
        state = core.state
        if (state.pages and not core.chooser.is_open) or state.sent >= _MOST:
            core.stop(0.0, "enough is known")

    core = make_core(config, shared(Budget("- *", Unpaced())), look, service.epoch_offset)
    core.foresight = None
    core.start()
    per_page, rest = config.source.page_size, rest_for(config, service)
    Simulation(core, service, per_page=per_page, rest=rest, utc_s=service.epoch_offset).run()
    return core


def flaws_of(rules: Sequence[Rule], items: int, timeout_s: float) -> tuple[list[Flaw], list[tuple[float, float]]]:
    """Return what the rules of a test API make go wrong, and (share, seconds) of answers that are only slow.

    What strikes in a span of time alone is not foreseen, nor what fails for good, which takes no time.
    """
    flaws: list[Flaw] = []
    slow: list[tuple[float, float]] = []
    for rule in rules:
        fault, share = rule.fault, rule.rate
        if rule.from_s > 0 or rule.until_s < math.inf:
            continue
        if rule.items is not None:
            share *= min(1.0, len(rule.items) / items)
        share *= 1.0 if rule.share is None else rule.share
        role = rule.route if rule.route in ("list", "item") else None
        if fault.kind in ("stall", "drip") and fault.seconds < timeout_s:
            slow.append((share, fault.seconds))
        elif fault.retry_after_s is not None:
            flaws.append(Flaw(share, rule.rate, rule.times, pause_s=fault.retry_after_s, role=role))
        elif fault.kind == "reset":  # an idle connection that was closed: sent again at once, and retried if that fails
            flaws.append(Flaw(share * rule.rate, rule.rate, rule.times, role=role))
        elif fault.status is None or fault.status >= 500 or fault.status in PASSING:
            lasts_s = timeout_s if fault.kind in ("stall", "drip") else 0.0
            flaws.append(Flaw(share, rule.rate, rule.times, lasts_s, role=role))
    return flaws, slow
