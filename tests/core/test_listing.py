"""The end of a list has evidence: CASES.md A1 to A11 and their neighbours, by Rest and Core without IO."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from harness.core.followed_by import flags_for
from harness.record import events as e
from harness.record.fold import fold
from harness.record.summary import NOT_RECORDED, Summary, summarise
from harness.source.rest import Rest
from harness.views.screen import Screen
from harness.views.summary import summary_text
from tests.core.lists import Answers, Reply, importing, numbered, pages_asked, records
from tests.core.play import Play

pytestmark = pytest.mark.matrix

TWENTY = [list(range(n, n + 3)) for n in range(1, 19, 3)] + [[19, 20]]  # 7 pages, the last one shorter
SIXTY = [list(range(n, n + 20)) for n in (1, 21, 41)]  # 3 full pages


def ended(play: Play) -> tuple[str, int, str]:
    """(status, items, why): the reason of the end with its evidence, else the sentence."""
    assert play.done is not None
    found = play.of(e.ListEnded)
    why = f"{found[-1].reason}: {found[-1].evidence}" if found else play.done.reason
    return play.done.status, play.core.state.imported, why


def ignoring(body: Any, **headers: str) -> Answers:
    """A server that answers the same, whatever page is asked for."""
    return lambda query: Reply(body, headers={name.replace("_", "-"): value for name, value in headers.items()})


# --- A1, A2, A3: nothing follows the way on, or there is none ------------------------------------------------------


@pytest.mark.parametrize(
    ("about", "names"),
    [
        ({"nextPageToken": "t25"}, '"nextPageToken"'),
        ({"next_cursor": "abc"}, '"next_cursor"'),
        ({"meta": {"next_cursor": "abc", "page": 1}}, '"meta.next_cursor"'),
        ({"response_metadata": {"next_cursor": "dGVh"}}, '"response_metadata.next_cursor"'),
        ({"paging": {"next": {"after": "10", "link": "?after=10"}}}, '"paging.next.after", "paging.next.link"'),
        ({"paging": {"cursors": {"before": "a", "after": "b"}}}, '"paging.cursors.after"'),
        ({"links": {"self": "x", "next": {"href": "?page=2"}}}, '"links.next.href"'),
        ({"_links": {"self": {"href": "x"}, "next": {"href": "?page=2"}}}, '"_links.next.href"'),
        ({"links": [{"rel": "self", "href": "x"}, {"rel": "next", "href": "?p=2"}]}, '"links.next"'),
        ({"pagination": {"hasMore": True}}, '"pagination.hasMore"'),
        ({"hasMore": True}, '"hasMore"'),
        ({"pageInfo": {"hasNextPage": True, "endCursor": "Y3Vy"}}, '"pageInfo.hasNextPage", "pageInfo.endCursor"'),
        ({"isLast": False}, '"isLast"'),
        ({"nextRecordsUrl": "/query/01g-2000", "done": False}, '"nextRecordsUrl", "done"'),
        ({"@odata.nextLink": "https://x/y?$skiptoken=1"}, '"@odata.nextLink"'),
        ({"LastEvaluatedKey": {"id": {"S": "3"}}}, '"LastEvaluatedKey.id.S"'),
        ({"offset": "itrA/recB"}, '"offset"'),
        ({"scroll_id": "DXF1ZXJ5"}, '"scroll_id"'),
        ({"continuationToken": "c"}, '"continuationToken"'),
        ({"marker": "m"}, '"marker"'),
        ({"next": 2}, '"next"'),
        ({"next_offset": 3}, '"next_offset"'),
        ({"continue": {"cmcontinue": "page|x", "continue": "-||"}}, '"continue.cmcontinue", "continue.continue"'),
        ({"has_more": "true"}, '"has_more"'),
        ({"search_after": [1463538857, "654323"]}, '"search_after"'),
    ],
)
def test_a1_a_way_on_that_nothing_follows_is_named(about: dict[str, Any], names: str) -> None:
    """A1: the first page for ever beside a field that looks like a way on: failed, with the field and the flag."""
    status, items, why = ended(importing(ignoring({"data": records(*range(25)), **about})))
    assert (status, items) == ("failed", 25)
    assert why.startswith("25 records, but the list goes on: the body holds ")
    assert names in why
    assert f", which nothing follows: add {flags_for(', '.join(json.loads(f'[{names}]')))}; " in why
    assert why.endswith("resume would read the same, and --accept-list takes what was read as all there is")


@pytest.mark.parametrize(
    "headers", [{"x_next_page": "2"}, {"x_next_cursor": "c"}, {"x_ms_continuation": "c"}, {"link": "x; rel=next"}]
)
def test_a1_in_a_header_too(headers: dict[str, str]) -> None:
    """A1: a bare array whose way on is in a header that nothing follows."""
    status, items, why = ended(importing(ignoring(records(1, 2, 3), **headers)))
    assert (status, items) == ("failed", 3)
    assert "the list goes on: the headers hold " in why


WAYS_ON: list[tuple[dict[str, Any], dict[str, str], str]] = [
    ({"nextPageToken": "t25"}, {}, 'the body holds "nextPageToken"'),
    ({"hasMore": True}, {}, 'the body holds "hasMore"'),
    ({"has_more": True}, {}, '"has_more"'),
    ({"has_more": "true"}, {}, 'the body holds "has_more"'),
    ({"isLast": False}, {}, 'the body holds "isLast"'),
    ({"paging": {"next": {"after": "10"}}}, {}, 'the body holds "paging.next.after"'),
    ({"next": "?page=2"}, {}, '"next"'),
    ({}, {"x_next_page": "2"}, 'the headers hold "X-Next-Page"'),
    ({}, {"x_next_cursor": "c"}, 'the headers hold "X-Next-Cursor"'),
    ({}, {"link": "x; rel=next"}, 'the headers hold "Link"'),
]


@pytest.mark.parametrize(("about", "headers", "names"), WAYS_ON)
def test_a1_an_empty_first_page_with_a_way_on(about: dict[str, Any], headers: dict[str, str], names: str) -> None:
    """A1, A5: no records and a field that says that there are more, for ever: failed, and no list of 0 items."""
    status, items, why = ended(importing(ignoring({"data": [], **about}, **headers)))
    assert (status, items) == ("failed", 0)
    assert why.startswith("0 records, but the list goes on: ")
    assert names in why
    for more in ({"count": 0}, {"count": 0, "last_page": 0}, {"total": 0, "total_pages": 1}):
        assert ended(importing(ignoring({"data": [], **about, **more}, **headers)))[:2] == ("failed", 0)


@pytest.mark.parametrize("field", ["nextPageToken", "hasMore", "has_more"])
def test_a1_an_empty_first_page_alone_has_it(field: str) -> None:
    """A1: page 2 was only guessed: that it is empty and says nothing does not take back what page 1 said."""
    answers = numbered([[]], lambda n: {field: True if "ore" in field else "t"} if n == 1 else {})
    status, items, why = ended(importing(answers))
    assert (status, items) == ("failed", 0)
    assert f'the body holds "{field}"' in why
    found = ended(
        importing(numbered([[], [1, 2]], lambda n: {field: True if "ore" in field else "t"} if n < 2 else {}))
    )
    assert found == ("complete", 2, "empty: page 3 is empty")


@pytest.mark.parametrize("count", ["count", "total", "total_count"])
@pytest.mark.parametrize(("about", "headers", "names"), WAYS_ON)
def test_a1_the_size_of_a_page_is_no_total(
    about: dict[str, Any], headers: dict[str, str], names: str, count: str
) -> None:
    """A1, A2: `"count": 25` beside 25 records on a page that comes again and again confirms nothing."""
    page = ignoring({"data": records(*range(25)), count: 25, **about}, **headers)
    status, items, why = ended(importing(page))
    assert (status, items) == ("failed", 25)
    assert why.startswith("25 records, but the list goes on: ")
    assert names in why
    gone: Answers = lambda query: page(query) if query.get("page") == "1" else Reply("", 404)  # noqa: E731
    assert ended(importing(gone))[:2] == ("failed", 25)


def test_a_total_beside_a_way_on_that_more_than_a_page_confirms() -> None:
    """It is no page's own size, or the list declares its pages, or says that there is no more."""
    three = records(1, 2, 3)
    for about in ({"total": 3, "last_page": 1, "cursor": "x"}, {"count": 3, "has_more": False, "cursor": "x"}):
        assert ended(importing(ignoring({"data": three, **about})))[:2] == ("complete", 3)
    assert ended(importing(numbered([[1, 2, 3]], lambda _: {"total": 3, "cursor": "x"})))[:2] == ("complete", 3)
    assert ended(importing(ignoring({"data": three, "count": 3, "next": None})))[:2] == ("complete", 3)
    assert ended(importing(ignoring({"data": three, "count": 3, "next": None, "cursor": "x"})))[:2] == ("failed", 3)


