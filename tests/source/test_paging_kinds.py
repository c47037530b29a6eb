"""Each kind of paging with each kind of id, declared: every record, exact content, also killed anywhere and resumed.

The servers here are small functions from a request to an answer; they refuse a parameter that they do not know. The
import is the core's, with the client's mapping, in virtual time.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import pytest

from harness.core.answers import Failed, Fetch, ItemRead, Result, failed_status
from harness.core.rules import Rules
from harness.pacing import Notice
from harness.record.arrow import from_table, to_table
from harness.record.events import Event, ListEnded, numbered
from harness.record.fold import apply
from harness.record.snapshot import freeze, latest_snapshot, write_snapshot
from harness.record.state import State
from harness.source.rest import Garbled, Malformed, Request, Rest
from harness.source.way_on import past_end
from harness.spec.source import (
    CursorPaging,
    Item,
    KeysetPaging,
    LinkPaging,
    OffsetPaging,
    PageNumberPaging,
    Paging,
    Resource,
    SinglePage,
    Source,
)
from tests.core.play import Play, failing

pytestmark = pytest.mark.matrix

ORIGIN = "https://api.test"
SIZE = 3
Row = dict[str, Any]


@dataclass(frozen=True)
class Reply:
    body: Any
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Ids:
    """A kind of id. of: the fields of record n; path: as declared; key: the id of the item."""

    path: tuple[str, ...]
    of: Callable[[int], Any]
    key: Callable[[int], Any]
    url: str = f"{ORIGIN}/items/{{id}}"


IDS = {
    "number": Ids(("id",), lambda n: {"id": 100 + n}, lambda n: 100 + n),
    "text that is a number": Ids(("id",), lambda n: {"id": f"0{n}"}, lambda n: f"0{n}"),
    "uuid": Ids(("uuid",), lambda n: {"uuid": f"5983-aaaa-{n:04}"}, lambda n: f"5983-aaaa-{n:04}"),
    "slashes": Ids(("path",), lambda n: {"path": f"../a b/ü{n}?x=1&y#z"}, lambda n: f"../a b/ü{n}?x=1&y#z"),
    "nested": Ids(("meta.key.id",), lambda n: {"meta": {"key": {"id": n}}}, lambda n: n),
    "a key with dots": Ids(("@odata.id",), lambda n: {"@odata.id": f"u{n}"}, lambda n: f"u{n}"),
    "joined": Ids(("a", "b"), lambda n: {"a": f"x-{n}", "b": f"{n}/y"}, lambda n: f"x-{n}/{n}%2Fy",
                  f"{ORIGIN}/items/{{id}}"),
    "at a URL": Ids(("name",), lambda n: {"name": f"n{n}", "url": f"{ORIGIN}/items/n{n}"}, lambda n: f"n{n}", "{url}"),
    "bare": Ids((), lambda n: f"b/{n}", lambda n: f"b/{n}"),
}  # fmt: skip


@dataclass(frozen=True)
class Kind:
    """A kind of paging: as declared, and a server of it. answer: (records, request, query) -> reply."""

    paging: Paging
    answer: Callable[[list[Any], Request, dict[str, str]], Reply]
    known: tuple[str, ...]
    url: str = f"{ORIGIN}/items"
    size_param: str | None = "limit"
    body: dict[str, Any] | None = None
    same_host: bool = False


def _cut(rows: list[Any], first: int, size: int = SIZE) -> tuple[list[Any], bool]:
    return rows[first : first + size], first + size < len(rows)


def _pages(first: int, **say: Any) -> Callable[..., Reply]:
    def answer(rows: list[Any], asked: Request, query: dict[str, str]) -> Reply:
        number = int(query["p"]) - first
        found, more = _cut(rows, number * SIZE) if number >= 0 else ([], True)
        about = {name: value(rows, more) for name, value in say.items() if name != "header"}
        headers = {"x-pages": str(-(-len(rows) // SIZE))} if say.get("header") else {}
        return Reply({"rows": found, **about}, headers=headers)

    return answer


def _offsets(cap: int = SIZE, *, total: bool = False) -> Callable[..., Reply]:
    def answer(rows: list[Any], asked: Request, query: dict[str, str]) -> Reply:
        found, _ = _cut(rows, int(query.get("skip", 0)), min(cap, int(query["limit"])))
        return Reply({"rows": found, **({"count": len(rows)} if total else {})})

    return answer


def _cursors(where: str, value: Callable[[int], Any] = lambda at: f"c/{at}=") -> Callable[..., Reply]:
    def answer(rows: list[Any], asked: Request, query: dict[str, str]) -> Reply:
        sent = asked.json.get("after") if asked.json is not None else query.get("after")
        at = next((n for n in range(len(rows) + 1) if value(n) == sent), None) if sent is not None else 0
        if at is None:
            return Reply({"error": f"unknown cursor {sent!r}"}, 400)
        found, more = _cut(rows, at)
        following = value(at + SIZE) if more else None
        if where == "header":
            return Reply({"rows": found}, headers={"x-after": str(following)} if more else {})
        return Reply({"rows": found, "meta": {"next": following}})

    return answer


def _links(form: str) -> Callable[..., Reply]:
    def answer(rows: list[Any], asked: Request, query: dict[str, str]) -> Reply:
        at = int(query.get("at", 0))
        found, more = _cut(rows, at)
        link = {"relative": f"?at={at + SIZE}", "other host": f"http://inside:8080/items?at={at + SIZE}"}.get(
            form, f"{ORIGIN}/items?at={at + SIZE}"
        )
        if form == "header":
            return Reply({"rows": found}, headers={"link": f'<{link}>; REL="NEXT"'} if more else {})
        return Reply(
            {"rows": found, "links": {"next": ({"href": link} if form == "object" else link) if more else None}}
        )

    return answer


def _keyset(by: Callable[[Any], Any], *, more: bool = True) -> Callable[..., Reply]:
    def answer(rows: list[Any], asked: Request, query: dict[str, str]) -> Reply:
        last = query.get("since") if asked.json is None else asked.json.get("since")
        at = 0 if last is None else next(n for n, row in enumerate(rows) if by(row) == last) + 1
        found, goes_on = _cut(rows, at)
        return Reply({"rows": found, **({"has_more": goes_on} if more else {})})

    return answer


def _sort(row: Any) -> Any:
    """What the server sorts by, as JSON: a record holds it, an id alone is it."""
    return row["sort"] if isinstance(row, dict) else row


POST = {"after": "{cursor}", "n": "{per_page}", "query": "{ rows { id } }"}
KINDS = {
    "page from 1": Kind(PageNumberPaging(param="p", first=1), _pages(1), ("p", "limit")),
    "page from 0": Kind(PageNumberPaging(param="p", first=0), _pages(0), ("p", "limit")),
    "page, not said from which": Kind(PageNumberPaging(param="p"), _pages(0), ("p", "limit")),
    "page with total": Kind(PageNumberPaging(param="p", first=0, total="n"), _pages(0, n=lambda rows, _: len(rows)),
                            ("p", "limit")),
    "page with a header": Kind(PageNumberPaging(param="p", first=1, pages="header:X-Pages"), _pages(1, header=True),
                               ("p", "limit")),
    "page with more": Kind(PageNumberPaging(param="p", first=1, more="m"), _pages(1, m=lambda _, more: more),
                           ("p", "limit")),
    "page in the path": Kind(PageNumberPaging(first=1), lambda rows, asked, query: _pages(1)(
        rows, asked, {"p": urlsplit(asked.url).path.rpartition("/")[2]}), (), f"{ORIGIN}/items/{{page}}", None),
    "offset": Kind(OffsetPaging(param="skip"), _offsets(), ("skip", "limit")),
    "offset with total": Kind(OffsetPaging(param="skip", total="count"), _offsets(total=True), ("skip", "limit")),
    "offset, capped": Kind(OffsetPaging(param="skip"), _offsets(2), ("skip", "limit")),
    "offset with total, capped": Kind(OffsetPaging(param="skip", total="count"), _offsets(2, total=True),
                                      ("skip", "limit")),
    "cursor": Kind(CursorPaging(next="meta.next", param="after"), _cursors("body"), ("after", "limit")),
    "cursor in the URL": Kind(CursorPaging(next="meta.next"), _cursors("body"), ("after", "limit"),
                              f"{ORIGIN}/items?after={{cursor}}"),
    "cursor in a header": Kind(CursorPaging(next="header:X-After", param="after", absent_is_end=True),
                               _cursors("header"), ("after", "limit")),
    "cursor in a POST": Kind(CursorPaging(next="meta.next"), _cursors("body"), (), size_param=None, body=POST),
    "number in a POST": Kind(CursorPaging(next="meta.next"), _cursors("body", lambda at: at * 10), (),
                             size_param=None, body=POST),
    "array in a POST": Kind(CursorPaging(next="meta.next"), _cursors("body", lambda at: [at, "ü", None]), (),
                            size_param=None, body=POST),
    "link": Kind(LinkPaging(next="links.next"), _links("text"), ("at", "limit")),
    "link header": Kind(LinkPaging(absent_is_end=True), _links("header"), ("at", "limit")),
    "link object": Kind(LinkPaging(next="links.next"), _links("object"), ("at", "limit")),
    "relative link": Kind(LinkPaging(next="links.next"), _links("relative"), ("at", "limit")),
    "link by another name": Kind(LinkPaging(next="links.next"), _links("other host"), ("at", "limit"), same_host=True),
    "keyset": Kind(KeysetPaging(param="since", more="has_more"), _keyset(lambda row: str(_id_in(row))),
                   ("since", "limit")),
    "keyset without more": Kind(KeysetPaging(param="since"), _keyset(lambda row: str(_id_in(row)), more=False),
                                ("since", "limit")),
    "keyset by a path in a POST": Kind(KeysetPaging(last="sort || @", more="has_more"), _keyset(_sort), (),
                                       size_param=None, body={"since": "{last_id}"}),
    "single": Kind(SinglePage(), lambda rows, asked, query: Reply({"rows": rows}), ("limit",)),
}  # fmt: skip


def _id_in(row: Any) -> Any:
    """The id of a record, whatever its kind: as the keyset sends it."""
    if not isinstance(row, dict):
        return row
    if "a" in row:
        return f"{row['a']}/{row['b'].replace('/', '%2F')}"
    return row["meta"]["key"]["id"] if "meta" in row else next(v for k, v in row.items() if k not in ("sort", "url"))


@dataclass
class Server:
    """Lists `rows`, whose items hold more. payloads: what came of each item, as the client keeps it."""

    kind: Kind
    ids: Ids
    rows: list[Any]
    payloads: dict[Any, Row] = field(default_factory=dict)

    def __post_init__(self) -> None:
        resource = Resource(
            url=self.kind.url,
            method="GET" if self.kind.body is None else "POST",
            body=self.kind.body,
            records="rows",
            id=self.ids.path,
            paging=self.kind.paging,
            size_param=self.kind.size_param,
            per_page=SIZE,
            item=Item(url=self.ids.url, records="item"),
        )
        self.rest = Rest(Source(resource=resource, same_host=self.kind.same_host))

    def __call__(self, fetch: Fetch, now: float) -> tuple[float, Notice | None, Result]:
        reply = self._item(fetch) if fetch.role == "item" else self._list(fetch)
        return 0.05, Notice(reply.status), self._read(fetch, reply)

    def _list(self, fetch: Fetch) -> Reply:
        asked = self.rest.page_request(fetch.page)
        parts = urlsplit(asked.url)
        assert f"{parts.scheme}://{parts.netloc}" == ORIGIN
        pairs = parse_qsl(parts.query, keep_blank_values=True)
        query = dict(pairs)
        assert len(query) == len(pairs)
        if unknown := set(query) - set(self.kind.known):
            return Reply({"error": f"unknown parameters {unknown}"}, 400)
        return self.kind.answer(self.rows, asked, query)

    def _item(self, fetch: Fetch) -> Reply:
        asked = self.rest.item_request(fetch.item, fetch.place)
        assert asked.method == "GET"
        name = unquote(urlsplit(asked.url).path.removeprefix("/items/"))
        row = next((row for n, row in enumerate(self.rows) if str(self.ids.key(n)) == name), None)
        return Reply({}, 404) if row is None else Reply({"item": self.whole(row)})

    @staticmethod
    def whole(row: Any) -> Row:
        return {**(row if isinstance(row, dict) else {"id": row}), "text": f"all of {row!r}"}

    def _read(self, fetch: Fetch, reply: Reply) -> Result:
        text = json.dumps(reply.body)
        if reply.status != 200:
            failed = failed_status(reply.status)
            return Failed(failed.reason, text, failed.passing, past_end=past_end(reply.status, text))
        try:
            if fetch.role == "list":
                return self.rest.read_page(fetch.page, text, reply.headers)[0]
            payload, carried, _ = self.rest.read_item(fetch.item, text)
        except Malformed as error:
            return Failed("malformed", str(error), isinstance(error, Garbled), past_end=error.past_end)
        self.payloads[fetch.item] = json.loads(payload)
        return ItemRead(len(payload), carried)


def server(kind: str, ids: str, count: int) -> Server:
    rows = [IDS[ids].of(n) for n in range(count)]
    rows = [{**row, "sort": [n, f"s{n}"]} if isinstance(row, dict) else row for n, row in enumerate(rows)]
    return Server(KINDS[kind], IDS[ids], rows)


def folded(events: list[Event]) -> State:
    """The state of a run whose record holds these events, read back from its columns."""
    state = State()
    for event in from_table(to_table(events, run="r", session=1, writer="w", first_seq=1)) if events else []:
        apply(state, event)
    return state


CASES = [(kind, "number") for kind in KINDS] + [(kind, ids) for kind in KINDS for ids in IDS if ids != "number"]


@pytest.mark.parametrize(("kind", "ids"), CASES)
def test_every_record_with_exact_content_also_after_a_kill(kind: str, ids: str) -> None:
    """Seven records: two full pages and a short one; six: only full ones; none and one."""
    for count in (7, 6, 1, 0):
        api = server(kind, ids, count)
        play = Play(api, Rules(retry_delays_s=(1.0,))).run()
        assert play.done is not None
        assert (count, play.done.status.value, play.done.reason) == (count, "complete", play.done.reason)
        assert api.payloads == {IDS[ids].key(n): api.whole(row) for n, row in enumerate(api.rows)}
        assert [event.reason for event in play.of(ListEnded)] != []
        cut = Random(f"{kind} {ids} {count}").randrange(len(play.events))
        again = server(kind, ids, count)
        resumed = Play(again, Rules(retry_delays_s=(1.0,)), state=folded(play.events[:cut])).run()
        assert resumed.done is not None
        assert resumed.done.status.value == "complete"
        assert resumed.core.state.imported == count
        assert again.payloads.items() <= api.payloads.items()


@pytest.mark.parametrize("kind", KINDS)
def test_pages_that_are_lost_once_are_asked_again_and_an_audit_finds_nothing_new(kind: str) -> None:
    """Each request is lost at its first attempt; then the list is read once more."""
    api = server(kind, "slashes", 7)
    lost = failing(api, lambda fetch, _: (None, Failed("timed out")) if fetch.attempt == 1 else None)
    play = Play(lost, Rules(retry_delays_s=(1.0,))).run()
    assert play.done is not None
    assert (play.done.status.value, play.core.state.imported) == ("complete", 7)
    audit = Play(api, Rules(retry_delays_s=(1.0,)), state=play.core.state, relist=True).run()
    assert audit.done is not None
    assert (audit.done.status.value, audit.core.state.imported) == ("complete", 7)
    assert [key for _, role, key, _ in audit.sent if role == "item"] == []


def test_an_offset_list_is_read_side_by_side_once_a_total_and_a_full_page_are_known() -> None:
    for kind, together in (("offset with total", True), ("offset with total, capped", False), ("offset", False)):
        play = Play(server(kind, "number", 13), Rules(retry_delays_s=(1.0,), detail=False)).run()
        pages = [(at, key) for at, role, key, _ in play.sent if role == "list"]
        assert (len({at for at, _ in pages}) < len(pages)) is together
        kinds = {key.kind for _, key in pages[1:]}
        assert kinds == {"number" if together else "offset"}


@pytest.mark.parametrize("value", ["a", "2", "[1]", '"x"', "null", "é/ ?", 2, 2.5, [1, "é"], {"b": 1, "a": [2]}, "", 0])
def test_a_cursor_in_a_body_is_what_it_was(value: Any) -> None:
    paging = CursorPaging(next="next")
    body = {"after": "{cursor}"}
    rest = Rest(Source(resource=Resource(url=ORIGIN, method="POST", body=body, records="rows", paging=paging)))
    read, _ = rest.read_page(numbered(1), json.dumps({"rows": [{"id": 1}], "next": value}))
    if not value:
        assert read.next_page is None
    else:
        assert read.next_page is not None
        assert rest.page_request(read.next_page).json == {"after": value}


@pytest.mark.parametrize(
    ("kind", "ids"), [("offset", "at a URL"), ("keyset without more", "at a URL"), ("array in a POST", "joined")]
)
def test_a_snapshot_keeps_what_is_guessed_and_where_items_lie(kind: str, ids: str, tmp_path: Path) -> None:
    events = Play(server(kind, ids, 7), Rules(retry_delays_s=(1.0,))).run().events
    seen = []
    for cut in range(1, len(events), 3):
        state = folded(events[:cut])
        folder = tmp_path / str(cut)
        folder.mkdir()
        write_snapshot(folder, freeze(state, "s1", cut))
        found = latest_snapshot(folder)
        assert found is not None
        kept = found[0]
        assert (kept.places, kept.listing, kept.next_page) == (state.places, state.listing, state.next_page)
        seen.append((bool(state.places), state.listing.guess is not None))
    assert any(places for places, _ in seen) is (ids == "at a URL")
    assert any(guess for _, guess in seen) is (ids == "at a URL")
