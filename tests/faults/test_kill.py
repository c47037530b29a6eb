"""The import is killed

kill -9 at random moments, more than once, of imports from the `hostile` scenario with its windows shortened.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from harness_test_api import ServerConfig, running_in_thread, scenario
from harness_test_api.serving import Api

from harness.record.formats import FORMATS
from harness.record.items import export
from tests.faults.killing import CLEAN, Known, Victim, end, killed, known, verdict

pytestmark = pytest.mark.realtime

ITEMS = 80
# The scenario's own kind of limits, faults and refusals; shorter windows, and a latency of a tenth. The record is
# written every second, so that an import of three seconds is killed before, between and after its parts.
LIMIT = "30/1s:log+50/2s:log"


@pytest.fixture
def api() -> Iterator[Api]:
    config = scenario("hostile", items=ITEMS, limit=LIMIT, latency="lognormal:8ms", seed=7)
    with running_in_thread(config) as api:
        yield api


def campaign(api: Api, folder: Path, kills: int) -> int:
    """Kill one import after another, each up to twice, resume it to its end, and look, until `kills` hit a live one.

    Kills that came after an import's end do not count.
    """
    hits = list[str]()
    numbers = iter(range(kills))  # half of them are enough where every kill hits

    def one(number: int) -> None:
        rng = random.Random(number)
        victim = Victim(api.url, folder, f"victim-{number}", {"limit": LIMIT, "per_page": 20})
        seen = list[Known]()
        for _ in range(2):
            if killed(victim, rng, ITEMS + 4):
                hits.append(victim.name)
            seen.append(known(victim, api))
        end(victim)
        found = verdict(victim, api, seen, ITEMS)
        assert found == CLEAN, (victim.name, found)

    def until_enough() -> None:
        while len(hits) < kills and (number := next(numbers, None)) is not None:
            one(number)

    with ThreadPoolExecutor(5) as pool:
        for done in [pool.submit(until_enough) for _ in range(5)]:
            done.result()
    return len(hits)


@pytest.mark.parametrize("kills", [8, pytest.param(20, marks=pytest.mark.slow)])
def test_many_times(api: Api, tmp_path: Path, kills: int) -> None:
    """Resumed to the end: 0 items lost or doubled, 0 recorded ones fetched again, 0 refusals; ledger and log agree."""
    assert campaign(api, tmp_path, kills=kills) >= kills


def test_the_rows_stand_in_the_order_of_the_list(tmp_path: Path) -> None:
    """Killed twice and resumed, with answers in any order: items.parquet and each export are as the list has them."""
    config = ServerConfig(items=ITEMS, limit=LIMIT, latency="uniform:5ms-60ms", seed=7, newest_first=True)
    with running_in_thread(config) as api:
        victim = Victim(api.url, tmp_path, "victim", {"limit": LIMIT, "per_page": 7, "imported_at": True})
        rng = random.Random(3)
        hits = [killed(victim, rng, ITEMS // 2), killed(victim, rng, ITEMS // 2)]
        end(victim)
    run = victim.run
    wanted = list(range(ITEMS, 0, -1))
    came = [int(row["key"]) for row in run.events().to_pylist() if row["event"] in ("ItemImported", "ItemAdopted")]
    assert (hits, sorted(came, reverse=True)) == ([True, True], wanted)
    assert came != wanted
    table = run.items()
    assert table.column("id").to_pylist() == wanted
    assert table.column("_imported_at").null_count == 0
    for kind in FORMATS:
        assert export(run, tmp_path / f"x.{kind}") == ITEMS
    assert [json.loads(line)["id"] for line in (tmp_path / "x.jsonl").read_text().splitlines()] == wanted
    assert [int(line.split(",")[0]) for line in (tmp_path / "x.csv").read_text().splitlines()[1:]] == wanted
    assert pq.read_table(tmp_path / "x.parquet").column("id").to_pylist() == wanted


@pytest.mark.slow
def test_two_hundred_times(api: Api, tmp_path: Path) -> None:
    """The same at length."""
    assert campaign(api, tmp_path, kills=200) >= 200
