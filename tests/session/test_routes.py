"""Limits by route, from every door through which they come to what is kept of them after a kill."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import trio

from harness.config import ImportConfig
from harness.errors import BadInput
from harness.lab.grid import read_grid
from harness.pacing import format_tiers
from harness.record.events import Key, Role
from harness.session.control import obey
from harness.session.importing import prepare_run
from harness.session.session import Session
from harness.settings import checked, read_settings
from harness.source.base import Got, OnHeaders
from tests.session.test_clocks import Machine, nothing_written
from tests.session.test_control_values import Steered
from tests.session.test_driver import Fake

CANONICAL = "500/20s+list=20/1m+item=50/1m"
WRITTEN = ("500/20s", "list=20/m", "item=50/m")


def test_one_grammar_at_every_door(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Flags, environment, TOML, Python, a notebook's parameters, `set` and a grid read the same."""
    toml = tmp_path / "x.toml"
    toml.write_text('url = "http://api.test/items"\nlimit = ["item=50/m", "500/20s", "list=20/m"]\n')
    url = "http://api.test/items"
    found = [
        ImportConfig(url=url, limit=WRITTEN),
        ImportConfig(url=url, limit=" ".join(WRITTEN[1:]) + "+*=500/20s"),
        read_settings({"url": url, "limit": WRITTEN}, None, {}),
        read_settings({"url": url}, None, {"HARNESS_IMPORT_LIMIT": "500/20s+list=20/m item=50/m"}),
        read_settings({}, toml, {}),
        checked({"url": url, "limit": "500/20s+list=20/m+item=50/m"}),
        read_grid({}, {}, ["limit=500/20s+list=20/m+item=50/m,7/s", "server_limit=9/s"], 1).config(
            read_grid({}, {}, ["limit=500/20s+list=20/m+item=50/m,7/s", "server_limit=9/s"], 1).points()[0]
        ),
    ]
    for config in found:
        assert format_tiers(config.pacing.limit or ()) == CANONICAL
        assert config.as_written()["limit"] == CANONICAL
        assert ImportConfig(url=url, limit=config.as_written()["limit"]).limits == config.limits
    steered = Steered()
    obey(steered, "set", {"limit": CANONICAL})
    assert [format_tiers(tiers) for tiers in steered.told] == [CANONICAL]


def test_a_share_is_one_of_each_route() -> None:
    """Half of all of them."""
    config = ImportConfig(url="http://api.test/items", limit=CANONICAL, share="50%")
    assert format_tiers(config.limits) == "250/20s+list=10/1m+item=25/1m"


def test_a_cost_need_only_fit_the_limits_that_count_it() -> None:
    """A page may cost more than an item's limit, and not more than the list's."""
    ImportConfig(url="http://api.test/items", limit="list=100/m+item=5/m", cost=["list=50"])
    with pytest.raises(BadInput, match=r"list=50 never fits the limit list=20/1m"):
        ImportConfig(url="http://api.test/items", limit="list=20/m+item=500/m", cost=["list=50"])


class Keyed(Fake):
    """An API that notes what it was sent, and with which key."""

    def __init__(self) -> None:
        super().__init__(150, 0.05)
        self.noted: list[tuple[float, Role, str | None]] = []

    async def fetch(
        self, role: Role, key: Key, on_headers: OnHeaders, *, credential: str | None = None, **_: Any
    ) -> Got | None:
        self.noted.append((trio.current_time(), role, credential))
        return await super().fetch(role, key, on_headers)


async def noted(tmp_path: Path, kills_s: tuple[float, ...], **settings: Any) -> list[tuple[float, Role, str | None]]:
    """What was sent by sessions that were killed after so long, one after the other, and a last one to the end."""
    config = ImportConfig(url="http://127.0.0.1:9/x", results=tmp_path, run="r", linger=0.0, **settings)
    run, machine = prepare_run(config), Machine()
    api = Keyed()
    for killed_s in (*kills_s, None):
        with run.locked():
            made = Session(run, config, inline=True, wall=machine.wall, machine=machine.clock)
            if killed_s is not None and kills_s.index(killed_s) % 2:
                made.flusher.flush = nothing_written  # type: ignore[assignment, method-assign]
            with trio.move_on_after(killed_s or 1e6):
                await made.run(api)
        await trio.sleep(1.0)
    assert (run.status, run.state().imported) == ("complete", 150)
    return api.noted


@pytest.mark.anyio
async def test_a_resume_keeps_each_route_to_what_it_has_used(tmp_path: Path) -> None:
    """Killed three times, once without its record: no window of any route sees more, and items do not pay for pages."""
    sent = await noted(tmp_path, (3.0, 4.0, 25.0), limit="*=40/60s+list=1/30s+item=10/10s")
    for route, limit, period_s in (("list", 1, 30.0), ("item", 10, 10.0), ("*", 40, 60.0)):
        times = [at for at, role, _ in sent if route in ("*", role)]
        assert all(later - first >= period_s for first, later in zip(times, times[limit:])), route


@pytest.mark.anyio
async def test_a_resume_keeps_each_key_to_what_it_has_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As by route: each key pays for what went with it."""
    monkeypatch.setenv("A_KEY", "key-of-a-123456")
    monkeypatch.setenv("B_KEY", "key-of-b-123456")
    sent = await noted(tmp_path, (3.0, 4.0), limit="10/20s", token_env=("A_KEY", "B_KEY"))
    assert {credential for _, _, credential in sent} == {"A_KEY", "B_KEY"}
    for key in ("A_KEY", "B_KEY"):
        times = [at for at, _, credential in sent if credential == key]
        assert all(later - first >= 20.0 for first, later in zip(times, times[10:]))
    assert max(at for at, _, _ in sent) - min(at for at, _, _ in sent) < 200.0  # with one key 300 s
