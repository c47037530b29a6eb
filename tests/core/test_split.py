"""A list that is read in parts: every record once, whatever the API counts to a border, whenever it is killed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given, settings, strategies as st

from harness.core.answers import Fetch, ItemRead, Result
from harness.core.rules import Rules
from harness.pacing import Notice
from harness.record import events as e
from harness.record.arrow import from_table, to_table
from harness.record.explain import audited
from harness.record.fold import fold
from harness.record.snapshot import freeze, latest_snapshot, write_snapshot
from harness.record.split import Named, Part, repeated
from harness.record.state import State
from harness.source.rest import Rest
from harness.spec.flat import compiled
from harness.spec.split import parse
from tests.core.lists import URL, Reply, result_of
from tests.core.play import OK, Play, catalogue

_DECLARED: dict[str, dict[str, Any]] = {
    "cursor": {"next": "next_cursor", "cursor_param": "cursor"},
    "link": {"paging": "link", "next": "next"},
    "keyset": {"paging": "keyset", "cursor_param": "after", "more": "has_more"},
    "keyset, unsaid": {"paging": "keyset", "cursor_param": "after"},
    "offset": {"paging": "offset"},
    "offset with a total": {"paging": "offset", "total": "total"},
}


@dataclass(frozen=True)
class Server:
    """A list of records by the number at which each was created, filtered by `since` and `until`.

    borders: those of the range that are in it. ignores: parameters that it does not know.
    """

    created: Sequence[int]
    kind: str = "cursor"
    size: int = 3
    borders: str = "from"
    newest_first: bool = False
    ignores: tuple[str, ...] = ()

    def ids(self, query: dict[str, str]) -> list[int]:
        """The records in the range that is asked for, in the order of the list."""
        low, high = (None if n in self.ignores or n not in query else int(query[n]) for n in ("since", "until"))
        found = [number for number, at in enumerate(self.created) if self._is_in(at, low, high)]
        return sorted(found, key=lambda number: (self.created[number], number), reverse=self.newest_first)

    def _is_in(self, at: int, low: int | None, high: int | None) -> bool:
        above = low is None or at > low or (at == low and self.borders != "none")
        return above and (high is None or at < high or (at == high and self.borders == "both"))

    def __call__(self, query: dict[str, str]) -> Reply:
        ids, size = self.ids(query), self.size
        start = int(query.get("at", query.get("offset", query.get("cursor", "c0").removeprefix("c"))))
        if "after" in query:
            start = ids.index(int(query["after"])) + 1
        page, behind = ids[start : start + size], start + size
        body: dict[str, Any] = {"data": [{"id": number} for number in page]}
        more = behind < len(ids)
        if self.kind == "cursor":
            body["next_cursor"] = f"c{behind}" if more else None
        elif self.kind == "link":
            kept = "".join(f"&{name}={query[name]}" for name in ("since", "until") if name in query)
            body["next"] = f"{URL}?at={behind}{kept}" if more else None
        elif self.kind == "keyset":
            body["has_more"] = more
        elif self.kind == "offset with a total":
            body["total"] = len(ids)
        return Reply(body)


def rest_of(kind: str, split: str, size: int = 3) -> Rest:
    """The mapping of such a list."""
    given = {"url": URL, "records": "data", "id": ("id",), "per_page": size, "size_param": "limit", "split": split}
    return Rest(compiled({**given, **_DECLARED[kind]}))


@dataclass
class Served:
    """An import of such a list. asked: the queries, in order; later parts answer sooner."""

    server: Any
    rest: Rest

    def __post_init__(self) -> None:
        self.asked: list[dict[str, str]] = []

    def __call__(self, fetch: Fetch, now: float) -> tuple[float, Notice | None, Result]:
        if fetch.role == "item":
            return 0.01, OK, ItemRead(1)
        query = dict(parse_qsl(urlsplit(self.rest.page_url(fetch.page)).query))
        self.asked.append(query)
        reply = self.server(query)
        return 0.1 - 0.001 * fetch.page.part, Notice(reply.status), result_of(self.rest, fetch, reply)


def importing(
    server: Any, split: str, kind: str = "cursor", *, state: State | None = None, until: float = 1e7, **rules: Any
) -> Play:
    """An import of it."""
    served = Served(server, rest_of(kind, split, getattr(server, "size", 3)))
    rules = {"retry_delays_s": (1.0,), "detail": False, "parts": parse(split).ranges, **rules}
    play = Play(served, Rules(**rules), state=state)
    play.asked = served.asked  # type: ignore[attr-defined]
    return play.run(until)


def completed(play: Play) -> bool:
    """Return whether it has ended, and well."""
    assert play.done is not None
    return (play.done.status, play.done.reason) == (e.RunStatus.COMPLETE, "")


SPLIT = "since..until=0..100/4"


def test_parts_are_read_side_by_side_and_each_ends_by_itself() -> None:
    server = Server(range(100), size=5)
    play = importing(server, SPLIT)
    assert play.done is not None
    assert (play.done.status, play.done.reason) == (e.RunStatus.COMPLETE, "")
    assert play.core.state.imported == 100
    firsts = [(now, key) for now, _, key, _ in play.sent if key.is_first]
    assert [key for _, key in firsts] == [e.FIRST_PAGE._replace(part=part) for part in range(4)]
    assert {now for now, _ in firsts[1:]} == {0.1}  # all behind the first page of the first part
    ended = play.of(e.ListEnded)
    assert sorted(event.part for event in ended) == [0, 1, 2, 3]
    assert play.core.state.listing.ended == "link"
    assert play.core.state.listing.evidence == (
        "each of 4 parts was read to its end; the weakest evidence is that of part 1, until=26: "
        '"next_cursor" names no next page'
    )
    [split] = play.of(e.ListSplit)
    assert split.parts == ("until=26", "since=25, until=51", "since=50, until=76", "since=75")


def test_the_range_is_sent_beside_the_cursor() -> None:
    play = importing(Server(range(100), size=20), "since..until=0..100/2")
    asked = play.asked  # type: ignore[attr-defined]
    assert {"since": "50", "cursor": "c20", "limit": "20"} in asked
    assert all(("since" in query) != ("until" in query) for query in asked)


def test_the_time_is_that_of_the_longest_part() -> None:
    """One round trip for the first page, then as many as the longest part has pages."""
    alone = importing(Server(range(1000), size=10), "since..until=0..1000/2", parts=())
    assert alone.core.state.imported == 500 + 1  # without parts, only the first would be read: they belong together
    play = importing(Server(range(1000), size=10), "since..until=0..1000/4")
    assert play.core.state.imported == 1000
    assert play.now == pytest.approx(0.1 + 26 * 0.1, abs=0.1)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.integers(-20, 120), max_size=60),
    st.sampled_from(sorted(_DECLARED)),
    st.integers(1, 7),
    st.sampled_from(["from", "both", "none"]),
    st.booleans(),
    st.integers(2, 12),
    st.lists(st.floats(0.0, 3.0), max_size=3),
)
def test_every_record_is_imported_once(
    created: list[int], kind: str, size: int, borders: str, newest_first: bool, parts: int, kills: list[float]
) -> None:
    """Whatever lies outside of the range or on a border, however it is paged, and whenever it is killed."""
    server = Server(created, kind, size, borders, newest_first)
    split = f"since..until=0..100/{parts}"
    events: list[e.Event] = []
    for until in [*kills, 1e7]:
        state = fold(events) if events else None
        play = importing(server, split, kind, state=state, until=until)
        events += play.events
        if play.done is not None:
            break
    assert play.done is not None
    firsts = [page.ids for page in events if isinstance(page, e.PageListed) and page.page.is_first and page.ids]
    if play.done.status is e.RunStatus.FAILED:
        assert "begins with the very records" in play.done.reason
        assert parts == 2
        assert len(set(firsts)) == 1  # all records lie on the border
        return
    assert play.done.status is e.RunStatus.COMPLETE, play.done.reason
    state = fold(events)
    assert set(state.items.columns()[0]) == set(range(len(created)))
    assert state.imported == len(created)
    assert all(part.listing.ended for part in state.parts)
    listed = [event for event in events if isinstance(event, e.PageListed)]
    pages = [event.page for event in listed]
    assert len(pages) == len(set(pages))  # no page was read twice
    assert state.pages_read == len(pages) == sum(len(part.pages) for part in state.parts)


def test_a_server_that_ignores_the_range_is_found_out_by_first_pages() -> None:
    """Before anything else is asked for, and nothing is imported as if it were all."""
    server = Server(range(100), size=5, ignores=("since", "until"))
    play = importing(server, SPLIT)
    assert play.done is not None
    assert play.done.status is e.RunStatus.FAILED
    assert play.done.reason == (
        "part 3 of the list begins with the very records of part 1, so the server ignores what --split sends; correct "
        "its parameters, or leave it out"
    )
    assert len(play.sent) <= 10
    again = importing(server, SPLIT, state=fold(play.events))
    assert again.done is not None
    assert again.done.reason == play.done.reason


@pytest.mark.parametrize("ignored", ["since", "until"])
def test_a_server_that_ignores_one_border_costs_requests_and_no_records(ignored: str) -> None:
    """Its parts hold more than they should: what several name is one item."""
    play = importing(Server(range(100), size=5, ignores=(ignored,), newest_first=ignored == "since"), SPLIT)
    assert completed(play)
    assert play.core.state.imported == 100
    assert len(play.sent) > 21


def test_empty_parts_end_like_others() -> None:
    play = importing(Server([60, 61, 62, 63], size=5), SPLIT)
    assert completed(play)
    assert play.core.state.imported == 4
    assert [len(part.pages) for part in play.core.state.parts] == [1, 1, 1, 1]
    nothing = importing(Server([], size=5), SPLIT)
    assert completed(nothing)


class Lost(Server):
    """Its third part loses its way: the cursor leads back."""

    def __call__(self, query: dict[str, str]) -> Reply:
        reply = super().__call__(query)
        if query.get("since") == "50" and query.get("cursor") == "c10":
            return Reply({**reply.body, "next_cursor": "c5"})
        return reply


def test_one_part_without_a_proven_end_fails_the_run_by_its_range() -> None:
    server = Lost(range(100), size=5)
    play = importing(server, SPLIT)
    assert play.done is not None
    assert play.done.status is e.RunStatus.FAILED
    assert play.done.reason.startswith("part 3 of the list (since=50, until=76): 15 records, but the list goes on: ")
    state = play.core.state
    assert [bool(part.listing.ended) for part in state.parts] == [True, True, False, True]  # others are read whole
    again = importing(Server(range(100), size=5), SPLIT, state=fold(play.events))
    assert completed(again)
    assert again.core.state.imported == 100
    assert len(again.of(e.Relisted)) == 1


def test_what_is_accepted_drops_no_page_of_other_parts() -> None:
    play = importing(Lost(range(100), size=5), SPLIT, accept_list=True)
    assert completed(play)
    assert play.core.state.imported == 100 - 10
    assert play.core.state.listing.ended == "accepted"
    audit = audited([e.Relisted(0.0), *play.events])
    assert audit is not None
    assert not audit.whole  # what another part proved makes up for nothing
    assert "part 3, since=50, until=76" in play.core.state.listing.evidence


def test_a_failure_that_is_accepted_ends_its_own_part_alone() -> None:
    """Nothing says that there is a third page of part 3, and it fails; the others guess their next pages and go on."""

    class Bad(Server):
        def __call__(self, query: dict[str, str]) -> Reply:
            fails = query.get("since") == "50" and query.get("offset") == "10"
            return Reply("", 500) if fails else super().__call__(query)

    play = importing(Bad(range(100), "offset", 5), SPLIT, "offset", accept_list=True, retry_delays_s=())
    assert completed(play)
    assert play.core.state.imported == 100 - 15
    ended = {event.part: (event.reason, event.evidence) for event in play.of(e.ListEnded)}
    assert ended[2] == ("past end", "page 10 of part 3 could not be read")
    assert "part 3" not in "".join(evidence for part, (_, evidence) in ended.items() if part != 2)


def test_a_part_that_fails_leaves_the_others_and_is_read_later() -> None:
    class Broken(Server):
        def __call__(self, query: dict[str, str]) -> Reply:
            return Reply("", 500) if query.get("since") == "50" else super().__call__(query)

    play = importing(Broken(range(100), size=5), SPLIT)
    assert play.done is not None
    assert play.done.status is e.RunStatus.FAILED
    assert play.done.reason.startswith("page 1 of part 3 of the list could not be read")
    assert [bool(part.listing.ended) for part in play.core.state.parts] == [True, True, False, True]
    again = importing(Server(range(100), size=5), SPLIT, state=fold(play.events))
    assert completed(again)
    assert again.core.state.imported == 100
    assert not again.of(e.Relisted)
    assert len(again.sent) == 6  # only that part


@pytest.mark.parametrize("split", [None, "since..until=0..100/5"])
def test_a_list_that_is_cut_in_another_way_is_read_anew(split: str | None) -> None:
    server = Server(range(100), size=5)
    killed = importing(server, SPLIT, until=0.25)
    assert killed.done is None
    assert killed.core.state.items
    text, parts = (SPLIT, ()) if split is None else (split, parse(split).ranges)
    served = Served(server, rest_of("cursor", text, 5))
    if split is None:
        served.rest = Rest(replace_split(served.rest))
    play = Play(served, Rules(detail=False, parts=parts), state=fold(killed.events)).run()
    assert completed(play)
    assert play.core.state.imported == 100
    assert len(play.of(e.Relisted)) == len(play.of(e.ListSplit)) == 1
    assert len(play.core.state.parts) == len(parts)


def replace_split(rest: Rest) -> Any:
    return rest.source.model_copy(update={"resource": rest.source.resource.model_copy(update={"split": None})})


def test_a_list_that_has_ended_is_not_read_again_for_another_cut() -> None:
    server = Server(range(100), size=5)
    play = importing(server, SPLIT)
    again = importing(server, "since..until=0..100/5", state=fold(play.events))
    assert again.sent == []
    assert not again.of(e.ListSplit)


def test_an_audit_reads_all_parts_again() -> None:
    server = Server(range(100), size=5)
    play = importing(server, SPLIT)
    more = Play(
        Served(replace(server, created=range(103)), rest_of("cursor", SPLIT, 5)),
        Rules(detail=False, parts=parse(SPLIT).ranges),
        state=fold(play.events),
        relist=True,
    ).run()
    assert completed(more)
    assert more.core.state.imported == 103
    assert len(more.core.state.parts) == 4


def test_items_wait_for_no_part() -> None:
    """Details are fetched while parts are read, and only once where two parts name an item."""
    play = importing(Server(range(100), size=5, borders="both"), SPLIT, detail=True)
    assert completed(play)
    asked = [key for _, role, key, _ in play.sent if role == "item"]
    assert len(asked) == len(set(asked)) == 100


def test_most_items_end_all_parts() -> None:
    play = importing(Server(range(100), size=5), SPLIT, max_items=12)
    assert completed(play)
    assert play.core.state.imported == 12
    assert play.core.state.listing.ended == "max items"


def test_totals_of_parts_come_to_that_of_the_list() -> None:
    """Items on a border count once."""
    play = importing(Server(range(100), "offset with a total", 5, "both"), SPLIT, "offset with a total")
    state = play.core.state
    assert completed(play)
    assert state.total == state.expected == 100
    assert sum(part.total or 0 for part in state.parts) == 106


@pytest.mark.parametrize("kind", sorted(_DECLARED))
def test_events_and_snapshots_keep_the_parts(tmp_path: Path, kind: str) -> None:
    """Read back from disk an import goes on as it would have."""
    server = Server(range(-5, 105), kind, 3, "both")
    events: list[e.Event] = []
    for session, until in enumerate((0.05, 0.35, 0.9, 1e7), start=1):
        state = fold(events) if events else None
        play = importing(server, SPLIT, kind, state=state, until=until)
        table = to_table(play.events, "r", 1, "s1", 1)
        assert from_table(table) == play.events
        events += play.events
        write_snapshot(tmp_path, freeze(fold(events), f"s{session}", len(play.events)))
        found = latest_snapshot(tmp_path)
        assert found is not None
        kept, told = found[0], fold(events)
        assert (kept.parts, kept.named, kept.pages, kept.total) == (told.parts, told.named, told.pages, told.total)
        again = importing(server, SPLIT, kind, state=kept)
        assert completed(again)
        assert again.core.state.imported == 110


def test_a_list_that_is_read_as_one_has_no_part(tmp_path: Path) -> None:
    """Neither in its events nor in a snapshot of it."""
    play = Play(catalogue(300)).run()
    table = to_table(play.events, "r", 1, "s1", 1)
    assert table.column("part").null_count == table.column("parts").null_count == len(table)
    head, _, _, _, parts = freeze(fold(play.events), "s1", 1)
    assert "parts" not in head
    assert parts is None


def test_named_by_two_parts() -> None:
    named = Named()
    named.add(0, (1, 2))
    assert (named.new(0, (1, 2, 3)), named.new(1, (2, 3, 3))) == (1, 2)
    named.add(1, (2, 3))
    assert (named.new(0, (1, 2, 3)), named.new(1, (2, 3)), named.again) == (1, 0, {(1, 2)})


def test_neighbours_may_begin_alike_for_they_overlap() -> None:
    def part(first: str) -> Part:
        made = Part()
        made.listing.first = first
        return made

    assert repeated([part("a"), part("a"), part("b")]) is None
    assert repeated([part("a"), part("b"), part("a")]) == (0, 2)
    assert repeated([part(""), part(""), part("")]) is None
    assert repeated([part("a"), part("a")]) == (0, 1)
