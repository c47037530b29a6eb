"""Runs that older revisions wrote: read, reported and resumed as if this one had written them.

fixtures/schema-N.tar.xz holds two runs of 30 items against the same small server, recorded by the last revision that
wrote schema N, and the figures (expected.json) that it read of them itself. In both, item 7 was not found, item 12 was
refused once, and the process was killed while item 21 was on its way; in those from schema 4 on item 15 failed once,
too (500), and was tried again. `linked`: each page names the next by a URL, and nobody has resumed it. `numbered`: the
list says how many pages it has, and a second session read the rest.
"""

from __future__ import annotations

import json
import tarfile
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import trio

from harness.cli.main import main
from harness.config import ImportConfig
from harness.core.answers import Failed, ItemRead, PageRead
from harness.pacing import Notice, parse_tiers
from harness.record.arrow import EVENT_SCHEMA
from harness.record.events import FIRST_PAGE, SCHEMA_VERSION, Key, PageRef, Role, linked, numbered
from harness.record.formats import FORMATS, Options
from harness.record.history import read_events
from harness.record.items import export
from harness.record.run import find_run
from harness.record.state import State
from harness.session.importing import config_of
from harness.source.base import Got, OnHeaders
from tests.faults.power import session

FIXTURES = Path(__file__).parent / "fixtures"
OLDER = (1, 2, 3, 4, 5)
URL = "http://127.0.0.1:18021/items"


@pytest.fixture(params=OLDER)
def results(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    with tarfile.open(FIXTURES / f"schema-{request.param}.tar.xz") as kept:
        kept.extractall(tmp_path / "results", filter="data")
    return tmp_path / "results"


def expected(results: Path, name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((results / "expected.json").read_text())[name]
    return found


def figures(state: State) -> dict[str, Any]:
    """What the older revision was asked for, under the names that it had then."""
    return {
        "imported": state.imported,
        "failed": state.failed,
        "pending": state.pending,
        "requests": [state.requests["list"], state.requests["item"]],
        "refused": state.refused,
        "holds": state.holds,
        "duration_s": state.duration_s,
        "asleep_s": state.asleep_s,
        "total": state.total,
        "pages": len(state.pages),
        "next_page": state.next_page,
        "last_page": state.last_page,
        "status": state.status,
        "failures": [[f.role, str(f.key), f.attempts, f.status, f.reason] for f in state.failures.values()],
    }


@pytest.mark.parametrize("name", ["linked", "numbered"])
def test_it_reads_as_the_revision_read_it_that_wrote_it(results: Path, name: str) -> None:
    """Every figure of the state is the one that was recorded, and the table of events has today's columns."""
    run = find_run(results, name)
    assert figures(run.state()) == expected(results, name)
    events = run.events()
    assert events.schema.equals(EVENT_SCHEMA)
    (written,) = set(events.column("schema").to_pylist())
    for column, since in {"endpoint": 4, "along": 5, "least_s": 6}.items():
        assert (events.column(column).null_count < len(events)) == (written >= since), column
    assert {row for row in events.column("role").to_pylist() if row} == {"list", "item"}


def test_pages_of_both_kinds_come_back(results: Path) -> None:
    """A page was a number, or its URL as text: it is a reference to one or the other, as events and in the state."""
    links = [linked(f"{URL}?after={after}") for after in (10, 20)]
    assert list(find_run(results, "linked").state().pages) == [FIRST_PAGE, *links]
    told = [event.next_page for event in read_events(results / "linked") if hasattr(event, "next_page")]
    assert told == [*links, None]
    assert list(find_run(results, "numbered").state().pages) == [numbered(page) for page in (1, 2, 3)]


class Server:
    """The server of `linked`, which has item 21 now. asked: what it was asked for."""

    def __init__(self) -> None:
        self.asked: list[tuple[Role, Key]] = []

    async def fetch(self, role: Role, key: Key, on_headers: OnHeaders) -> Got | None:
        self.asked.append((role, key))
        await trio.sleep(0.05)
        if isinstance(key, PageRef):
            on_headers(Notice(200))
            after = int(str(key).rpartition("=")[2]) if key.kind == "url" else 0
            following = linked(f"{URL}?after={after + 10}") if after < 20 else None
            return Got(PageRead(tuple(range(after + 1, after + 11)), next_page=following, way="next"))
        if key == 7:
            on_headers(Notice(404))
            return Got(Failed("gone", "Not Found", passing=False))
        on_headers(Notice(200))
        return Got(ItemRead(2, carried=True), ((key, json.dumps({"id": key, "name": f"item {key}"})),))


def test_it_is_resumed_to_its_end(results: Path) -> None:
    """Only what was never answered is fetched, what was on its way at the kill included, and the list has an end."""
    config = ImportConfig(url=URL, results=results, run="linked", limit="100/1s", workers=1, per_page=10, resume=True)
    server = Server()
    run = session(config, server)  # type: ignore[arg-type]
    state = run.state()
    assert (run.status, state.imported, state.failed, state.pending) == ("complete with failures", 29, 1, 0)
    items = [key for role, key in server.asked if role == "item"]
    assert items == list(range(21, 31))
    assert sorted(run.items().column("id").to_pylist()) == sorted({*range(1, 31)} - {7})
    assert set(run.events().column("schema").to_pylist()) > {SCHEMA_VERSION}
    assert len(state.sessions()) == 2


@pytest.mark.parametrize("name", ["linked", "numbered"])
def test_its_items_are_exported_in_the_order_of_its_list(results: Path, name: str, tmp_path: Path) -> None:
    """Those that are there, as they came, in each format."""
    there = [n for n in range(1, 31 if name == "numbered" else 21) if n != 7]
    run = find_run(results, name)
    for kind in FORMATS:
        assert export(run, tmp_path / f"out.{kind}", options=Options(timestamps=True, imported_at=True)) == len(there)
    lines = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert [(line["id"], line["name"]) for line in lines] == [(n, f"item {n}") for n in there]
    assert all(line["_imported_at"].startswith("2026-11-30T") for line in lines)
    table = pq.read_table(tmp_path / "out.parquet")
    assert table.column("id").to_pylist() == there
    assert table.column("_imported_at").null_count == 0
    assert [int(row.split(",")[0]) for row in (tmp_path / "out.csv").read_text().splitlines()[1:]] == there


@pytest.mark.parametrize("name", ["linked", "numbered"])
def test_its_settings_are_understood(results: Path, name: str) -> None:
    """What its run.json says is how a resume goes on: each item is fetched, and nothing is chosen or guessed anew."""
    config = config_of(find_run(results, name))
    assert (config.source.url or "").endswith("/items")
    assert (config.source.detail, config.source.per_page) == (True, 10)
    assert (config.pacing.workers, config["limit"], config.source.chooses) == (1, parse_tiers("100/1s"), False)


@pytest.mark.parametrize(
    "command", [["show", "numbered"], ["failed", "list", "numbered"], ["failed", "show", "numbered"]], ids=" ".join
)
def test_commands_speak_of_it(results: Path, command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """What people ask of a run they can ask of an older one."""
    with pytest.raises(SystemExit) as ended:
        main([*command, "--results", str(results)])
    assert ended.value.code in (0, None), capsys.readouterr().err
    said = capsys.readouterr().out
    assert "gone" in said
    assert "7" in said
