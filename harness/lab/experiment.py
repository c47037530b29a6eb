"""Simulate one import: the settings, the figures and, where asked for, the files of a real one."""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.config import ImportConfig
from harness.errors import BadInput
from harness.lab.foresight import foreseen
from harness.lab.simulate import Simulation, as_simulated, rest_for, service_for
from harness.record.events import Event, ItemId
from harness.record.recorder import FLUSH_S, Recorder
from harness.record.run import Run
from harness.record.sent import SentCounter
from harness.record.state import State
from harness.record.summary import Ledger, Summary
from harness.session.driver import Flusher
from harness.session.factory import budgets_for, make_core
from harness.session.importing import figures, prepared, state_counts, write_results
from harness.settings import resolve
from harness.source.ledger import compared

# A client may knock for ever on a server that counts refusals: after so many in a row without an answer it is given up.
MOST_IN_VAIN = 20_000
LOOK_S = 100.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of a simulated import. run: its folder, where one was asked for."""

    state: State
    summary: Summary
    run: Run | None = None


def simulate_run(
    config: ImportConfig,
    *,
    results: Path | None = None,
    on_event: Callable[[Event], None] | None = None,
    on_look: Callable[[State], None] | None = None,
    server: Mapping[str, Any] | None = None,
) -> Outcome:
    """Import what the test API of `config` holds in virtual time; with `results`, recorded there as a run.

    Deterministic: the same config gives the same events, and with the same run's name the same bytes. on_event: is told
    each. on_look: gets the state now and then, to show how far it is. server: more settings of the test API, by its own
    names. Raises BadInput before anything happens, and where the import is of a URL or goes on with a run.
    """
    look = on_look or _ignore
    config = as_simulated(_simulable(config))
    if results is not None:
        config = config.with_settings(results=results)
        with prepared(config, simulated=True) as run:
            return _recorded(config, run, on_event or _ignore, look, server)
    simulation = _prepared(config, on_event or _ignore, server)
    _play(simulation, look)
    state = simulation.core.state
    return Outcome(state, figures("simulated", state, config, _ledger(simulation)))


def _ignore(told: Event | State) -> None:
    """Ignore what is passed."""


def _simulable(config: ImportConfig) -> ImportConfig:
    if config.source.url is not None:
        raise BadInput("a simulation uses the test API; leave out --url, or give that API's limits as --server-limit")
    if config.run.until is not None:
        raise BadInput("a simulation has no time of day; leave out --until, or use --max-time")
    if config.pacing.shards > 1:
        raise BadInput("a simulation has no processors to share the work; leave out shards, or import for real")
    if config.run.resume:
        raise BadInput("a simulated run cannot be resumed; leave out --resume and simulate it again")
    resolve(config)
    return config


def _prepared(
    config: ImportConfig,
    record: Callable[[Event], None],
    server: Mapping[str, Any] | None,
    put: Callable[[ItemId, str], None] | None = None,
) -> Simulation:
    service = service_for(config, server)
    utc_s = service.epoch_offset
    core = make_core(config, budgets_for(config), record, utc_s, foreseen=foreseen(config, server))
    return Simulation(
        core,
        service,
        per_page=config.source.page_size,
        timeout_s=config.timeout_s,
        utc_s=utc_s,
        put=put,
        refused_when=config.source.refused_when,
        rest=rest_for(config, service),
    )


def _recorded(
    config: ImportConfig,
    run: Run,
    on_event: Callable[[Event], None],
    look: Callable[[State], None],
    server: Mapping[str, Any] | None,
) -> Outcome:
    recorder = Recorder(run.folder, run.name, 1)
    recording = _Recording(recorder, on_event)
    simulation = _prepared(config, recording.record, server, recorder.put)
    state = simulation.core.state
    recording.flusher = Flusher(recorder, lambda: state, inline=True)
    run.note(sessions_utc_s=[simulation.utc_s], status="running")
    _play(simulation, look)
    recording.flusher.flush_now(snapshot=True)
    sent = SentCounter(run.folder)
    sent.set(state.fetches)
    sent.close()
    return Outcome(state, write_results(run, state, config, _ledger(simulation)), run)


class _Recording:
    """Writes parts when they are due by the time of the events, so that the same events make the same parts."""

    flusher: Flusher

    def __init__(self, recorder: Recorder, on_event: Callable[[Event], None]) -> None:
        self._recorder = recorder
        self._on_event = on_event
        self._written_s = 0.0

    def record(self, event: Event) -> None:
        self._on_event(event)
        self._recorder.record(event)
        if self._recorder.due or event.t_s - self._written_s >= FLUSH_S:
            self._written_s = event.t_s
            self.flusher.flush_now()


def _play(simulation: Simulation, look: Callable[[State], None]) -> None:
    """Run the import to its end, or until nothing more can come of it."""
    core = simulation.core
    core.start(socket.gethostname())
    until_s, answered, refused = LOOK_S, 0, 0
    while simulation.run(until_s) is None:
        look(core.state)
        if core.state.answered > answered:
            answered, refused = core.state.answered, core.state.refused
        elif core.state.refused > refused + MOST_IN_VAIN:
            core.stop(simulation.now, f"more than {MOST_IN_VAIN:,} requests in a row were refused")
        until_s += LOOK_S


def _ledger(simulation: Simulation) -> Ledger:
    return compared(simulation.service.report(), *state_counts(simulation.core.state))
