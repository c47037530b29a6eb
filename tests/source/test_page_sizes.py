"""The largest page that an API hands out: found on page 1, with few requests, and kept to."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx2
import pytest
import trio
import trio.testing
from harness_test_api import ServerConfig
from hypothesis import given, strategies as st

from harness.config import ImportConfig
from harness.core.answers import PageRead
from harness.record.events import numbered
from harness.record.run import find_run
from harness.session.importing import import_into, prepared
from harness.source.client import HttpApi
from harness.source.page_sizes import MOST, PageSizes, Sized, is_open
from harness.source.rest import Rest
from harness.spec.source import CursorPaging, PageNumberPaging, Resource, Source
from tests.session.served import LIST, served

pytestmark = pytest.mark.matrix

# By what the API allows at most, and what it does with those who ask for more: the sizes that page 1 is asked for with,
# and the size of all pages. Its usual size is 10.
FOUND = {
    ("1000", "cap"): (["1000"], 1000),
    ("250", "cap"): (["1000"], 250),
    ("100", "cap"): (["1000"], 100),
    ("25", "cap"): (["1000", "100"], 25),
    ("250", "default"): (["1000", "100", "250"], 250),
    ("100", "default"): (["1000", "100", "250"], 100),
    ("25", "default"): (["1000", "100"], 10),
    ("250", "refuse"): (["1000", "250"], 250),
    ("25", "refuse"): (["1000", "25"], 25),
}


@pytest.mark.parametrize("paging", ["page", "cursor", "keyset"])
@pytest.mark.parametrize("allowed", FOUND)
def test_the_largest_page_is_found_on_page_1(paging: str, allowed: tuple[str, str], tmp_path: Path) -> None:
    """At best by no request more than the pages; whatever was asked for, every record comes once."""
    (most, over), (asked, size) = allowed, FOUND[allowed]
    server = ServerConfig(items=2000, limit="100000/1s", paging=paging, shape={"most": most, "over": over})
    found = served(tmp_path, server, detail=False)
    assert (found.run.status, found.ids()) == ("complete", list(range(1, 2001)))
    assert found.sizes[: len(asked)] == asked
    assert set(found.sizes[len(asked) :]) == {str(size)}
    assert found.requests == (len(asked) + 2000 // size - 1, 0)
    assert found.run.about["page_size"] == {"size": size, "param": None}


@pytest.mark.parametrize(
    ("allowed", "asked", "size"),
    [
        (("250", "cap"), ["1000", "1000"], 250),
        (("250", "refuse"), ["1000", "1000", "250"], 250),
        (("250", "default"), ["1000", "1000", "100", "250"], 250),
    ],
)
def test_a_link_names_the_parameter(allowed: tuple[str, str], asked: list[str], size: int, tmp_path: Path) -> None:
    """Of `limit` nothing was known but that the next link sends it."""
    shape = dict(zip(("most", "over"), allowed, strict=True))
    server = ServerConfig(items=2000, limit="100000/1s", paging="offset", shape=shape)
    found = served(tmp_path, server, detail=False)
    assert (found.run.status, found.ids()) == ("complete", list(range(1, 2001)))
    assert (found.sizes[: len(asked)], found.requests[0]) == (asked, len(asked) + 2000 // size - 1)
    assert found.run.about["page_size"] == {"size": size, "param": "limit"}


def test_an_unknown_parameter_that_is_refused_is_not_sent_again(tmp_path: Path) -> None:
    """A strict API without a page size: one request more, and no size from then on."""
    shape = {"size_param": "", "strict": "true", "size": "50"}
    found = served(tmp_path, ServerConfig(items=200, limit="100000/1s", shape=shape), detail=False)
    assert (found.run.status, len(found.ids()), found.requests) == ("complete", 200, (5, 0))
    assert found.sizes == ["1000", None, None, None, None]
    assert found.run.about["page_size"] == {"size": None, "param": ""}


def test_a_size_that_is_not_heard_is_seen_to_be_ignored(tmp_path: Path) -> None:
    """Asked for twice, unless the list is too short for that to pay; it is read as it is cut."""
    shape = {"size_param": "", "size": "20"}
    for items, requests in ((200, 10), (400, 21)):
        found = served(
            tmp_path, ServerConfig(items=items, limit="100000/1s", shape=shape), detail=False, run=f"{items}"
        )
        assert (found.run.status, len(found.ids()), found.requests) == ("complete", items, (requests, 0))


@pytest.mark.parametrize("items", [0, 1, 30, 100, 250, 251, 1001])
@pytest.mark.parametrize("paging", ["page", "offset", "cursor", "link", "keyset"])
def test_a_list_of_any_length(paging: str, items: int, tmp_path: Path) -> None:
    server = ServerConfig(items=items, limit="100000/1s", paging=paging, shape={"most": "250"})
    found = served(tmp_path, server, detail=False)
    assert (found.run.status, found.ids()) == ("complete", list(range(1, items + 1)))
    # One page of a usual size may be the first of many: its end is asked for twice, and one page further.
    unsure = paging == "link" and items in (30, 100, 250)
    assert found.requests[0] <= max(1, -(-items // 250)) + 2 + unsure


def test_what_is_told_is_believed(tmp_path: Path) -> None:
    """--per-page, and a size that is documented: nothing is tried."""
    server = ServerConfig(items=500, limit="100000/1s", shape={"most": "250"})
    found = served(tmp_path, server, detail=False, per_page=50)
    assert (found.sizes, found.run.about.get("page_size")) == (["50"] * 10, None)
    documented = Source(resource=Resource(url=LIST, size_param="perPage", most_per_page=250, paging=PageNumberPaging()))
    found = served(tmp_path, server, detail=False, run="b", url=None, source=documented)
    assert found.sizes == ["250", "250"]


@pytest.mark.parametrize("die_after", range(1, 8))
@pytest.mark.parametrize("over", ["cap", "default"])
def test_a_run_that_was_killed_goes_on_with_the_same_pages(over: str, die_after: int, tmp_path: Path) -> None:
    """Whenever it dies: what was found is kept before the first page is recorded, and page numbers mean the same."""
    server = ServerConfig(items=2000, limit="100000/1s", latency="5ms", shape={"most": "250", "over": over})
    with pytest.raises(BaseException) as died:
        served(tmp_path, server, detail=False, workers=2, die_after=die_after)
    assert not isinstance(died.value, AssertionError)
    again = served(tmp_path, server, detail=False, workers=2, resume=True)
    assert (again.run.status, again.ids()) == ("complete", list(range(1, 2001)))
    assert len(again.run.state().pages) == 8


def test_a_run_of_an_older_version_keeps_its_size(tmp_path: Path) -> None:
    """It asked for 100 a page and noted nothing: resume must not count its pages anew."""
    server = ServerConfig(items=2000, limit="100000/1s", latency="5ms", shape={"most": "250"})
    with pytest.raises(BaseException):  # noqa: B017
        served(tmp_path, server, detail=False, workers=1, per_page=100, die_after=5)
    run = find_run(tmp_path, "r")
    with run.locked():
        run.note(config={**run.config, "per_page": None}, in_force={**run.config, "per_page": None})
    again = served(tmp_path, server, detail=False, workers=1, resume=True)
    assert (again.run.status, again.ids()) == ("complete", list(range(1, 2001)))
    assert set(again.sizes) == {"100"}


# --- servers that are not so friendly --------------------------------------------------------------------------------


def imported(tmp_path: Path, answer: Any, **settings: Any) -> tuple[Any, list[dict[str, str]]]:
    """A run of the list that `answer` gives for a query, and the queries."""
    asked: list[dict[str, str]] = []

    def handle(request: httpx2.Request) -> httpx2.Response:
        asked.append(dict(request.url.params))
        given = answer(asked[-1])
        return given if isinstance(given, httpx2.Response) else httpx2.Response(200, json=given)

    config = ImportConfig(url=LIST, results=tmp_path, run="r", detail=False, limit="10000/1s", workers=8, **settings)

    async def main() -> Any:
        source = config.source.declared()
        assert source is not None
        how: dict[str, Any] = {"transport": httpx2.MockTransport(handle), "find_size": True, "keep_records": True}
        async with HttpApi(Rest(source), workers=8, timeout_s=5.0, max_body=config.source.max_body, **how) as api:
            with prepared(config) as run:
                return await import_into(run, config, api, LIST, inline=True)

    return trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0)), asked


def records(first: int, count: int, total: int) -> list[dict[str, int]]:
    return [{"id": one} for one in range(first, min(total, first + count - 1) + 1)]


@pytest.mark.parametrize("told", [True, False])
def test_a_server_that_counts_by_what_is_asked_and_cuts_by_its_own(told: bool, tmp_path: Path) -> None:
    """Page 2 of 1,000 would begin at 1,001, though page 1 held 60: records in between would be lost."""

    def answer(query: dict[str, str]) -> Any:
        size, page = int(query["perPage"]), int(query["page"])
        more = {"total": 500} if told else {}
        if page < 1:
            return httpx2.Response(400)
        return {"data": records((page - 1) * size + 1, min(size, 60), 500), **more}

    run, asked = imported(tmp_path, answer)
    assert (run.status, run.state().imported) == ("complete", 500)
    assert {query["perPage"] for query in asked[2:]} <= {"60"}


def test_a_body_that_is_too_large_is_asked_for_in_smaller_pieces(tmp_path: Path) -> None:
    """Once, at once; not after half a minute."""

    def answer(query: dict[str, str]) -> dict[str, Any]:
        size, page = int(query["perPage"]), int(query["page"])
        rows = [{**one, "text": "x" * 200} for one in records((page - 1) * size + 1, size, 500)]
        return {"data": rows, "total": 500, "last_page": -(-500 // size)}

    run, asked = imported(tmp_path, answer, max_body=50_000)
    assert (run.status, run.state().imported) == ("complete", 500)
    assert [query["perPage"] for query in asked] == ["1000", *["100"] * 5]
    assert run.state().duration_s < 1


def test_a_server_that_breaks_under_a_large_page_is_asked_for_less_when_it_is_tried_again(tmp_path: Path) -> None:
    def answer(query: dict[str, str]) -> Any:
        size, page = int(query["perPage"]), int(query["page"])
        rows = records((page - 1) * size + 1, size, 300)
        return httpx2.Response(500) if size > 100 else {"data": rows, "total": 300, "last_page": 3}

    run, asked = imported(tmp_path, answer, retry_delays="1")
    assert (run.status, run.state().imported) == ("complete", 300)
    assert [query["perPage"] for query in asked] == ["1000", "100", "100", "100"]


@pytest.mark.parametrize("total", [40, 99, 100, 150, 260, 999])
@pytest.mark.parametrize("most", [40, 100, 200, 2000])
def test_a_cursor_list_that_does_not_say_that_it_ends(total: int, most: int, tmp_path: Path) -> None:
    """No `next` on page 1 may mean that it is the last, or that its path is misspelt: never fewer records, silently."""

    def answer(query: dict[str, str]) -> dict[str, Any]:
        first, size = int(query.get("after", 1)), min(most, int(query["limit"]))
        rows = records(first, size, total)
        return {"data": rows, **({"next": str(first + size)} if first + size <= total else {})}

    how = {"size_param": "limit", "paging": "cursor", "next": "next", "cursor_param": "after"}
    run, asked = imported(tmp_path, answer, **how)
    if run.status == "complete":
        assert run.state().imported == total
    else:
        assert total <= most
        assert "nothing stands where --next is to be found" in run.state().reason
    assert (total == most == 40) or run.status == "complete"
    assert len(asked) <= max(1, -(-total // most)) + 2


@given(st.integers(1, 2000), st.integers(1, 400), st.sampled_from(["cap", "ignore", "default"]), st.booleans())
def test_whatever_the_server_allows_every_record_is_on_the_pages_that_are_asked_for(
    total: int, most: int, over: str, told: bool
) -> None:
    """As numbers: pages of the size that was found, from page 1 on, leave nothing out."""
    sizes = PageSizes(Source(resource=Resource(url=LIST)))
    usual = min(20, most)

    def cut(asked: int | None) -> int:
        if over == "ignore" or asked is None:
            return usual
        return asked if asked <= most else most if over == "cap" else usual

    best, tries, asked = 0, 0, MOST
    while sizes.found is None:
        tries += 1
        asked = sizes.on(Source(resource=Resource(url=LIST))).resource.per_page or 0
        got = min(total, cut(asked))
        best = max(best, got)
        last = -(-total // got) if told else None
        read = PageRead(tuple(range(got)), total if told else None, last, None if told else numbered(2), guessed=True)
        sizes.read(read, None, numbered=True)
    assert tries <= 3
    size = sizes.found.size
    assert size is not None
    assert best <= size or best == total
    assert cut(size) <= size or best == total  # pages are as large as their numbers say


@pytest.mark.parametrize(
    ("resource", "is_it"),
    [
        ({}, True),
        ({"per_page": 10}, False),
        ({"size_param": "limit"}, True),
        ({"size_param": ""}, False),
        ({"url": LIST + "?perPage=7"}, False),
        ({"url": LIST + "?limit=7", "size_param": "limit"}, False),
        ({"url": LIST + "?limit={per_page}"}, True),
        ({"params": {"limit": "7"}, "size_param": "limit"}, False),
        ({"most_per_page": 250, "size_param": "limit"}, False),
        ({"paging": CursorPaging(next="next", param="after")}, False),
        ({"method": "POST", "body": {"size": "{per_page}"}}, True),
        ({"method": "POST", "body": {"q": "x"}}, False),
    ],
)
def test_where_it_is_looked_for(resource: dict[str, Any], is_it: bool) -> None:
    """Where nothing says the size, and it can be said."""
    assert is_open(Source(resource=Resource(**{"url": LIST, **resource}))) is is_it


def test_what_is_kept_is_read_back() -> None:
    for sized in (Sized(250), Sized(None, ""), Sized(100, "limit")):
        assert Sized.from_noted(sized.as_noted()) == sized
    for broken in (None, 7, [], {"size": "x"}, {"size": 0}, {"size": 5, "param": 7}):
        assert Sized.from_noted(broken) is None


# --- lists that the rules cannot read alone --------------------------------------------------------------------------

LINKED = {
    "another id": {"id": "order_id"},
    "records elsewhere": {"records": "data.orders", "tell": "links.next=next"},
    "both, by a header": {"id": "order_id", "records": "found.orders", "tell": "header:Link=links"},
}


@pytest.mark.parametrize("looks", LINKED)
def test_the_size_that_a_link_names_is_kept_where_page_1_is_assumed(looks: str, tmp_path: Path) -> None:
    """GitHub's and GitLab's lists: 20 a page, 100 by `limit`. Page 1 is asked for twice, and all others at 100."""
    shape = {"size-param": "limit", "size": "20", "most": "100", "tell": "next=next", **LINKED[looks]}
    server = ServerConfig(items=330, limit="100000/1s", shape=shape)
    found = served(tmp_path, server, detail=False)
    assert (found.run.status, len(found.ids())) == ("complete", 330)
    assert found.run.about["page_size"] == {"size": 100, "param": "limit"}
    assert found.requests == (2 + 3, 0)


def test_a_list_that_counts_from_0_is_begun_at_its_address(tmp_path: Path) -> None:
    """`page=1` was its second page: what the link says is believed, and page 1 is asked for without a number."""
    shape = {"id": "order_id", "size-param": "perPage", "first-page": "0", "most": "100", "tell": "next=next"}
    found = served(tmp_path, ServerConfig(items=330, limit="100000/1s", shape=shape), detail=False)
    assert (found.run.status, len(found.ids())) == ("complete", 330)


# --- a name that the API gives, where the usual one was refused -------------------------------------------------------


@pytest.mark.parametrize(("paging", "first"), [("page", 2), ("offset", 3)])
def test_a_strict_list_is_asked_once_by_the_name_that_its_link_gives(paging: str, first: int, tmp_path: Path) -> None:
    """20 a page, 100 by `limit`. `perPage` is refused, and `page` where it is unknown; then page 1 comes twice."""
    shape = {"size-param": "limit", "size": "20", "most": "100", "strict": "true", "tell": "next=next total=total"}
    server = ServerConfig(items=330, limit="100000/1s", paging=paging, shape=shape)
    found = served(tmp_path, server, detail=False)
    assert (found.run.status, found.ids()) == ("complete", list(range(1, 331)))
    assert found.run.about["page_size"] == {"size": 100, "param": "limit"}
    assert found.sizes[:first] == ["1000", *[None] * (first - 1)]
    assert found.requests == (first + 4, 0)


@pytest.mark.parametrize(("over", "requests"), [("cap", 7), ("refuse", 8), ("unknown", 38)])
def test_a_list_of_stripe_s_kind_is_asked_by_limit(over: str, requests: int, tmp_path: Path) -> None:
    """It says `object` and `has_more`, and nowhere how many. unknown: some other API, which refuses `limit`, too."""
    known = {"starting_after"} | ({"limit"} if over != "unknown" else set())

    def answer(query: dict[str, str]) -> Any:
        size, first = int(query.get("limit", 10)), int(query.get("starting_after", 0)) + 1
        if set(query) - known or (size > 100 and over == "refuse"):
            return httpx2.Response(400, json={"error": {"message": "Received unknown parameter"}})
        rows = records(first, min(size, 100), 330)
        return {"object": "list", "url": "/v1/charges", "has_more": rows[-1]["id"] < 330, "data": rows}

    run, asked = imported(tmp_path, answer)
    assert (run.status, run.state().imported) == ("complete", 330)
    assert len(asked) == requests
    size = {"size": None, "param": ""} if over == "unknown" else {"size": 100, "param": "limit"}
    assert run.about["page_size"] == size


def test_json_server_is_asked_by_its_own_name(tmp_path: Path) -> None:
    """`perPage` is ignored; `_per_page` brings the list at once."""

    def answer(query: dict[str, str]) -> dict[str, Any]:
        size, page = int(query.get("_per_page", 10)), int(query.get("_page", 1))
        last = -(-330 // size)
        about = {"first": 1, "prev": page - 1 or None, "next": page + 1 if page < last else None, "last": last}
        return {**about, "pages": last, "items": 330, "data": records((page - 1) * size + 1, size, 330)}

    run, asked = imported(tmp_path, answer)
    assert (run.status, run.state().imported, len(asked)) == ("complete", 330, 2)
    assert run.about["page_size"]["param"] == "_per_page"


def test_a_name_that_is_not_sure_is_not_tried_where_the_usual_one_was_refused() -> None:
    """A field that repeats the size may be called otherwise than the parameter, and a strict API would refuse it."""
    source, page = Source(resource=Resource(url=LIST)), PageRead(tuple(range(10)), more=True)
    for sure in (False, True):
        sizes = PageSizes(source)
        assert sizes.refused(400, "unknown parameter perPage") == "1,000 records a page are refused"
        why = sizes.read(page, "page_size", numbered=False, sure=sure)
        assert why == ("10 records came, and page_size sets how many" if sure else None)
    assert (sizes.on(source).resource.per_page, sizes.on(source).resource.size_param) == (MOST, "page_size")


def test_a_size_that_people_said_is_not_asked_for_anew(tmp_path: Path) -> None:
    """The link repeats `--param limit=20`: that is no name by which more could be asked for."""
    shape = {"size-param": "limit", "size": "10", "most": "100", "tell": "next=next"}
    found = served(tmp_path, ServerConfig(items=200, limit="100000/1s", shape=shape), detail=False, param="limit=20")
    assert (found.run.status, found.ids()) == ("complete", list(range(1, 201)))
    assert [query["page"] for query in found.of_list] == [*map(str, range(1, 11)), "0"]