@pytest.mark.parametrize(
    "about",
    [
        {"nextPageToken": ""},
        {"nextPageToken": None},
        {"next_cursor": 0},
        {"hasMore": False},
        {"paging": {"next": {}}},
        {"links": {"self": "x", "first": "?page=1", "last": "?page=1", "prev": None}},
        {"_links": {"self": {"href": "?page=1"}}},
        {"paging": {"cursors": {"before": "a"}}},
        {"nextSyncToken": "CPDAlvWDx70CEPDAlvWDx70CGAU="},
        {"@odata.deltaLink": "https://x/delta"},
        {"offset": 0, "limit": 100},
        {"offset": "20"},
        {"prev_cursor": "abc"},
        {"first_page_url": "?page=1", "last_page_url": "?page=1"},
        {"cursor": "1"},
        {"rate": {"limit": 60, "next_reset": 1700000000}},
        {"meta": {"count": 3, "page": 1}},
    ],
)
def test_what_is_no_way_on(about: dict[str, Any]) -> None:
    """Empty fields, links elsewhere, sync tokens, echoes: pages 2 and 0 are empty, so the list has ended."""
    play = importing(numbered([[1, 2, 3]], lambda _: about))
    assert ended(play)[:2] == ("complete", 3)
    assert pages_asked(play) == ([1] if about.get("hasMore") is False else [1, 2]) + [0]


def test_a2_has_more_where_after_is_ignored() -> None:
    """A2: has_more is followed by `after=`; where that brings page 1 again, it is over, and has_more is named."""
    play = importing(ignoring({"data": records(*range(10)), "has_more": True}))
    status, items, why = ended(play)
    assert (status, items, len(pages_asked(play))) == ("failed", 10, 2)
    assert why.startswith('10 records, but the list goes on: "has_more" is true, but the server ignores `after`')


def test_a3_page_2_repeats_page_1() -> None:
    """A3: a bare array that ignores `page`: failed, and what to do if the list is one page."""
    play = importing(ignoring(records(1, 2, 3)))
    assert ended(play) == (
        "failed",
        3,
        "3 records, and page 2 repeats page 1, so the server ignores `page`; if the list is this one page, "
        "--accept-list accepts it",
    )
    assert pages_asked(play) == [1, 2]


