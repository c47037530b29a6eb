"""The list's records instead of items: where two items are what the list holds of them, and nowhere else."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import trio
from harness_test_api import ServerConfig

from harness.config import ImportConfig
from harness.core.answers import Failed, ItemRead, PageRead
from harness.core.choosing import is_same
from harness.core.rules import Rules
from harness.pacing import Notice
from harness.record.events import Key, PageRef, Role
from harness.record.run import Run
from harness.session.importing import import_into, prepared
from harness.source.base import Got, OnHeaders
from tests.core.play import Play, catalogue
from tests.session.served import served

LIST = "https://api.example.com/things"
Record = dict[str, Any]


class Server:
    """Lists `items` things, ten a page, with what `listed` holds of each; items are what `item` says."""

    def __init__(self, items: int, item: Callable[[int], Record], listed: Callable[[int], Record]) -> None:
        self.items, self.item, self.listed = items, item, listed
        self.offers_records = False
        self.asked: list[tuple[Role, Key]] = []

    async def fetch(self, role: Role, key: Key, on_headers: OnHeaders) -> Got | None:
        self.asked.append((role, key))
        await trio.sleep(0.05)
        on_headers(Notice(200))
        if isinstance(key, PageRef):
            first = 10 * (int(key.value) - 1) + 1
            ids = tuple(range(first, min(first + 9, self.items) + 1)) if first > 0 else ()
            records = tuple((item, json.dumps(self.listed(item))) for item in ids) if self.offers_records else ()
            return Got(PageRead(ids, self.items, -(-self.items // 10)), records)
        assert isinstance(key, int)
        return Got(ItemRead(9, carried=True), ((key, json.dumps(self.item(key), sort_keys=True)),))

    def of(self, role: Role) -> list[Any]:
        return [key for asked, key in self.asked if asked == role]


def whole(item: int) -> Record:
    return {"name": f"thing {item}", "id": item, "size": item / 2}


def imported(tmp_path: Path, server: Server, **more: Any) -> Run:
    config = ImportConfig(**{"url": LIST, "results": tmp_path, "run": "r", "limit": "1000/1s", "workers": 8, **more})

    async def main() -> Run:
        with prepared(config) as run:
            return await import_into(run, config, server, LIST, inline=True)

    return trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))


def contents(run: Run) -> list[Record]:
    return sorted(run.items().to_pylist(), key=lambda record: record["id"])


@pytest.mark.parametrize("workers", [1, 8])
def test_records_that_are_the_items_are_taken(tmp_path: Path, workers: int) -> None:
    """A hundred items take ten pages and two items, the first and the last of page 1; none is lost or fetched twice."""
    server = Server(100, whole, whole)
    run = imported(tmp_path, server, workers=workers)
    assert server.of("item") == [1, 10]
    assert len(server.of("list")) == 10
    assert contents(run) == [whole(item) for item in range(1, 101)]
    summary = run.summary()
    assert summary is not None
    assert (summary["from_list"], summary["requests_saved"]) == (True, 101 - 12)
    assert (run.status, summary["imported"]) == ("complete", 100)


@pytest.mark.parametrize(
    "listed",
    [
        lambda item: {"id": item, "name": f"thing {item}"},  # fewer fields
        lambda item: {**whole(item), "more": 1},  # more
        lambda item: {**whole(item), "size": -1.0},  # other values
        lambda item: {**whole(item), "size": int(item / 2)},  # another type, where they are equal
        lambda item: whole(item) if item != 10 else {"id": 10},  # only the first is like its record
    ],
)
def test_records_that_differ_in_anything_are_not(tmp_path: Path, listed: Callable[[int], Record]) -> None:
    server = Server(40, whole, listed)
    run = imported(tmp_path, server)
    assert sorted(server.of("item")) == list(range(1, 41))
    assert contents(run) == [whole(item) for item in range(1, 41)]
    summary = run.summary()
    assert summary is not None
    assert (summary["from_list"], summary["requests_saved"]) == (False, 0)


@pytest.mark.parametrize(("detail", "items"), [(True, 30), (False, 0)])
def test_who_says_what_is_wanted_gets_that(tmp_path: Path, detail: bool, items: int) -> None:
    server = Server(30, whole, whole)
    run = imported(tmp_path, server, detail=detail)
    assert len(server.of("item")) == items
    assert len(contents(run)) == 30


@pytest.mark.parametrize("most", [1, 2, 3, 10, 11])
@pytest.mark.parametrize("sequential", [False, True])
def test_few_items(tmp_path: Path, most: int, sequential: bool) -> None:
    """However few there are or are wanted, it ends, with all of them."""
    for name, server, wanted in (("a", Server(most, whole, whole), None), ("b", Server(50, whole, whole), most)):
        run = imported(tmp_path, server, run=name, max_items=wanted, sequential=sequential)
        assert contents(run) == [whole(item) for item in range(1, most + 1)]
        assert len(server.of("item")) <= 2


def test_an_empty_list(tmp_path: Path) -> None:
    assert imported(tmp_path, Server(0, whole, whole)).summary()["imported"] == 0  # type: ignore[index]


def test_a_sample_that_fails_decides_for_items(tmp_path: Path) -> None:
    class Failing(Server):
        async def fetch(self, role: Role, key: Key, on_headers: OnHeaders) -> Got | None:
            if key == 1 and ("item", 1) not in self.asked:
                self.asked.append((role, key))
                await trio.sleep(0.05)
                on_headers(Notice(500))
                return Got(Failed("status 500"))
            return await super().fetch(role, key, on_headers)

    server = Failing(20, whole, whole)
    run = imported(tmp_path, server)
    assert sorted(server.of("item")) == [1, *range(1, 21)]
    assert contents(run) == [whole(item) for item in range(1, 21)]


@pytest.mark.parametrize("stopped", range(1, 9))
def test_a_run_that_was_cut_off_goes_on(tmp_path: Path, stopped: int) -> None:
    class Dying(Server):
        async def fetch(self, role: Role, key: Key, on_headers: OnHeaders) -> Got | None:
            if len(self.asked) == stopped:
                raise RuntimeError("killed")
            return await super().fetch(role, key, on_headers)

    with pytest.raises(BaseExceptionGroup):
        imported(tmp_path, Dying(100, whole, whole), workers=1)
    run = imported(tmp_path, Server(100, whole, whole), resume=True, workers=1)
    assert contents(run) == [whole(item) for item in range(1, 101)]
    assert run.status == "complete"


class Bare(Server):
    """A server whose items are not there, but for those in `there`."""

    def __init__(
        self,
        items: int,
        listed: Callable[[int], Record],
        there: set[int] = frozenset(),  # type: ignore[assignment]
        status: int = 404,
        failed: Failed | None = None,
    ) -> None:
        super().__init__(items, whole, listed)
        self.there, self.status = there, status
        self.failed = failed or Failed(f"status {status}", "not here", passing=False)

    async def fetch(self, role: Role, key: Key, on_headers: OnHeaders) -> Got | None:
        if isinstance(key, PageRef) or key in self.there:
            return await super().fetch(role, key, on_headers)
        self.asked.append((role, key))
        await trio.sleep(0.05)
        if not on_headers(Notice(self.status)):
            return None
        return Got(self.failed)


@pytest.mark.parametrize("status", [404, 405, 410])
@pytest.mark.parametrize("items", [1, 2, 3, 100])
def test_where_no_item_has_an_address_the_records_are_the_items(
    tmp_path: Path, items: int, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    """Three of them are asked for, none is counted as failed, and the run says what it did."""
    server = Bare(items, whole, status=status)
    run = imported(tmp_path, server)
    assert server.of("item") == {1: [1], 2: [1, 2], 3: [1, 3, 2], 100: [1, 10, 9]}[items]
    assert (run.status, contents(run)) == ("complete", [whole(item) for item in range(1, items + 1)])
    assert "AttemptFailed" not in run.events().column("event").to_pylist()
    assert f"(status {status}), so the list's records are the items; --item says" in caplog.text


def test_items_that_are_gone_are_no_sign_where_one_is_there(tmp_path: Path) -> None:
    """The first and the last of the page are gone, the one before is there: items are fetched, those two fail."""
    run = imported(tmp_path, Bare(30, whole, there=set(range(2, 31)) - {10}))
    assert {failure.key for failure in run.failed()} == {1, 10}
    assert [record["id"] for record in contents(run)] == [item for item in range(2, 31) if item != 10]


@pytest.mark.parametrize("listed", [lambda item: {"id": item}])
def test_records_of_no_more_than_an_id_are_no_items(tmp_path: Path, listed: Callable[[int], Record]) -> None:
    """They would be all that is kept; so each item fails, and its reason says where it was looked for."""
    run = imported(tmp_path, Bare(5, listed))
    assert {failure.status for failure in run.failed()} == {404}
    assert len(run.failed()) == 5


def test_other_failures_say_nothing_of_where_items_are(tmp_path: Path) -> None:
    """403 and 400 are not taken for an API without items, nor is a body that was cut off."""
    for status in (400, 403):
        run = imported(tmp_path / str(status), Bare(5, whole, status=status))
        assert run.status != "complete"
    run = imported(tmp_path / "cut", Bare(5, whole, status=200, failed=Failed("malformed", "the JSON ends early")))
    assert run.status != "complete"


def test_a_success_that_is_no_item_is_none(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """An error in a 200, as from Slack: three are asked for, and the run says what came in their place."""
    server = Bare(100, whole, status=200, failed=Failed("malformed", 'the answer says "ok": false', passing=False))
    run = imported(tmp_path, server)
    assert (run.status, contents(run)) == ("complete", [whole(item) for item in range(1, 101)])
    assert server.of("item") == [1, 10, 9]
    assert '(status 200: the answer says "ok": false), so the list\'s records are the items; --item says' in caplog.text


def test_an_error_in_a_200_at_an_address_that_was_declared_is_one(tmp_path: Path) -> None:
    """Over HTTP, with the real words: guessed, the list is taken; declared, every item fails and is asked for."""
    server = ServerConfig.from_mapping({"items": 30, "shape": ["ok=true", "item=none", "list-fields=all"]})
    found = served(tmp_path, server)
    assert (found.run.status, found.ids(), found.requests) == ("complete", list(range(1, 31)), (1, 3))
    found = served(tmp_path, server, run="declared", item="{list}/{id}")
    assert (found.run.status, len(found.run.failed()), found.requests) == ("complete with failures", 30, (1, 30))


class Killed(BaseException):
    """The machine dies."""


@pytest.mark.parametrize("after", [1, 2, 3, 4])
@pytest.mark.parametrize("bare", [True, False])
def test_a_run_that_died_over_the_decision_decides_anew(tmp_path: Path, after: int, bare: bool) -> None:
    """Page 1 is read once more, for its records are lost; the items are the same as if nothing had happened."""
    server = Bare(30, whole) if bare else Server(30, whole, whole)
    fetch = server.fetch

    async def dying(role: Role, key: Key, on_headers: OnHeaders) -> Got | None:
        if len(server.asked) >= after:
            raise Killed
        return await fetch(role, key, on_headers)

    server.fetch = dying  # type: ignore[method-assign]
    with pytest.raises(BaseExceptionGroup):
        imported(tmp_path, server, workers=1)
    server.fetch = fetch  # type: ignore[method-assign]
    run = imported(tmp_path, server, workers=1, resume=True)
    assert (run.status, contents(run)) == ("complete", [whole(item) for item in range(1, 31)])
    assert len(server.of("item")) <= 2 * len(set(server.of("item"))) <= 6
    assert len(server.of("list")) <= 3 + 1


def test_a_driver_that_offers_no_records_fetches_the_items() -> None:
    """There is nothing to compare with, so the core decides by itself once it has read page 1."""
    play = Play(catalogue(30), Rules(4, choose=True)).run()
    assert play.done is not None
    assert (play.done.status, play.core.state.imported) == ("complete", 30)


def test_a_run_with_items_left_is_never_complete() -> None:
    """Whatever keeps them from being asked for: here a choice that is never made."""
    core = Play(catalogue(30), Rules(4, choose=True))
    core.at = [(0.0, lambda core, now: setattr(core.chooser, "give_up", lambda: None))]
    play = core.run()
    assert play.done is not None
    assert (play.done.status, play.core.state.imported) == ("failed", 0)
    assert "30 items were not asked for, which is a fault of this program" in play.done.reason


@pytest.mark.parametrize(
    ("listed", "fetched"),
    [("1.1", "1.10000000000000000001"), ("9007199254740993.0", "9007199254740992.0"), ("1", '"1"')],
)
def test_numbers_are_compared_as_they_are_written(listed: str, fetched: str) -> None:
    """Two that are one as floats are two; a number is no text."""
    assert is_same(f'{{"a": {listed}, "b": 1}}', f'{{"b":1,"a":{listed}}}')
    assert not is_same(f'{{"a": {listed}}}', f'{{"a": {fetched}}}')
