"""The second path: the trio driver and httpx2 against the Quart app on a MockClock. Virtual time, all of HTTP."""

from __future__ import annotations

import httpx2
import trio
import trio.testing
from harness_test_api import Service, create_app

from harness.config import ImportConfig
from harness.lab.simulate import as_simulated, list_url, server_config
from harness.record.events import Event
from harness.record.state import State
from harness.session.driver import Driver
from harness.session.factory import budgets_for, make_core
from harness.source.client import HttpApi
from harness.source.rest import Rest


def asgi_run(config: ImportConfig) -> tuple[State, list[Event], dict[str, int]]:
    """The import that `config` describes: its state, its events, and the server's counts."""
    return trio.run(_run, as_simulated(config), clock=trio.testing.MockClock(autojump_threshold=0))


async def _run(config: ImportConfig) -> tuple[State, list[Event], dict[str, int]]:
    origin_s = trio.current_time()
    server = server_config(config)
    service = Service(server, origin_s)
    epoch_s = service.epoch_offset + origin_s
    events: list[Event] = []
    core = make_core(config, budgets_for(config), events.append, epoch_s)
    core.start()
    api = HttpApi(
        Rest(list_url(service), config.source.page_size),
        workers=config.pacing.most_workers,
        timeout_s=config.retry.timeout,
        transport=httpx2.ASGITransport(create_app(server, service)),
        trust_env=False,
        refused_when=config.source.refused_when,
        wall=lambda: epoch_s + trio.current_time() - origin_s,
    )
    api.offers_records = core.chooser.is_open
    async with api:
        await Driver(core, api, lambda *_: None).run()
    return core.state, events, service.report()