def test_a3_in_any_order_and_with_doubles() -> None:
    """A3: the same ids are the same page, however they are sorted."""
    answers = iter([records(1, 2, 3), records(3, 1, 2, 2)])
    assert ended(importing(lambda query: Reply(next(answers))))[:2] == ("failed", 3)


def test_a3_a_total_may_say_that_these_are_all() -> None:
    """A3: page 2 repeats page 1, and that confirms the total."""
    play = importing(ignoring({"data": records(1, 2, 3), "total": 3}))
    assert ended(play) == ("complete", 3, "total: total 3 reached, page 2 repeats others")


def test_a3_where_a_page_count_alone_says_otherwise() -> None:
    """A3: five declared pages which are all the same are no five pages."""
    assert ended(importing(ignoring({"data": records(1, 2, 3), "last_page": 5})))[:2] == ("failed", 3)
    assert ended(importing(ignoring({"data": records(1, 2, 3), "last_page": 1})))[:2] == ("failed", 3)


@pytest.mark.parametrize("field", ["count", "total", "total_count", "numFound"])
def test_a3_the_size_of_a_page_says_nothing_of_the_list(field: str) -> None:
    """A2, A3: `"count": 100` beside 100 records on a page that comes again, whatever page is asked for."""
    hundred = records(*range(100))
    status, items, why = ended(importing(ignoring({field: 100, "data": hundred})))
    assert (status, items) == ("failed", 100)
    name = f'"{field}"' if field == "numFound" else 'the "count" or "total"'
    assert why == (
        f"100 records, page 2 repeats page 1, so the server ignores `page`, and {name} of 100 may be the number of "
        "records on a page; name what it reads with --cursor-param, --page-param or --offset-param; if the list is "
        "this one page, --accept-list accepts it"
    )
    assert ended(importing(ignoring({field: 100, "data": hundred}), accept_list=True))[:2] == ("complete", 100)
    assert ended(importing(ignoring({field: 99, "data": hundred[:99]})))[:2] == ("complete", 99)
    for more in ({"last_page": 1}, {"next": None}, {"has_more": False}):
        assert ended(importing(ignoring({field: 100, "data": hundred, **more})))[:2] == ("complete", 100)
    assert ended(importing(numbered([list(range(100))], lambda n: {field: 100 if n == 1 else 0})))[0] == "complete"


@pytest.mark.parametrize("field", ["totalItems", "totalSize", "total_results"])
def test_a3_a_field_that_is_called_a_total_is_one(field: str) -> None:
    """A3: also where it is a usual page size; `count` and plain `total` some APIs say of a page."""
    play = importing(ignoring({field: 100, "data": records(*range(100))}))
    assert ended(play)[:2] == ("complete", 100)


@pytest.mark.parametrize(
    ("about", "declares"),
    [
        ({"total": 230}, "230"),
        ({"total": 230, "paging": {"pageIndex": 1, "pageSize": 100, "total": 230}}, "230"),
        ({"totalItems": 230}, '230 ("totalItems")'),
        ({"last_page": 3}, "3 pages"),
    ],
)
def test_a3_who_declares_more_is_never_told_to_accept_one_page(about: dict[str, Any], declares: str) -> None:
    """A3: the advice is to name the parameter that the server reads."""
    status, items, why = ended(importing(ignoring({"data": records(*range(100)), **about})))
    assert (status, items) == ("failed", 100)
    assert why == (
        f"100 records, but the list declares {declares}: page 2 repeats page 1, so the server ignores `page`; name "
        "what it reads with --cursor-param, --page-param or --offset-param"
    )


# --- A4: pages counted from 0 --------------------------------------------------------------------------------------


@pytest.mark.parametrize("about", [{}, {"total": 20}, {"total_pages": 7}, {"total": 20, "last_page": 7}])
def test_a4_pages_counted_from_0(about: dict[str, Any]) -> None:
    """A4: the list would end without the records of page 0, so that page is asked for once."""
    play = importing(numbered(TWENTY, lambda _: about, start=0))
    assert ended(play)[:2] == ("complete", 20)
    assert pages_asked(play)[-1] == 0


@pytest.mark.parametrize("status", [400, 404, 405, 416, 422])
def test_a4_no_page_0(status: int) -> None:
    """A4: a 4xx for page 0 says that there is none, whatever its words."""
    pages = numbered(TWENTY)
    play = importing(lambda query: Reply("{}", status) if query["page"] == "0" else pages(query))
    assert ended(play) == ("complete", 20, "empty: page 8 is empty")
    assert pages_asked(play) == [1, 2, 3, 4, 5, 6, 7, 8, 0]


@pytest.mark.parametrize("body", [[], records(1, 2, 3), None, ""])
def test_a4_a_page_0_without_news(body: Any) -> None:
    """A4: page 0 that is empty, or page 1 once more, is none."""
    pages = numbered(TWENTY)
    play = importing(lambda query: Reply(body) if query["page"] == "0" else pages(query))
    assert ended(play)[:2] == ("complete", 20)


def test_a4_a_page_0_that_fails_is_a_failure_unless_accepted() -> None:
    """A4: a 500 for page 0 may be a negative offset or a page with records: failed, with the flag."""
    pages = numbered(TWENTY)
    answers: Answers = lambda query: Reply("{}", 500) if query["page"] == "0" else pages(query)  # noqa: E731
    play = importing(answers)
    status, items, why = ended(play)
    assert (status, items) == ("failed", 20)
    assert why.endswith("it may hold records if pages are counted from 0; if they are not, add --accept-list")
    again = importing(answers, state=fold(play.events), accept_list=True)
    assert (ended(again)[:2], again.sent) == (("complete", 20), [])
    assert ended(importing(answers, accept_list=True))[:2] == ("complete", 20)


@pytest.mark.parametrize("last", [{"next": None}, {}])
def test_a4_links_that_count_pages(last: dict[str, Any]) -> None:
    """A4: links from `?page=1` on do not lead to page 0 either."""
    about = lambda n: {"next": f"?page={n + 1}"} if n < 6 else last  # noqa: E731
    assert ended(importing(numbered(TWENTY, about, start=0)))[:2] == ("complete", 20)


# --- A5, A6: empty pages -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("header", [False, True])
def test_a5_an_empty_page_with_a_link_is_followed(header: bool) -> None:
    """A5: a told page is never dropped."""

    def answer(query: dict[str, str]) -> Reply:
        if "c" in query:
            return Reply({"data": records(1, 2), "next": None} if not header else records(1, 2))
        return Reply([], headers={"link": '<?c=1>; rel="next"'}) if header else Reply({"data": [], "next": "?c=1"})

    assert ended(importing(answer))[:2] == ("complete", 2)


def test_a6_the_evidence_is_named() -> None:
    """A6: page 2 is empty, page 3 is not, and nothing says how many there are: the evidence is all that can be said."""
    play = importing(numbered([[1, 2, 3], [], [4, 5, 6]]))
    assert ended(play) == ("complete", 3, "empty: page 2 is empty")


def test_a6_a_hole_in_a_declared_extent_is_none() -> None:
    """A6: where the list says how many pages there are, an empty one ends nothing."""
    play = importing(numbered([[1, 2, 3], [], [4, 5, 6]], lambda _: {"total": 6, "last_page": 3}))
    assert ended(play) == ("complete", 6, "total: total 6 reached, page 4 is empty")
    alone = importing(numbered([[1, 2, 3], [], [4, 5, 6]], lambda _: {"last_page": 3}))
    assert ended(alone)[:2] == ("failed", 6)


def test_a6_an_empty_page_that_says_that_more_follow_is_no_end() -> None:
    """A6: a server that filters its pages sends some without records. Always saying so, it is believed five times."""
    pages = [[1, 2, 3], [], [], [4, 5, 6]]
    play = importing(numbered(pages, lambda n: {"hasNext": n < 4}))
    assert (ended(play), pages_asked(play)) == (
        ("complete", 6, "has_more: the list says that there is no more"),
        [1, 2, 3, 4, 0],
    )
    for_ever = importing(numbered([[1, 2, 3], [4, 5, 6]], lambda _: {"hasNext": True}))
    assert (ended(for_ever), pages_asked(for_ever)) == (
        ("complete", 6, "empty: page 7 is empty"),
        [1, 2, 3, 4, 5, 6, 7, 0],
    )


def test_an_empty_list() -> None:
    """Nothing on pages 1, 2 and 0. A total of 0 may be that of page 1, where pages are counted from 0."""
    play = importing(numbered([]))
    assert (ended(play), pages_asked(play)) == (("complete", 0, "empty: page 2 is empty"), [1, 2, 0])
    play = importing(numbered([[]], lambda _: {"total": 0, "last_page": 1}))
    assert ended(play) == ("complete", 0, "total: total 0 reached, in 1 page as declared")
    assert pages_asked(play) == [1, 2, 0]
    zero = numbered([[1]], lambda n: {"count": int(n == 0), "last_page": 1}, start=0)
    assert ended(importing(zero))[:2] == ("complete", 1)
    play = importing(numbered([[]], lambda _: {"count": 0, "next": None}))
    assert (ended(play)[:2], pages_asked(play)) == (("complete", 0), [1])


# --- A7: Link headers, see also tests/source/test_links.py ------------------------------------------------------------


@pytest.mark.parametrize("form", ['{}; REL="NEXT"', "{}; Rel=next", '{}; title="a, b"; rel="last Next"'])
def test_a7_relation_types_in_any_case(form: str) -> None:
    """A7: every page is read."""

    def answer(query: dict[str, str]) -> Reply:
        number = int(query["page"])
        link = form.format(f"<https://api.test/items?page={number + 1}>") if number < 4 else '<?page=3>; rel="prev"'
        return Reply(records(*range(3 * max(0, number - 1), 3 * number)), headers={"link": link})

    play = importing(answer)
    assert ended(play) == ("complete", 12, 'link: "Link" is missing from the last page')


# --- A8, A9: totals that lie ---------------------------------------------------------------------------------------


def test_a8_a_total_below_what_is_there_is_not_believed() -> None:
    """A8: 40 declared, 60 there: the page behind the total has more; the contradiction is kept for the summary."""
    play = importing(numbered(SIXTY, lambda _: {"total": 40}))
    assert ended(play) == ("complete", 60, "empty: page 4 is empty, asked twice, and page 5 is empty")
    assert (play.core.state.total, play.core.state.listing.denied) == (None, 40)


def test_a8_a_total_that_falls_while_the_list_is_read_is_said() -> None:
    """Three early rows went after page 1, so the next three moved up, past page 2: nothing else shows it."""
    rows = [list(range(1, 11)), list(range(14, 24)), list(range(24, 31))]
    play = importing(numbered(rows, lambda n: {"total": 30 if n == 1 else 27}))
    said = "; it was 30 before, so some may have moved past the pages that were read: audit looks for them"
    status, items, why = ended(play)
    assert (status, items) == ("complete", 27)
    assert why.startswith("total: total 27 reached, ")
    assert why.endswith(said)


def test_a8_a_total_that_nothing_contradicts_is_named() -> None:
    """A8: too low and in agreement with its page count, it leaves no trace: the evidence is named."""
    play = importing(numbered(SIXTY, lambda _: {"total": 40, "last_page": 2}))
    assert ended(play) == ("complete", 40, "total: total 40 reached, in 2 pages as declared")


def test_a9_a_total_above_what_is_there() -> None:
    """A9: resume is not advised, for it would read the same; the flag is, and then nothing is fetched again."""
    answers = numbered(SIXTY, lambda _: {"total": 75})
    play = importing(answers)
    assert ended(play) == (
        "failed",
        60,
        "the list declares 75 items but named 60; page 4 is empty; resume would read the same, and --accept-list "
        "accepts what there is",
    )
    again = importing(answers, state=fold(play.events), accept_list=True)
    assert (ended(again)[:2], again.sent) == (("complete", 60), [])
    assert ended(importing(answers, accept_list=True))[:2] == ("complete", 60)
    assert ended(importing(answers, state=fold(play.events)))[:2] == ("failed", 60)


TRACES: list[tuple[dict[str, Any], dict[str, str], str]] = [
    ({"meta": {"total": 60}}, {}, '60 items ("meta.total") but named 3; page 2 is empty'),
    ({"page": {"totalElements": 60}}, {}, '60 items ("page.totalElements") but named 3; page 2 is empty'),
    ({"total": "60"}, {}, "60 items but named 3; page 20 is empty"),
    ({"count": 3, "pagination": {"total": 60}}, {}, '60 items ("pagination.total") but named 3; page 2 is empty'),
    ({}, {"x-total-count": "60"}, '60 items ("X-Total-Count") but named 3; page 2 is empty'),
    ({}, {"content-range": "items 0-2/60"}, '60 items ("Content-Range") but named 3; page 2 is empty'),
    ({"next": None}, {"x-total": "60"}, '60 items ("X-Total") but named 3; "next" names no next page'),
    ({"has_more": False, "meta": {"total": 60}}, {}, '60 items ("meta.total") but named 3; the list says that there'),
    ({"meta": {"last_page": 20}}, {}, '20 pages ("meta.last_page"), but 1 of them held records; page 21 is empty'),
    ({}, {"x-wp-totalpages": "20"}, '20 pages ("X-Wp-Totalpages"), but 1 of them held records; page 21 is empty'),
    ({"links": {"last": "?page=20"}}, {}, '20 pages ("links.last"), but 1 of them held records; page 21 is empty'),
    ({"links": {"next": None, "last": "?page=20"}}, {}, '20 pages ("links.last"), but 1 of them held records; '),
]


@pytest.mark.parametrize(("about", "headers", "why"), TRACES)
def test_a9_a_number_anywhere_speaks_against_the_end(about: dict[str, Any], headers: dict[str, str], why: str) -> None:
    """A9, A6: page 2 is empty, and a field of the body or a header says that there is more: failed, and it is named."""

    def answer(query: dict[str, str]) -> Reply:
        return Reply({"data": records(1, 2, 3) if query["page"] == "1" else [], **about}, headers=headers)

    play = importing(answer)
    assert ended(play)[:2] == ("failed", 3)
    assert ended(play)[2].startswith(f"the list declares {why}")
    again = importing(answer, state=fold(play.events), accept_list=True)
    assert (ended(again)[:2], again.sent) == (("complete", 3), [])


def test_a9_a_total_said_elsewhere_implies_no_pages() -> None:
    """It may count what a filter leaves out: no page is asked for because of it; reached, it confirms the end."""
    play = importing(numbered(TWENTY, lambda _: {"meta": {"total": 20}}))
    shorter = "total: total 20 reached, and the last page is shorter than the others"
    assert (ended(play), pages_asked(play)) == (("complete", 20, shorter), [1, 2, 3, 4, 5, 6, 7])
    play = importing(numbered(TWENTY, lambda _: {"meta": {"total": 20, "last_page": 7}}))
    assert ended(play) == ("complete", 20, "total: total 20 reached, in 7 pages as declared")
    linked = lambda n: {"meta": {"last_page": 7}, "links": {"next": f"?page={n + 1}" if n < 7 else None}}  # noqa: E731
    play = importing(numbered(TWENTY, linked))
    assert ended(play) == ("complete", 20, 'link: "links.next" names no next page')


@pytest.mark.parametrize("count", ["total", "count"])
def test_a4_the_size_of_page_1_is_no_reason_to_leave_out_page_0(count: str) -> None:
    """A4: a count of its own page, reached at once, and pages counted from 0: page 0 is asked for all the same."""
    pages = [[1, 2, 3], [4, 5]]

    def answer(query: dict[str, str]) -> Reply:
        ids = pages[int(query["page"])] if int(query["page"]) < 2 else []
        return Reply({"data": records(*ids), **({count: len(ids)} if ids else {})})

    play = importing(answer)
    assert (ended(play)[:2], pages_asked(play)) == (("complete", 5), [1, 2, 0])


def test_a9_where_records_move_resume_can_help() -> None:
    """A9: a record named by two pages shows that the list changed meanwhile: reading it again may find the rest."""
    moved = importing(numbered([[1, 2, 3], [3, 4, 5]], lambda _: {"total": 6, "last_page": 2}))
    status, items, why = ended(moved)
    assert (status, items) == ("failed", 5)
    assert "records may have moved between pages meanwhile: resume reads the list again" in why
    still = numbered([[1, 2, 3], [4, 5, 6]], lambda _: {"total": 6, "last_page": 2})
    assert ended(importing(still, state=fold(moved.events)))[:2] == ("complete", 6)


# --- A10: pages that bring nothing new -----------------------------------------------------------------------------


def test_a10_the_same_records_behind_every_cursor() -> None:
    """A10: page 2 has the ids of page 1."""
    numbers = iter(range(1000))
    play = importing(lambda query: Reply({"data": records(1, 2, 3), "next": f"?c={next(numbers)}"}))
    assert (ended(play)[:2], len(pages_asked(play))) == (("failed", 3), 2)


def test_a10_five_pages_in_a_row_that_repeat() -> None:
    """A10: pages 1 and 2 differ, and then come no new ones."""
    numbers = iter(range(1000))

    def answer(query: dict[str, str]) -> Reply:
        number = next(numbers)
        return Reply({"data": records(number % 2, 7), "next": f"?c={number}"})

    play = importing(answer)
    status, items, why = ended(play)
    assert (status, items, len(pages_asked(play))) == ("failed", 3, 7)
    assert why.startswith("3 records, and 5 pages in a row only repeat them")


def test_a10_a_thousand_empty_pages_in_a_row() -> None:
    """A10: a filter may leave many pages empty, but not a thousand."""
    numbers = iter(range(10_000))

    def answer(query: dict[str, str]) -> Reply:
        number = next(numbers)
        return Reply({"data": records(number) if number in (0, 900) else [], "next": f"?c={number}"})

    play = importing(answer)
    assert (ended(play)[:2], len(pages_asked(play))) == (("failed", 2), 901 + 1000)


def test_a10_a_cursor_that_comes_back() -> None:
    """A10: at once, whether it names the page itself or an earlier one; a total that was reached makes it an end."""
    ring = {"": ("a", 1), "a": ("b", 2), "b": ("a", 3)}

    def answer(query: dict[str, str], **about: Any) -> Reply:
        following, name = ring[query.get("c", "")]
        return Reply({"data": records(name), "next": f"?c={following}", **about})

    play = importing(answer)
    assert (ended(play)[:2], len(pages_asked(play))) == (("failed", 3), 3)
    assert '"next" leads back to a page that was already read' in ended(play)[2]
    assert ended(importing(lambda query: answer(query, total=3)))[:2] == ("complete", 3)


# --- A11: the page past the end ------------------------------------------------------------------------------------

PAST: dict[str, Reply] = {
    "404": Reply('{"detail": "Invalid page."}', 404),
    "410": Reply("", 410),
    "416": Reply("", 416),
    "204": Reply("", 204),
    "empty body": Reply(""),
    "null": Reply("null"),
    "no records": Reply({"users": None}),
    "data null": Reply({"data": None, "message": "ok"}),
    "empty object": Reply({}),
    "wordpress": Reply(
        {
            "code": "rest_post_invalid_page_number",
            "message": "The page number requested is larger than the number of pages available.",
            "data": {"status": 400},
        },
        400,
    ),
    "words": Reply({"message": "Page 8 is out of range"}, 422),
    "no more": Reply({"error": "no more records"}, 400),
}
NOT_PAST: dict[str, Reply] = {
    "400": Reply({"error": "bad request"}, 400),
    "422 of something else": Reply({"error": "invalid page size"}, 422),
    "depth": Reply({"message": "Only the first 1000 search results are available; page is out of range"}, 422),
    "depth, too": Reply({"message": "invalid page: must be at most 7"}, 400),
    "401": Reply({}, 401),
    "403": Reply({}, 403),
    "500": Reply({}, 500),
    "503": Reply({"message": "page does not exist"}, 503),
    "error": Reply({"error": "no such thing"}),
    "errors": Reply({"data": [], "errors": [{"message": "timeout"}]}),
    "success": Reply({"success": False}),
    "ok": Reply({"ok": False, "data": None}),
    "status": Reply({"status": "error", "data": None}),
    "message": Reply({"message": "internal error"}),
    "code": Reply({"code": 500, "data": None}),
    "other records": Reply({"users": [{"id": 1}]}),
    "html": Reply("<html>no</html>"),
    "text": Reply('"no"'),
}


@pytest.mark.parametrize("past", PAST)
@pytest.mark.parametrize("about", [{}, {"total": 20}, {"last_page": 7}])
def test_a11_a_guessed_page_past_the_end(past: str, about: dict[str, Any]) -> None:
    """A11: complete, for that page had only been guessed; a short last page spares it where a total says so."""
    play = importing(numbered(TWENTY, lambda _: about, PAST[past]))
    assert ended(play)[:2] == ("complete", 20)
    assert (8 in pages_asked(play)) == (about != {"total": 20})


@pytest.mark.parametrize("past", NOT_PAST)
def test_a11_answers_that_say_nothing_of_the_end(past: str) -> None:
    """A11: an error, a refusal, or words about something else: a failure, wherever it comes."""
    status, items, _ = ended(importing(numbered(TWENTY, None, NOT_PAST[past])))
    assert (status, items) == ("failed", 20)


@pytest.mark.parametrize("past", [*PAST, *NOT_PAST])
@pytest.mark.parametrize("way", ["link", "count", "first"])
def test_a11_at_a_told_page_it_is_a_failure(past: str, way: str) -> None:
    """A11: a link, a number within the declared pages, and the list's own address were named, not guessed."""
    reply = {**PAST, **NOT_PAST}[past]
    if way == "first":
        play = importing(lambda query: reply)
    elif way == "count":
        pages = numbered([[1, 2, 3], [], [4]], lambda _: {"last_page": 3})
        play = importing(lambda query: reply if query["page"] == "2" else pages(query))
    else:
        play = importing(numbered([[1, 2, 3]], lambda _: {"next": "?page=2"}, reply))
    status, items, why = ended(play)
    page = {"first": "page 1", "count": "page 2", "link": "page https://api.test/items?page=2"}[way]
    assert (status, items) == ("failed", {"first": 0, "count": 4, "link": 3}[way])
    assert why.startswith(f"{page} of the list")
    assert " could not be read, tried " in why
    assert "--accept-list" not in why


def test_a11_a_400_without_words_can_be_accepted() -> None:
    """A11: the sentence says how; on resume nothing is fetched again."""
    answers = numbered(TWENTY, None, Reply("{}", 400))
    play = importing(answers)
    assert ended(play)[2].endswith("if the list ends before it, add --accept-list")
    again = importing(answers, state=fold(play.events), accept_list=True)
    assert ended(again)[:2] == ("complete", 20)
    assert [key for key in pages_asked(again) if key != 0] == []


def test_a11_pages_that_a_total_implies_are_only_guessed() -> None:
    """A11 and A9: pages grow, so that the total's last pages are not there: what was named decides."""
    growing = [[1, 2], [3, 4, 5, 6], [7, 8, 9, 10]]
    assert ended(importing(numbered(growing, lambda _: {"total": 10}, Reply("", 404))))[:2] == ("complete", 10)
    assert ended(importing(numbered(growing, lambda _: {"total": 12}, Reply("", 404))))[:2] == ("failed", 10)


# --- what is proven, and at what price -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("about", "asked", "why"),
    [
        (lambda n: {"total": 20, "last_page": 7}, 7, "total: total 20 reached, in 7 pages as declared"),
        (lambda n: {"total": 20}, 7, "total: total 20 reached, and the last page is shorter than the others"),
        (lambda n: {"total_pages": 7}, 9, "pages: 7 pages as declared, page 8 is empty"),
        (lambda n: {"next": f"?page={n + 1}" if n < 7 else None}, 8, 'link: "next" names no next page'),
        (lambda n: {"next": f"?page={n + 1}&c=x"} if n < 7 else {}, 8, 'link: "next" is missing from the last page'),
        (lambda n: {"next": f"?page={n + 1}", "hasMore": True} if n < 7 else {"hasMore": False}, 8,
         "has_more: the list says that there is no more"),
        (lambda n: {"meta": {"has_more": n < 7}, "links": {"next": f"?page={n + 1}"}}, 9,
         "has_more: the list says that there is no more"),
        (lambda n: {}, 9, "empty: page 8 is empty"),
        (lambda n: {"next": n + 1 if n < 7 else None}, 8, 'link: "next" names no next page'),
        (lambda n: {"nextPage": n + 1 if n < 7 else None}, 9, "empty: page 8 is empty"),
        (lambda n: {"nextPage": n + 1}, 9, "empty: page 8 is empty"),
        (lambda n: {"count": 3 if n < 7 else 2 if n == 7 else 0}, 9, "empty: page 8 is empty"),
    ],
)  # fmt: skip
def test_evidence_and_its_price(about: Any, asked: int, why: str) -> None:
    """How the end of 7 pages is known, and how many requests that takes: page 8 and page 0 at most."""
    play = importing(numbered(TWENTY, about))
    assert ended(play) == ("complete", 20, why)
    assert len(pages_asked(play)) == asked


def test_a_link_beside_no_more_is_followed_once() -> None:
    """has_more false and a link contradict each other: what is behind the link is read, and no further."""
    pages = {"": ([1], "a"), "a": ([2], "b"), "b": ([], "c")}

    def answer(query: dict[str, str]) -> Reply:
        ids, following = pages[query.get("c", "")]
        return Reply({"data": records(*ids), "next": f"?c={following}", "has_more": False})

    assert ended(importing(answer)) == ("complete", 2, "has_more: the list says that there is no more")


def test_a_field_that_nothing_follows_beside_stronger_proof() -> None:
    """A token beside a confirmed total, or has_more false, is a token and no way on."""
    for about in ({"total": 20, "last_page": 7}, {"total": 20}, {"hasMore": False, "next": None}):
        pages = TWENTY if "total" in about else TWENTY[:1]
        play = importing(numbered(pages, lambda _, about=about: {**about, "cursor": "abc"}))  # type: ignore[misc]
        assert ended(play)[0] == "complete"
    alone = importing(numbered(TWENTY[:1], lambda _: {"next": None, "next_token": "abc"}))
    assert ended(alone)[:2] == ("failed", 3)


def test_a_page_count_that_is_too_low_or_too_high() -> None:
    """Too low, the page behind it brings more; too high, pages are missing and the run has failed."""
    assert ended(importing(numbered(TWENTY, lambda _: {"last_page": 5}))) == ("complete", 20, "empty: page 8 is empty")
    status, items, why = ended(importing(numbered(TWENTY, lambda _: {"last_page": 9})))
    assert (status, items) == ("failed", 20)
    assert why.startswith("the list declares 9 pages, but 7 of them held records; page 10 is empty; resume would")


def test_a_link_on_the_last_declared_page_is_followed() -> None:
    """A page count and a total that are both too low, and a link that goes on: the link was told."""
    about = lambda n: {"total": 6, "last_page": 2, "next": f"?page={n + 1}" if n < 7 else None}  # noqa: E731
    assert ended(importing(numbered(TWENTY, about)))[:2] == ("complete", 20)


def test_max_items_is_an_end_of_its_own() -> None:
    """The list was not read to its end, and was not meant to be."""
    play = importing(numbered(TWENTY), max_items=4)
    assert ended(play) == ("complete", 4, "max items: --max-items 4 reached")


def test_the_client_may_take_the_list_as_it_is() -> None:
    """--accept-list on a list of one page without paging."""
    play = importing(ignoring(records(1, 2, 3)), accept_list=True)
    status, items, why = ended(play)
    assert (status, items) == ("complete", 3)
    assert why.startswith("accepted: accepted as it is (--accept-list): 3 records, and page 2 repeats page 1")


@pytest.mark.parametrize("killed_at", [0.04 * n for n in range(1, 16)])
def test_a_crash_changes_nothing_of_the_judgement(killed_at: float) -> None:
    """Killed at any moment, then resumed: the same items, and the same end."""
    for answers in (
        numbered(TWENTY, None, Reply("", 404)),
        numbered(TWENTY, lambda n: {"next": f"?page={n + 1}" if n < 7 else None}),
        numbered(TWENTY, lambda _: {"total": 20}),
        numbered(SIXTY, lambda _: {"total": 40}),
        numbered(TWENTY, None, start=0),
        ignoring(records(1, 2, 3)),
    ):
        whole = importing(answers)
        first = Play(whole.server, whole.rules).run(until=killed_at)
        again = Play(whole.server, whole.rules, state=fold(first.events)).run()
        assert ended(again)[:2] == ended(whole)[:2]
        assert again.core.state.listing.ended == whole.core.state.listing.ended


def test_url_templates_ask_for_pages_in_their_way() -> None:
    """`{page}` in the path is asked for page 0 too."""
    rest = Rest("https://api.test/items/p{page}", 3)
    play = importing(lambda query: Reply([]), rest)
    assert pages_asked(play) == [1, 2, 0]


# --- records of earlier revisions ----------------------------------------------------------------------------------


def as_recorded_before(events: list[e.Event]) -> list[e.Event]:
    """The same as a revision before schema 3 recorded it: guesses among the next pages, and no evidence."""
    older: list[e.Event] = []
    for event in events:
        if isinstance(event, e.PageListed):
            number = event.page.number
            guess = e.numbered(number + 1) if number is not None and event.ids else None
            following = event.next_page or (guess if event.last_page is None else None)
            blank = {"way": None, "more": None, "unread": None, "new": None, "past": None}
            older.append(replace(event, next_page=following, **blank))
        elif not isinstance(event, e.ListEnded):
            older.append(event)
    return older


@pytest.mark.parametrize("until", [0.06, 0.2, 0.35, 1e6])
@pytest.mark.parametrize(
    "answers",
    [
        numbered(TWENTY, lambda _: {"total": 20, "last_page": 7}),
        numbered(TWENTY),
        numbered(TWENTY, lambda n: {"next": f"?page={n + 1}" if n < 7 else None}),
        numbered(TWENTY, lambda n: {"next": f"?page={n + 1}&c=x"} if n < 7 else {}),
        ignoring(records(1, 2, 3)),
    ],
)
def test_a_run_of_an_earlier_revision_goes_on_to_evidence(answers: Answers, until: float) -> None:
    """Cut short or at its end, it is read on, or again, until its end is proven; it is never just believed."""
    whole = importing(answers)
    first = Play(whole.server, whole.rules).run(until=until)
    state = fold(as_recorded_before(first.events))
    assert state.listing.ended == ""
    again = Play(whole.server, whole.rules, state=state).run()
    assert ended(again)[:2] == ended(whole)[:2]
    assert (again.core.state.listing.ended != "") == (ended(whole)[0] == "complete")


def test_a_run_of_an_earlier_revision_says_that_it_has_no_evidence() -> None:
    """Its summary points to audit; so do the figures that it had written itself."""
    play = importing(numbered(TWENTY))
    state = fold(as_recorded_before(play.events))
    found = summarise("r", state, None)
    assert (found.status, found.list_ended) == ("complete", NOT_RECORDED)
    figures = found.as_dict()
    del figures["list_ended"]
    text = summary_text(Summary.from_dict(figures), Screen())
    assert "  list       an older version read it and did not record how it ended" in text
    assert "audit reads it again" in text
    unfinished = Summary.from_dict({**figures, "status": "stopped"})
    assert unfinished.list_ended is None


def test_the_summary_names_the_evidence() -> None:
    """A8: and a total that the pages contradict."""
    found = summarise("r", importing(numbered(SIXTY, lambda _: {"total": 40})).core.state, None)
    text = summary_text(found, Screen())
    text = " ".join(text.split())
    evidence = "page 4 is empty, asked twice, and page 5 is empty; it declared 40 items, which its pages contradict"
    assert f" list ended: {evidence} " in text
    agreed = summarise("r", importing(numbered(SIXTY, lambda _: {"total": 40, "last_page": 2})).core.state, None)
    assert "  list       ended: total 40 reached, in 2 pages as declared\n" in summary_text(agreed, Screen())
